"""`digest`: one line when there is nothing to tell, all else said, and nothing made better than it is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.audit import Entry, Kind
from bot.domain.digest import Past, wanted_clones
from bot.domain.fleet import Role, Service, State
from bot.domain.operation import Operation, Progress, Stage
from bot.domain.plan import Boot
from tests.commands.examples import (
    ADA,
    BOB,
    EVE,
    MASTER,
    NOW,
    a_diagnosis,
    a_finding,
    a_fleet,
    a_server,
    a_spec,
    an_operation,
    answer,
)

YESTERDAY = NOW - timedelta(days=1)
QUIET = "Nothing else to tell since 2026-11-21 12:00 UTC."


def digest(
    *clones: Any, past: Past | None = None, operations: tuple[Operation, ...] = (), **fleet: Any
) -> str:
    synced = {"i-1": NOW - timedelta(hours=2), "i-2": NOW - timedelta(hours=1)}
    past = past or Past(since=YESTERDAY, synced=synced)
    return answer("digest", a_fleet(*clones, **fleet), person=EVE, past=past, operations=operations)


def scaled(after: int, stage: Stage = Stage.DONE, name: str = "op-k3m9ta") -> Operation:
    operation = an_operation(name, stage)
    plan = replace(operation.plan, before=0, after=after, summary=f"web: 0 → {after} clones")
    return replace(operation, plan=plan)


def row(kind: Kind, text: str, **changes: Any) -> Entry:
    what: dict[str, Any] = {"at": NOW, "key": text, "operation": "op-k3m9ta", "person": "T0/U0ADA"}
    return Entry(kind=kind, text=text, **(what | changes))


def test_one_line_when_there_is_nothing_to_tell() -> None:
    assert digest(a_server("i-1"), a_server("i-2")).splitlines() == [
        "Digest: web as wanted",
        f"*web*: 2 of 2 clones serving, image 3 days old, content 2 hours old. {QUIET}",
    ]


def test_a_clone_that_the_log_knows_nothing_of_has_content_of_unknown_age() -> None:
    assert "content of 1 clone of unknown age" in digest(a_server("i-1"), a_server("i-by-hand"))


def test_without_a_digest_before_it_looks_back_a_day() -> None:
    assert "Nothing else to tell in the last 24 hours." in digest(past=Past())


def test_less_than_wanted_is_told_also_when_no_clone_is_left() -> None:
    told = digest(operations=(scaled(4),))
    assert told.splitlines() == [
        "Digest: 0 of 1 fleet as wanted",
        "*web*: 0 of 4 clones serving, image 3 days old",
    ]


def test_more_than_wanted_is_told() -> None:
    told = digest(a_server("i-1"), a_server("i-2"), operations=(scaled(1),))
    assert told.splitlines() == [
        "Digest: 0 of 1 fleet as wanted",
        "*web*: 2 clones serving, 1 wanted, image 3 days old, content 2 hours old",
    ]


def test_a_fleet_without_an_image_says_so() -> None:
    assert "no clones, no image yet" in digest(images=())


def test_before_the_first_image_it_is_told_that_nobody_looked_at_the_master() -> None:
    assert "no image yet, and its master not examined (`/clone doctor web`). Nothing else" in digest(
        images=()
    )
    looked = Past(since=YESTERDAY, examined={"web": a_diagnosis()})
    assert "no clones, no image yet. Nothing else" in digest(images=(), past=looked)
    assert "examined" not in digest()


def test_what_blocks_a_new_image_is_told_in_one_line() -> None:
    seen = a_diagnosis(a_finding(), at=NOW - timedelta(hours=3))
    blocks = f"No new image of *web*: `{a_finding().id}` blocks"
    told = digest(past=Past(since=YESTERDAY, examined={"web": seen})).splitlines()
    assert told == [
        "Digest: web as wanted",
        "*web*: no clones, image 3 days old",
        f"{blocks}, as the doctor saw 3 hours ago. Type `/clone doctor web`.",
    ]


@pytest.mark.parametrize("service", [Service.OUT, Service.STARTING, Service.UNHEALTHY, Service.DRAINING])
def test_a_clone_that_does_not_serve_is_named(service: Service) -> None:
    told = digest(a_server("i-1"), a_server("i-2", service=service))
    assert "Digest: 0 of 1 fleet as wanted" in told
    assert f"Clone `i-2` of web is {service} (running)" in told


def test_a_clone_that_is_going_is_no_news() -> None:
    assert QUIET in digest(a_server("i-1"), a_server("i-2", state=State.SHUTTING_DOWN, service=Service.OUT))


def test_a_quarantined_server_is_named_while_it_is_there() -> None:
    told = digest(quarantined=(a_server("i-9", Role.QUARANTINED, service=Service.OUT),))
    assert "Quarantined in web: `i-9`, out of service (running)" in told


def test_a_master_that_does_not_serve_is_named() -> None:
    told = digest(master=a_server(MASTER, Role.MASTER, service=Service.UNHEALTHY))
    assert f"The master of web does not serve: `{MASTER}` is unhealthy" in told


def test_what_waits_is_named_with_what_to_type() -> None:
    told = digest(operations=(scaled(4, Stage.AWAITING_APPROVAL),))
    assert (
        "Awaits approval for 5 minutes: `op-k3m9ta` web: 0 → 4 clones, asked by @U0BOB. "
        "Type `/clone approve op-k3m9ta`" in told
    )


def test_what_runs_is_named() -> None:
    told = digest(operations=(scaled(4, Stage.RUNNING),))
    assert "Running (5 minutes since it was asked): `op-k3m9ta` web: 0 → 4 clones, asked by @U0BOB" in told


def test_what_came_of_things_is_told() -> None:
    past = Past(since=YESTERDAY, rows=(row(Kind.FINISHED, "web: 3 of 4 clones serve, because."),))
    told = digest(past=past, operations=(scaled(4, Stage.PARTLY_DONE),))
    assert "Done since 2026-11-21 12:00 UTC:" in told
    assert "• `op-k3m9ta` web: 0 → 4 clones, partly done. web: 3 of 4 clones serve, because." in told


def test_what_was_denied_is_told_with_by_whom() -> None:
    past = Past(since=YESTERDAY, rows=(row(Kind.DENIED, "too dear"),))
    told = digest(past=past, operations=(scaled(4, Stage.DENIED),))
    assert "• `op-k3m9ta` web: 0 → 4 clones, denied by @U0ADA" in told


def test_what_came_of_another_fleet_is_not_told() -> None:
    past = Past(
        since=YESTERDAY, rows=(row(Kind.FINISHED, "shop: 1 of 1 clones serve.", operation="op-shop"),)
    )
    assert QUIET in digest(past=past)


def test_a_fleet_that_cannot_be_read_is_never_fine() -> None:
    shop = a_fleet(spec=a_spec("shop"))
    past = Past(since=YESTERDAY, unread={"web": NOW - timedelta(hours=5)})
    told = answer("digest", shop, person=EVE, past=past, unread={"web": "AWS did not answer."})
    assert told.splitlines()[0] == "Digest: could not read web; 1 of 2 fleets as wanted"
    assert "Could not read web since 2026-11-22 07:00 UTC (5 hours): AWS did not answer." in told
    assert "*shop*: no clones" in told


@pytest.mark.parametrize("person", [ADA, BOB, EVE], ids=lambda person: person.name)
def test_everybody_with_a_role_may_ask(person: Any) -> None:
    assert "Digest: web as wanted" in answer("digest web", a_fleet(), person=person)


def test_what_was_refused_before_it_began_is_not_wanted() -> None:
    refused = replace(scaled(8, Stage.FAILED, "op-new"), progress=(Progress.TO_DO,))
    assert wanted_clones("web", (refused, scaled(4))) == 4


@pytest.mark.parametrize("stage", [Stage.DENIED, Stage.AWAITING_APPROVAL, Stage.RUNNING])
def test_what_was_not_carried_out_is_not_wanted(stage: Stage) -> None:
    assert wanted_clones("web", (scaled(8, stage, "op-new"), scaled(4))) == 4


def test_what_was_tried_is_wanted_though_it_failed() -> None:
    plan = replace(scaled(8).plan, actions=(Boot(),))
    tried = replace(scaled(8, Stage.FAILED, "op-new"), plan=plan, progress=(Progress.FAILED,))
    assert wanted_clones("web", (tried, scaled(4))) == 8


def test_nothing_is_wanted_before_anybody_asked() -> None:
    assert wanted_clones("web", ()) is None
    assert wanted_clones("shop", (scaled(4),)) is None
