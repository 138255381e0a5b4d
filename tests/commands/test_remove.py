"""`remove`: which quarantined servers are ended."""

from datetime import timedelta

import pytest

from bot.domain.errors import BotError, UsageError
from bot.domain.fleet import Fleet, Role, Server, Service
from bot.domain.quarantine import Remove
from tests.commands.examples import MASTER, NOW, a_fleet, a_server, a_spec, answer, plan, run


def a_failed(server: str, *, minutes: float | None = -5, service: Service = Service.OUT) -> Server:
    """A quarantined server that is kept for so many more minutes."""
    expires = None if minutes is None else NOW + timedelta(minutes=minutes)
    return a_server(server, Role.QUARANTINED, service=service, expires=expires)


def with_failed(*servers: Server) -> Fleet:
    return a_fleet(a_server("i-1"), quarantined=servers)


def test_all_whose_time_is_over_are_ended_and_the_others_stay() -> None:
    fleet = with_failed(a_failed("i-7"), a_failed("i-8", minutes=5), a_failed("i-9", minutes=None))
    planned = plan("remove", fleet)
    assert planned.actions == (Remove(servers=("i-7",), discard=False),)
    assert (planned.command, planned.summary) == ("remove web", "web: end 1 quarantined server")
    assert planned.before == planned.after == 1
    assert planned.notes == (
        "`i-8` stays: kept for a look until 2026-11-22 12:05 UTC.",
        "`i-9` stays: kept until somebody types `/clone remove web i-9`.",
    )


@pytest.mark.parametrize("minutes", [5, -5, None])
def test_one_that_is_named_is_ended_whenever(minutes: float | None) -> None:
    planned = plan(
        'remove i-9 --discard --reason "seen enough"', with_failed(a_failed("i-9", minutes=minutes))
    )
    assert planned.actions == (Remove(servers=("i-9",), discard=True),)
    assert (planned.command, planned.reason) == ("remove web i-9 --discard", "seen enough")


def test_what_it_saves_is_said() -> None:
    fleet = a_fleet(spec=a_spec(price_per_hour=0.5), quarantined=(a_failed("i-8"), a_failed("i-9")))
    assert plan("remove", fleet).cost_per_hour == -1


def test_nothing_is_ended_while_all_are_kept() -> None:
    said = answer("remove", with_failed(a_failed("i-9", minutes=5)))
    assert said.splitlines() == [
        "Nothing of *web* is to be ended now.",
        "`i-9` stays: kept for a look until 2026-11-22 12:05 UTC.",
    ]
    assert answer("remove", a_fleet()) == "*web* has no quarantined servers; nothing to do."


@pytest.mark.parametrize(
    ("service", "what"),
    [(Service.HEALTHY, "deregister it in AWS first"), (Service.DRAINING, "within minutes")],
)
@pytest.mark.parametrize("named", ["", " i-9"])
def test_what_the_load_balancer_knows_is_not_ended(service: Service, what: str, named: str) -> None:
    said = answer(f"remove web{named}", with_failed(a_failed("i-9", service=service)))
    assert f"`i-9` stays: the load balancer knows it ({service})" in said
    assert what in said


@pytest.mark.parametrize(
    ("server", "why"),
    [
        ("i-1", "`i-1` is a clone of .* `/clone scale web 0`"),
        (MASTER, f"`{MASTER}` is the master of .* never ended"),
        ("i-0dead", "`i-0dead` is no server of .* Quarantined: `i-9`"),
    ],
)
def test_nothing_else_is_ever_ended(server: str, why: str) -> None:
    with pytest.raises(BotError, match=why):
        run(f"remove web {server}", with_failed(a_failed("i-9")))


def test_what_is_no_id_is_refused_with_an_example() -> None:
    with pytest.raises(UsageError, match="`4` is not an instance id"):
        run("remove web 4", with_failed())
