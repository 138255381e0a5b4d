"""The doctor on real Debian servers: what goes wrong is found and named, what is harmless blocks nothing."""

import re
import shlex
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest

from bot.domain.doctor.aws.examine import examine_aws
from bot.domain.doctor.facts import ServerFacts
from bot.domain.doctor.finding import Examination, Severity
from bot.domain.doctor.server import examine_server
from bot.domain.fleet import FleetSpec, Recipe
from tests.e2e.account import open_account
from tests.e2e.conftest import BOTH
from tests.e2e.cost import MOST_BYTES, MOST_CPU_SECONDS, cost, large_site
from tests.e2e.debian import Master
from tests.e2e.seeds import ACCOUNTS, BATCHES, FAR, LOOK_ALIKES
from tests.e2e.stacks import Stack

pytestmark = pytest.mark.timeout(300)
VISIBLE = [number for number in range(1, 48) if number not in {35, 45}]
"""Pitfalls that the server or AWS shows; the other two lie only in how a fleet is run."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One server, looked at when nothing was amiss, beside look-alikes, and when much was amiss."""

    spec: FleetSpec
    clean: ServerFacts
    alike: ServerFacts
    seeded: ServerFacts


@pytest.fixture(scope="module")
def seen(master: Master, stack: Stack) -> Iterator[Seen]:
    """Look, set up what looks alike, look, set up what goes wrong, look."""
    with _somebody_else():
        clean = _inspect(master)
        _type(master, [each.typed for each in LOOK_ALIKES])
        alike = _inspect(master)
        _type(master, [seed.typed for seed in BATCHES[stack.name]])
        yield Seen(master.spec, clean, alike, _inspect(master))


@dataclass(frozen=True, slots=True)
class Around:
    """What the doctor says of one server's account, before and after much was done to it."""

    clean: Examination
    seeded: Examination
    done: tuple[tuple[int, str], ...]
    """The pitfalls, and what must be named."""


@pytest.fixture(scope="module")
def around(master: Master, stack: Stack) -> Iterator[Around]:
    """Look at the account, do what goes wrong, look."""
    with open_account(master, stack) as account:
        clean = examine_aws(account.inspect(), account.spec)
        done = tuple((seed.pitfall, seed.done(account)) for seed in ACCOUNTS[stack.name])
        yield Around(clean, examine_aws(account.inspect(), account.spec), done)


def _type(master: Master, lines: list[str]) -> None:
    each = (f"(\nset -e\n{line}\n) || echo {shlex.quote(line)}" for line in lines)
    assert master.shell("\n".join(each), seconds=200) == ""


@contextmanager
def _somebody_else() -> Iterator[None]:
    """A server at the far end of the Internet, which takes connections."""
    subprocess.run(("ip", "address", "add", f"{FAR}/32", "dev", "lab"), check=True)
    with socket.create_server((FAR, 443)), socket.create_server((FAR, 5432)):
        yield


def _inspect(master: Master) -> ServerFacts:
    return master.servers.inspect(master.spec, master.server)


def _blocking(examination: Examination) -> list[str]:
    return [f"{each.check}: {each.where}" for each in examination.of(Severity.BLOCKS)]


def test_nothing_blocks_on_a_clean_server_with_its_recipe_and_all_is_checked(seen: Seen) -> None:
    examination = examine_server(seen.clean, seen.spec)

    assert _blocking(examination) == []
    assert examination.not_checked == ()


def test_without_its_recipe_its_database_its_settings_and_its_billing_block(seen: Seen, stack: Stack) -> None:
    told = " ".join(_blocking(examine_server(seen.clean, replace(seen.spec, recipe=Recipe()))))

    assert f"database: {stack.database}" in told
    assert f"database-here: {stack.settings}" in told
    assert "cron-jobs: /etc/cron.d/billing" in told or "timers: club-bill.timer" in told


def test_nothing_that_only_looks_like_a_pitfall_blocks(seen: Seen) -> None:
    assert len(LOOK_ALIKES) >= 15
    assert _blocking(examine_server(seen.alike, seen.spec)) == []


def test_what_looks_alike_is_not_even_warned_of_where_there_is_nothing_in_it(seen: Seen) -> None:
    told = {each.where for each in examine_server(seen.alike, seen.spec).findings}
    places = [alike.untold for alike in LOOK_ALIKES if alike.untold]
    assert len(places) >= 5
    assert [place for place in places if any(_names(where, place) for where in told)] == []


def test_every_pitfall_that_an_administrator_set_up_is_found_and_named(seen: Seen, stack: Stack) -> None:
    told = examine_server(seen.seeded, seen.spec).findings

    assert [
        (seed.pitfall, seed.where)
        for seed in BATCHES[stack.name]
        if not any(each.pitfall == seed.pitfall and _names(each.where, seed.where) for each in told)
    ] == []


def _names(told: str, where: str) -> bool:
    """Whether this very unit, path or user is named, perhaps with more beside it."""
    return re.search(rf"(^|\s){re.escape(where)}($|\s|:)", told) is not None


def test_nothing_blocks_in_the_account_of_a_clean_server(around: Around) -> None:
    assert _blocking(around.clean) == []
    assert [each.check for each in around.clean.not_checked] == ["other-quotas"]


def test_every_pitfall_that_an_administrator_set_up_in_the_account_is_found_and_named(around: Around) -> None:
    told = {(each.pitfall, each.where) for each in around.seeded.findings}
    assert [each for each in around.done if each not in told] == []


def test_each_pitfall_is_set_up_in_at_least_two_ways() -> None:
    ways = [seed.pitfall for batch in BATCHES.values() for seed in batch]
    ways += [seed.pitfall for batch in ACCOUNTS.values() for seed in batch]
    assert [number for number in VISIBLE if ways.count(number) < 2] == []


@pytest.mark.usefixtures("seen")
def test_looking_writes_nothing_on_the_master(master: Master, stack: Stack) -> None:
    master.servers.reach(master.spec, master.server)
    before = master.shell(f"touch /root/before; sleep 0.02; {_SUMS}")
    _inspect(master)

    assert master.shell(_SUMS) == before
    written = master.shell(
        "find / /run /tmp /dev/shm -xdev -cnewer /root/before ! -path '/run/systemd/*'"
    ).split()
    own = (
        "/var/log/",
        stack.data,
        "/dev/shm/PostgreSQL.",  # noqa: S108 (its own shared memory)
        "/run/sudo",
        "/run/log/journal",
        "/run/user",
        "/run/utmp",
    )
    assert [path for path in written if not path.startswith(own)] == []


_SUMS = "find /etc /var/spool/cron -type f -exec md5sum {} + | sort | md5sum"


@pytest.mark.parametrize("stack", BOTH[:1], indirect=True)
def test_looking_at_a_large_site_costs_little_and_waits_for_everybody_else(
    master: Master, stack: Stack
) -> None:
    with large_site(master, stack.content):
        spent = cost(master, lambda: examine_server(_inspect(master), master.spec))

    assert spent.priorities == {"nice 19, idle"}
    assert spent.cpu_seconds <= MOST_CPU_SECONDS
    assert spent.bytes <= MOST_BYTES
