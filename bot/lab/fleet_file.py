"""The lab's fleet file: the one that a newcomer reads first."""

from collections.abc import Mapping
from pathlib import Path

from bot.lab.aws.furnish import LOOPBACK_SITE, Furnished
from bot.lab.host.login import PORT

_NO_DIGEST = """\
# On workdays at nine each fleet's channel is told how its fleet is.
# [digest]
# cron = "0 9 * * 1-5"
# timezone = "Europe/Berlin\""""


def fleet_file(
    furnished: Furnished,
    *,
    user: str,
    key_file: Path,
    patience: Mapping[str, int] | None = None,
    digest: str = "",
) -> str:
    """The TOML text that configures the bot for the lab's site."""
    subnets = ", ".join(f'"{subnet}"' for subnet in furnished.subnets)
    waits = ", ".join(f"{name} = {seconds}" for name, seconds in (patience or {}).items())
    digests = f'[digest]\ncron = "{digest}"' if digest else _NO_DIGEST
    groups, front = _front(furnished)
    waiting = f"patience = {{ {waits} }}\n" if waits else ""
    return f"""\
# The lab's fleet: one hand-built server, and the clones that you ask for.
[fleets.web]
region = "{furnished.region}"
channel = "C0WEB"
master = "{furnished.master}"
{groups}subnets = [{subnets}]
max_clones = 8
price_per_hour = 0.0208

ssh = {{ user = "{user}", key_file = "{key_file}", port = {PORT}, root = ".", sudo = false }}
health = {{ port = 8080, path = "/healthz" }}
content = {{ paths = ["/var/www/html"] }}
{waiting}{front}
# Requests that change something go to the master, and so do those for what was just uploaded.
[fleets.web.writes]
{_writes_group(furnished)}prefixes = ["/upload", "/uploads"]

# What a clone must not do, and what it must be told.
[fleets.web.recipe]
services = ["sitedb"]
jobs = ["crontab:{user}"]
restart = ["site"]

[[fleets.web.recipe.rewrite]]
file = "/etc/site.conf"
find = "db_host = localhost"
replace = "db_host = {{{{ master.private_ip }}}}"

[policy.roles]
viewer = ["U0DAN"]
operator = ["S0OPS"]
approver = ["U0ADA"]

[policy.approval]
scale_out_above = 2

{digests}

# Who types `clonebot run` on this machine: operating-system users, and the Slack user id behind each.
[terminal]
team = "T0LAB"
users = {{ "{user}" = "U0BOB" }}
"""


def _front(furnished: Furnished) -> tuple[str, str]:
    """The line that names the target group; or else the table of the load balancer that `adopt` makes."""
    if furnished.target_group:
        return f'target_group = "{furnished.target_group}"\n', ""
    return (
        "",
        f"""
# What `/clone adopt` makes, since no target group is named above.
[fleets.web.balancer]
port = {LOOPBACK_SITE.listener_port}
drain = 5
""",
    )


def _writes_group(furnished: Furnished) -> str:
    group = furnished.writes_target_group
    return f'target_group = "{group}"\n' if group else ""
