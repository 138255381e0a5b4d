"""Servers that nobody prepared, as AWS and the doctor see them, and the fleet files that come of them."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.domain.doctor.facts import Line, ServerFacts
from bot.domain.fleet import FleetSpec, Role, Server, Ssh, State
from bot.domain.suggestion.draft import FILL_IN, Draft, Item, Wish
from bot.domain.suggestion.suggest import suggest
from bot.domain.suggestion.surroundings import Subnet, Surroundings, TargetGroup
from bot.settings import load
from bot.settings.draft import write
from tests.domain.doctor_examples import APACHE, NGINX, PAGES, but, folder, job

MASTER = "i-0123456789abcdef0"
ZONES = ("eu-central-1a", "eu-central-1b")


def subnet(letter: str, **more: Any) -> Subnet:
    values = {"zone": f"eu-central-1{letter[0]}", "way_out": "igw", "public": True, "free": 250, **more}
    return Subnet(id=f"subnet-{letter}", **values)


def target_group(name: str, *members: str, **more: Any) -> TargetGroup:
    values = {"port": 80, "health_port": "traffic-port", "health_path": "/ok.php", "kind": "instance", **more}
    arn = f"arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/{name}/1"
    return TargetGroup(arn=arn, name=name, members=members, **{"zones": ZONES, **values})


def around(**more: Any) -> Surroundings:
    """A server in the first of two zones, in no target group."""
    server = Server(
        id=MASTER,
        role=Role.MASTER,
        state=State.RUNNING,
        address="10.0.0.5",
        type="t3.small",
        subnet="subnet-a",
        image="ami-1",
        launched=datetime(2019, 5, 1, tzinfo=UTC),
    )
    values: dict[str, Any] = {
        "server": server,
        "name": "The Shop",
        "firewalls": (("sg-1", "site"),),
        "subnets": (subnet("a"), subnet("b")),
        "target_groups": (target_group("shop", MASTER), target_group("shop-writes", zones=())),
    }
    return Surroundings(**{**values, **more})


SHOP = but(
    APACHE,
    settings=[
        Line(file="/etc/apache2/sites-enabled/000-default.conf", text=f"DocumentRoot {PAGES}"),
        Line(file="/etc/apache2/conf-enabled/docs.conf", text="Alias /manual /usr/share/doc"),
    ],
    content=[folder(f"{PAGES}/uploads/2024", owner="www-data"), folder(f"{PAGES}/var/cache")],
    jobs=[
        job("crontab:www-data", f"php {PAGES}/bill.php --key secret"),
        job("/etc/cron.d/dump", "mysqldump"),
    ],
)  # fmt: skip
"""Apache, PHP and MariaDB, with a job that bills and one that makes a backup."""

CLUB = but(
    replace(NGINX, content=()),
    settings=[
        Line(file="/etc/nginx/sites-enabled/club", text="root /srv/club/static;"),
        Line(file="/etc/nginx/sites-enabled/club", text="location = /healthz {"),
        Line(file="/etc/systemd/system/club.service", text="WorkingDirectory=/srv/club"),
    ],
    content=[folder("/srv/club/static"), folder("/srv/club/static/media", owner="www-data")],
)  # fmt: skip
"""nginx, a Python application under systemd and PostgreSQL."""


def wish(key: str = "key", **more: Any) -> Wish:
    return replace(Wish(fleet="shop", region="eu-central-1", ssh=Ssh(user="admin", key_file=key)), **more)


def drafted(facts: ServerFacts | None, surroundings: Surroundings | None = None, **more: Any) -> Draft:
    return suggest(wish(**more), surroundings or around(), facts)


def written(draft: Draft) -> str:
    return write(draft, made_by="clonebot config suggest")


def filled(folder: Path, draft: Draft) -> FleetSpec:
    """The fleet, once a person has filled in what only a person knows."""
    (folder / "key").write_text("a key")
    text = written(draft)
    for word, known in (
        ("channel = ", "C0SHOP"),
        ("operator = [\n    ", "U0BOB"),
        ("approver = [\n    ", "U0ADA"),
    ):
        text = text.replace(f'{word}"{FILL_IN}"', f'{word}"{known}"')
    (folder / "fleets.toml").write_text(text)
    (spec,) = load(folder / "fleets.toml").fleets
    return spec


def values(items: tuple[Item, ...]) -> list[str]:
    return [item.value for item in items]


def table(draft: Draft) -> dict[str, Any]:
    """The fleet's table, as TOML reads it."""
    found: dict[str, Any] = tomllib.loads(written(draft))["fleets"]["shop"]
    return found
