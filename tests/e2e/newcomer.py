"""What a newcomer does before there is a fleet: the README's way, from a Debian server that stands alone."""

import subprocess

from bot.lab.lab import Lab
from tests.e2e.debian import Debian
from tests.scenarios.newcomer import clonebot, fill_in


def suggest(lab: Lab, place: Debian, *more: str, user: str = "admin") -> "subprocess.CompletedProcess[str]":
    """Type `clonebot config suggest i-…` for the lab's master."""
    login = ("--ssh-user", user, "--ssh-key", str(place.hosts.key_file))
    where = ("--region", lab.site.region, "--fleet", "web")
    return clonebot(lab, "config", "suggest", lab.site.master, *where, *login, *more)


def draw_up(lab: Lab, place: Debian) -> str:
    """The fleet file as `clonebot config suggest` drew it up, with what only a person knows filled in."""
    file = lab.folder / "suggested.toml"
    done = suggest(lab, place, "--output", str(file))
    assert done.returncode == 0, done.stderr
    return place.stack.decided(fill_in(file.read_text()))
