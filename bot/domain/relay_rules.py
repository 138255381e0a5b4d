"""The rules of a relay, in the words of the two web servers that can follow them. Pure.

What both keep: large uploads are passed on as they arrive, with the client's address (`X-Forwarded-For`,
extended), `X-Forwarded-Proto` and `Host`, and so cookies and redirects. Each request gets a connection of
its own to the master: one that is used again may be closed just then, and a write cannot be repeated. A
master that does not answer costs writes a 502 to 504, and reads nothing. What came from a relay is not
relayed again (508).
"""

from bot.domain.relay import MARK, MASTER_PAGE, PROBE, RELAYED, Relay

_CONNECT_SECONDS = 5
_ANSWER_SECONDS = 3600
_HEAD = "# Clonebot wrote this file: a clone passes writes on to its master. The master must not have it.\n"


def for_apache(relay: Relay) -> str:
    """Write a file for the main server of Apache 2.4 and, included at its beginning, for each virtual host.

    Virtual hosts inherit rewrite rules only if they have some of their own (with InheritDown), and then also
    those that were never meant for them. Included first, ours come before the host's own, its ProxyPass,
    .htaccess and the handlers of PHP-FPM; only a `RewriteEngine off` is stronger. What <Location> says of
    everything (Require, AuthType) goes on to hold.
    """
    origin = relay.origin
    return f"""{_HEAD}
RewriteEngine On

RewriteCond %{{REQUEST_METHOD}} "=GET"
RewriteRule "^{_regex(MASTER_PAGE)}$" "{origin}{_apache_text(relay.health)}" [NS,P,L,E=clonebot:page]

{_apache_conditions(relay)}RewriteCond %{{SERVER_ADDR}} "!={relay.master}"
RewriteRule "^" "-" [NS,E=clonebot:write]

RewriteCond %{{ENV:clonebot}} "=write"
RewriteCond %{{REQUEST_URI}} "/{_regex(PROBE)}$"
RewriteRule "^" "-" [NS,R=204,L]

RewriteCond %{{ENV:clonebot}} "=write"
RewriteCond %{{HTTP:{RELAYED}}} "."
RewriteRule "^" "-" [NS,R=508,L]

RewriteCond %{{ENV:clonebot}} "=write"
RewriteRule "^" "{origin}%{{REQUEST_URI}}" [NS,P,L]

RequestHeader set {RELAYED} "yes" env=clonebot
RequestHeader setifempty X-Forwarded-Proto "expr=%{{REQUEST_SCHEME}}" env=clonebot
Header always set {MARK} "{relay.fingerprint}" env=clonebot

<Proxy "{origin}">
    ProxySet connectiontimeout={_CONNECT_SECONDS} timeout={_ANSWER_SECONDS} retry=0 disablereuse=On
    ProxyPreserveHost On
    ProxyErrorOverride Off
    LimitRequestBody 0
    Require all granted
</Proxy>
"""


def for_nginx(relay: Relay) -> str:
    """Write a file to be included at the beginning of each of nginx's `server` blocks.

    nginx has nothing that all server blocks inherit and that passes requests on. A block of our own before
    the site's would have to take ports, names and certificates from it, and would hide the clients of all
    reads from it; one line in each block leaves reads as they are. Included first, it comes before the
    block's own rewrites and locations; what the block says of everything (auth_basic, deny) goes on to hold.
    """
    conditions = "\n".join(
        f'if ({what} ~ "{pattern}") {{ set $clonebot write; }}' for what, pattern in _nginx_conditions(relay)
    )
    return f"""{_HEAD}
set $clonebot "";
{conditions}
if ($server_addr = "{relay.master}") {{ set $clonebot ""; }}
if ($http_{_variable(RELAYED)}) {{ set $clonebot "${{clonebot}} again"; }}
if ($uri ~ "/{_regex(PROBE)}$") {{ set $clonebot "${{clonebot}} probe"; }}
if ($uri = "{MASTER_PAGE}") {{ set $clonebot "${{request_method}} page"; }}

set $clonebot_host $http_host;
if ($clonebot_host = "") {{ set $clonebot_host $host; }}
set $clonebot_proto $http_x_forwarded_proto;
if ($clonebot_proto = "") {{ set $clonebot_proto $scheme; }}

if ($clonebot = "write") {{ rewrite ^ /.clonebot/write last; }}
if ($clonebot = "write probe") {{ rewrite ^ /.clonebot/probe last; }}
if ($clonebot = "write again") {{ return 508; }}
if ($clonebot = "GET page") {{ rewrite ^ /.clonebot/page last; }}

location = /.clonebot/write {{
    internal;
    proxy_pass {relay.origin}$request_uri;
{_NGINX_PROXY}    add_header {MARK} "{relay.fingerprint}" always;
}}

location = /.clonebot/page {{
    internal;
    set $clonebot_page "{_nginx_text(relay.health)}";
    proxy_pass {relay.origin}$clonebot_page;
{_NGINX_PROXY}    add_header {MARK} "{relay.fingerprint}" always;
}}

location = /.clonebot/probe {{
    internal;
    add_header {MARK} "{relay.fingerprint}" always;
    return 204;
}}
"""


_NGINX_PROXY = f"""\
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $clonebot_host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $clonebot_proto;
    proxy_set_header {RELAYED} "yes";
    client_max_body_size 0;
    proxy_request_buffering off;
    proxy_buffering off;
    proxy_buffers 4 64k;
    proxy_buffer_size 64k;
    proxy_busy_buffers_size 128k;
    proxy_cache off;
    proxy_intercept_errors off;
    proxy_redirect off;
    proxy_next_upstream off;
    proxy_connect_timeout {_CONNECT_SECONDS}s;
    proxy_send_timeout {_ANSWER_SECONDS}s;
    proxy_read_timeout {_ANSWER_SECONDS}s;
"""


def _apache_conditions(relay: Relay) -> str:
    conditions = []
    if relay.methods:
        conditions.append(f'RewriteCond %{{REQUEST_METHOD}} "{_methods(relay)}"')
    if relay.prefixes:
        conditions.append(f'RewriteCond %{{REQUEST_URI}} "{_prefixes(relay)}"')
    return " [OR]\n".join(conditions) + "\n"


def _nginx_conditions(relay: Relay) -> list[tuple[str, str]]:
    found = [("$request_method", _methods(relay))] if relay.methods else []
    return [*found, ("$uri", _prefixes(relay))] if relay.prefixes else found


def _methods(relay: Relay) -> str:
    return f"^(?:{'|'.join(map(_regex, relay.methods))})$"


def _prefixes(relay: Relay) -> str:
    """The same as the load balancer's "/upload" and "/upload/*"."""
    return f"^(?:{'|'.join(map(_regex, relay.prefixes))})(?:/|$)"


def _regex(text: str) -> str:
    r"""Match these bytes and nothing else, in either server's quotes: what is not plain becomes \x2e."""
    return "".join(_plain_byte(byte) or f"\\x{byte:02x}" for byte in text.encode())


def _url(text: str) -> str:
    """Encode all that is not plain in a URL or in either server's quotes."""
    return "".join(chr(byte) if chr(byte) in _URL else f"%{byte:02X}" for byte in text.encode())


_URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/?&=+:,;@!%"


def _apache_text(path: str) -> str:
    return _url(path).replace("%", "\\%")


_nginx_text = _url


def _plain_byte(byte: int) -> str:
    plain = byte < 128 and (chr(byte).isalnum() or chr(byte) in "/_-")  # noqa: PLR2004 (ASCII)
    return chr(byte) if plain else ""


def _variable(header: str) -> str:
    return header.lower().replace("-", "_")
