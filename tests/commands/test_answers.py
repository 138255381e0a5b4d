"""The commands that only answer."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.audit import Entry, Kind
from bot.domain.digest import Past
from bot.domain.doctor.finding import Finding
from bot.domain.doctor.waiver import waive
from bot.domain.errors import UsageError
from bot.domain.fleet import ImageState, Role, Service, State
from bot.domain.operation import Stage
from bot.domain.people import Person
from bot.domain.proof_log import LastProof
from tests.commands.examples import (
    ADA,
    BOB,
    COMMANDS,
    EVE,
    MASTER,
    NOW,
    a_diagnosis,
    a_finding,
    a_fleet,
    a_server,
    a_spec,
    an_image,
    an_operation,
    answer,
)

PROVED = "proved 5 minutes ago"
KEPT = "kept until somebody types `/clone remove web i-9`"


def test_status_shows_each_server_and_what_is_being_done() -> None:
    fleet = a_fleet(
        a_server("i-1"),
        a_server("i-2", service=Service.UNHEALTHY, image="ami-x"),
        quarantined=(a_server("i-9", Role.QUARANTINED, service=Service.OUT, address=""),),
    )
    done = an_operation("op-aaaaaa", Stage.DONE)
    past = Past(proved={"i-1": LastProof(at=NOW - timedelta(minutes=5))})
    assert answer("status web", fleet, operations=(an_operation(), done), past=past).splitlines() == [
        "*web*: 2 clones; 2 of 3 servers serving",
        f"Master `{MASTER}` 10.0.0.1: running, healthy, launched 1 hour ago",
        "Clone `i-2` 10.0.0.1: running, unhealthy, launched 1 hour ago, image `ami-x`, no proof in the log",
        f"Clone `i-1` 10.0.0.1: running, healthy, launched 1 hour ago, image `ami-1` (3 days old), {PROVED}",
        f"Quarantined `i-9`: running, out of service, launched 1 hour ago; not counted; {KEPT}",
        "`op-k3m9ta` awaiting approval: web: 2 → 4 clones",
    ]


def test_status_says_of_a_failed_server_what_failed_and_when() -> None:
    apart = a_server("i-9", Role.QUARANTINED, expires=NOW + timedelta(minutes=5))
    failed = LastProof(at=NOW - timedelta(minutes=5), why="the proof failed: hostname: it is the master's")
    (line,) = [
        line
        for line in answer(
            "status web", a_fleet(quarantined=(apart,)), past=Past(proved={"i-9": failed})
        ).splitlines()
        if "`i-9`" in line
    ]
    assert "failed 5 minutes ago (the proof failed: hostname: it is the master's); not counted" in line
    assert line.endswith("kept for a look until 2026-11-22 12:05 UTC")


def test_status_says_that_nobody_looked_at_a_master_before_its_first_image() -> None:
    said = "Its master was not examined yet. `/clone doctor web` says whether it can be cloned."
    assert said in answer("status web", a_fleet(images=())).splitlines()
    assert said in answer("status web", a_fleet(images=()), past=examined(master="i-other")).splitlines()
    assert said not in answer("status web", a_fleet(images=()), past=examined())
    assert said not in answer("status web", a_fleet())


def test_status_says_that_no_image_is_good_unless_one_is_being_tried() -> None:
    fleet = a_fleet(images=(an_image(state=ImageState.BUILDING, operation="op-k3m9ta"),))
    said = (
        "No image is good: `ami-1` was never tried. The next `/clone scale` bakes a new one, or type "
        "`/clone bake web`."
    )
    assert said in answer("status web", fleet).splitlines()
    assert said not in answer("status web", fleet, operations=(an_operation(stage=Stage.RUNNING),))
    assert "No image is good" not in answer("status web", a_fleet())


def test_status_says_in_one_line_what_blocks_and_how_old_that_is() -> None:
    jobs = [a_finding(f"/etc/cron.d/{name}:1") for name in ("a", "b", "c", "d", "e")]
    names = [f"`{job.id}`" for job in jobs]
    began, ended = "No new image of *web*: ", ", as the doctor saw 2 days ago. Type `/clone doctor web`."
    for number, said in (
        (1, f"{names[0]} blocks"),
        (2, f"{names[0]} and {names[1]} block"),
        (5, f"{', '.join(names[:3])}, 2 more things block"),
    ):
        past = examined(*jobs[:number], at=NOW - timedelta(days=2))
        assert f"{began}{said}{ended}" in answer("status web", a_fleet(), past=past).splitlines()


def test_status_says_nothing_of_what_is_waived_until_that_is_over() -> None:
    given = waive(a_finding(), fleet="web", master=MASTER, until=NOW.date(), reason="moved soon")
    past = examined(a_finding(), waivers=(given,), at=NOW - timedelta(days=2))
    assert "No new image" not in answer("status web", a_fleet(), past=past)
    over = replace(given, until=NOW.date() - timedelta(days=1))
    past = examined(a_finding(), waivers=(over,), at=NOW - timedelta(days=2))
    assert "No new image" in answer("status web", a_fleet(), past=past)


def examined(*findings: Finding, **changes: Any) -> Past:
    return Past(examined={"web": a_diagnosis(*findings, **changes)})


def test_status_of_all_fleets_begins_each_with_its_own_line() -> None:
    shop = a_fleet(
        spec=a_spec("shop"), master=a_server(MASTER, Role.MASTER, service=Service.OUT, state=State.STOPPED)
    )
    lines = answer("status", a_fleet(), shop).splitlines()
    assert lines[0] == "2 fleets, 1 serving"
    assert "*web*: 0 clones; 1 of 1 server serving" in lines
    assert "*shop*: 0 clones; 0 of 1 server serving" in lines


def test_status_of_a_large_fleet_fits_on_a_screen_and_hides_no_sick_clone() -> None:
    many = [a_server(f"i-{number}") for number in range(100)]
    said = answer("status", a_fleet(*many, a_server("i-sick", service=Service.UNHEALTHY)))
    assert "`i-sick`" in said.splitlines()[2]
    assert said.splitlines()[-1] == "… and 81 more clones, 81 of them serving"


def test_operations_shows_the_open_ones_first_and_what_an_approver_can_type() -> None:
    done = replace(an_operation("op-aaaaaa", Stage.DONE), result="4 of 4 serve")
    queued = replace(an_operation("op-bbbbbb", Stage.WAITING), behind="op-k3m9ta")
    known = {"operations": (done, an_operation(), queued)}
    what = "web: 2 → 4 clones (@U0BOB, 5 minutes ago)"
    choice = "Type `/clone approve op-k3m9ta` or `/clone deny op-k3m9ta`"
    assert answer("operations", person=ADA, **known).splitlines() == [
        "2 operations open; the newest that ended",
        f"`op-k3m9ta` *awaiting approval*: {what}. {choice}",
        f"`op-bbbbbb` *waiting for its turn*: {what}, behind `op-k3m9ta`",
        f"`op-aaaaaa` *done*: {what}. 4 of 4 serve",
    ]
    assert "/clone approve" not in answer("operations", person=BOB, **known)
    assert "no operation yet" in answer("operations")


ROW = Entry(
    kind=Kind.APPROVED,
    at=NOW,
    key="k",
    operation="op-k3m9ta",
    text="approved web: 2 → 4 clones",
    fleet="web",
    person="T0/U0ADA",
    seq=7,
)


def test_audit_shows_who_did_what_and_when() -> None:
    assert answer("audit op-k3m9ta", found=(ROW,)).splitlines() == [
        "The newest 1 row with “op-k3m9ta” of the audit log",
        "#7 2026-11-22 12:00:00 UTC `op-k3m9ta` [web] *approved* @U0ADA: approved web: 2 → 4 clones",
    ]
    assert answer("audit nothing").startswith("No row with “nothing” in the audit log.")


def test_audit_without_words_tells_who_did_what_and_how_to_see_the_steps() -> None:
    asked = replace(ROW, kind=Kind.REQUESTED, operation="op-zzzzzz", text="", fleet="", seq=8)
    assert answer("audit", found=(asked, ROW)).splitlines() == [
        "Who did what, newest first",
        "#8 2026-11-22 12:00:00 UTC `op-zzzzzz` *requested* @U0ADA",
        "#7 2026-11-22 12:00:00 UTC `op-k3m9ta` [web] *approved* @U0ADA: approved web: 2 → 4 clones",
        "To see the steps of one, type its id: `/clone audit op-k3m9ta`",
    ]


def test_audit_asks_for_the_rows_with_the_words_typed() -> None:
    audit = next(each for each in COMMANDS if each.name == "audit")
    assert audit.search is not None
    assert audit.search(audit.args(words="op-1 launch")) == "op-1 launch"


@pytest.mark.parametrize(
    ("person", "roles", "approval"),
    [(BOB, "*viewer*, *operator*", True), (ADA, "*viewer*, *approver*", False), (EVE, "*viewer*", False)],
    ids=["operator", "approver", "viewer"],
)
def test_whoami_tells_roles_commands_and_what_needs_somebody_else(
    person: Person, roles: str, *, approval: bool
) -> None:
    said = answer("whoami", person=person)
    assert said.splitlines()[0] == f"You are @{person.id}: {roles}"
    assert f"Your id is `{person.id}` in the workspace `T0`." in said
    assert ("Scaling out to more than 2 clones needs an *approver* other than you" in said) == approval


def test_help_fits_on_one_screen_and_shows_only_what_one_may_run() -> None:
    assert "`/clone scale [fleet] N|+N|-N" in answer("help")
    viewers = answer("help", person=EVE)
    assert not any(word in viewers for word in ("scale", "approve", "deny"))
    assert len(answer("help").splitlines()) <= 28


def test_help_about_a_command_shows_all_about_it() -> None:
    said = answer("help Scale")
    assert "`/clone scale [fleet] N|+N|-N [--reason TEXT] [--discard] [--dry-run]`" in said
    assert "`[--discard]`: remove clones even if they hold files that the master lacks" in said
    assert 'For instance: `/clone scale web 4 --reason "Black Friday"`' in said


def test_help_never_tells_a_forbidden_command_from_one_that_does_not_exist() -> None:
    for topic in ("scale", "frobnicate"):
        with pytest.raises(UsageError) as raised:
            answer(f"help {topic}", person=EVE)
        assert str(raised.value).startswith(f"I know no command `{topic}` for you.")
