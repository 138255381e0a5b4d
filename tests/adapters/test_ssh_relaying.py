"""What the relay's adapter makes of a web server's configuration and answers."""

import pytest

from bot.ssh.asking import Answer, read_head
from bot.ssh.probing import virtual_hosts
from bot.ssh.server_blocks import in_server_blocks, in_virtual_hosts

LINE = b"include /x;"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"server { listen 80; }", b"server { include /x; listen 80; }"),
        (b"server{\n  listen 80;\n}", b"server{ include /x;\n  listen 80;\n}"),
        (b"server\n{\n}\nserver {}", b"server\n{ include /x;\n}\nserver { include /x;}"),
        (
            b"http { upstream a { server b; } server { } }",
            b"http { upstream a { server b; } server { include /x; } }",
        ),
        (b"stream { server { } }", b"stream { server { } }"),
        (b"# server {\nmap $a $b { server 1; }", b"# server {\nmap $a $b { server 1; }"),
        (b"log \"server {\"; a 'server {';", b"log \"server {\"; a 'server {';"),
        (b"set $a ${server}; server {}", b"set $a ${server}; server { include /x;}"),
        (b"server { # ours }\n a 1; }", b"server { include /x; # ours }\n a 1; }"),
        (b"server_name server;", b"server_name server;"),
        (b"}} server {", b"}} server { include /x;"),
        (b"", b""),
    ],
)
def test_every_server_block_begins_with_the_line_and_only_once(before: bytes, after: bytes) -> None:
    assert in_server_blocks(before, LINE) == after
    assert in_server_blocks(after, LINE) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            b"<VirtualHost *:80>\n  A b\n</VirtualHost>\n",
            b"<VirtualHost *:80>\ninclude /x;\n  A b\n</VirtualHost>\n",
        ),
        (b"  <virtualhost a:80 b:80> \n", b"  <virtualhost a:80 b:80> \ninclude /x;\n"),
        (b"# <VirtualHost *:80>\nServerName a\n", b"# <VirtualHost *:80>\nServerName a\n"),
        (b"</VirtualHost>\n", b"</VirtualHost>\n"),
        (b"", b""),
    ],
)
def test_every_virtual_host_begins_with_the_line_and_only_once(before: bytes, after: bytes) -> None:
    assert in_virtual_hosts(before, LINE) == after
    assert in_virtual_hosts(after, LINE) == after


APACHE = """VirtualHost configuration:
*:80                   is a NameVirtualHost
         default server club.example (/etc/apache2/sites-enabled/000-default.conf:1)
         port 80 namevhost club.example (/etc/apache2/sites-enabled/000-default.conf:1)
                 alias www.club.example
         port 80 namevhost shop.example (/etc/apache2/sites-enabled/shop.conf:1)
*:443                  secure.example (/etc/apache2/sites-enabled/secure.conf:2)
"""
NGINX = """    server_name club.example www.club.example;
server { server_name _ *.shop.example ~^x$ ""; }
    # server_name old.example;
"""


@pytest.mark.parametrize(
    ("kind", "said", "names"),
    [
        ("apache2", APACHE, ("club.example", "shop.example")),
        ("apache2", "*:80    alone.example (/etc/apache2/sites-enabled/a.conf:1)\n", ("alone.example",)),
        ("apache2", "*:*     alone.example (/etc/apache2/sites-enabled/a.conf:1)\n", ("alone.example",)),
        ("nginx", NGINX, ("club.example", "www.club.example")),
        ("", "", ()),
    ],
)
def test_virtual_hosts_with_plain_names_are_found(kind: str, said: str, names: tuple[str, ...]) -> None:
    assert virtual_hosts(kind, said, 80) == names


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"HTTP/1.1 204 No Content\r\nX-A:  b \r\n\r\nX-C: d", Answer(204, {"x-a": "b"})),
        (b"HTTP/1.1 200", Answer(200)),
        (b"HTTP/1.1 2000 OK\r\n\r\n", Answer()),
        (b"SSH-2.0-OpenSSH\r\n", Answer()),
        (b"\xff\xfe", Answer()),
        (b"", Answer()),
    ],
)
def test_of_an_answer_the_head_is_read(said: bytes, answer: Answer) -> None:
    assert read_head(said) == answer
