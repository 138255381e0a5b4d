"""Whether cloud-init runs at a clone's first boot: what holds the master's work back depends on it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.domain.doctor.facts import ServerFacts, Unit
from bot.domain.doctor.server.check import BLOCKS, Check, Sign
from bot.domain.fleet import FleetSpec
from bot.domain.words import plural

_PROGRAM = "/usr/bin/cloud-init"
_UNITS = frozenset(
    f"{name}.service" for name in ("cloud-init", "cloud-init-local", "cloud-init-main", "cloud-init-network")
)
"""Without one of these it reads no user data, or only remembers the master's; versions differ in them."""
_IGNORES_USER_DATA = re.compile(r"allow_userdata\s*:\s*(false|no|0)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that keeps cloud-init from running on a clone."""

    where: str
    what: str
    remedy: str


def obstacles(facts: ServerFacts) -> Iterator[Obstacle]:
    """All that keeps cloud-init from running."""
    if not facts.cloud_init:
        yield Obstacle(
            _PROGRAM, "cloud-init is not installed", "Install it: `sudo apt-get install cloud-init`."
        )
        return
    for file in facts.cloud_init_off:
        yield Obstacle(file, f"{file} turns cloud-init off", _turning_on(file))
    for unit in facts.units:
        if unit.name in _UNITS and (unit.masked or unit.enabled == "disabled"):
            yield _kept_from_starting(unit)


def _turning_on(file: str) -> str:
    if file.endswith(".disabled"):
        return f"Remove it: `sudo rm {file}`."
    if file.endswith("ds-identify.cfg"):
        return f"Remove the line `policy: disabled` from {file}."
    if file.startswith(("/etc/kernel/", "/boot/loader/")):
        return f"Remove `cloud-init=disabled` from {file}."
    written = file if file.startswith("/etc/") else "/etc/default/grub"
    return f"Remove `cloud-init=disabled` from {written}, then `sudo update-grub`."


def _kept_from_starting(unit: Unit) -> Obstacle:
    state, verb = ("masked", "unmask") if unit.masked else ("disabled", "enable")
    return Obstacle(
        unit.name,
        f"{unit.name}, without which cloud-init does not do its work, is {state}",
        f"Let it start: `sudo systemctl {verb} {unit.name}`.",
    )


def hold_back(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """What the recipe keeps from clones starts there all the same, until they are prepared over SSH."""
    recipe = spec.recipe
    kept = [*recipe.services, *recipe.jobs, *recipe.spools, *recipe.agents]
    if kept:
        more = f" and {plural(len(kept) - 1, 'other')}" if kept[1:] else ""
        for each in (*obstacles(facts), *_ignores_user_data(facts)):
            what = f"{each.what}, so nothing keeps {kept[0]}{more} quiet at a clone's first boot."
            yield Sign(BLOCKS, each.where, what, each.remedy)


def _ignores_user_data(facts: ServerFacts) -> Iterator[Obstacle]:
    for line in facts.settings:
        if line.file.startswith("/etc/cloud/") and _IGNORES_USER_DATA.match(line.text):
            yield Obstacle(line.file, f"{line.file} lets cloud-init ignore user data", "Remove that line.")


FIRST_BOOT = (Check("hold-back", 6, hold_back, ("units", "cloud_init", "settings")),)
