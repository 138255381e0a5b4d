"""`doctor` tells, `waive` accepts for a time, and what blocks keeps images from being made."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from bot.command import Answer, Scope
from bot.domain.doctor.finding import NotChecked, Severity
from bot.domain.doctor.waiver import Waiver, waive
from bot.domain.errors import BotError, NotAllowed, UsageError
from bot.domain.fleet import Role, State
from bot.domain.people import Person
from bot.domain.policy import require
from tests.commands.examples import (
    ADA,
    BOB,
    COMMANDS,
    EVE,
    MASTER,
    POLICY,
    a_diagnosis,
    a_finding,
    a_fleet,
    a_server,
    plan,
    run,
)

CRON = a_finding()
WARNING = a_finding("sg-1", check="open-port", severity=Severity.WARNS)
UNTIL = "--until 2026-12-31"
WHY = "--reason 'does no harm'"


def waived(text: str, **known: Any) -> Waiver:
    known = {"diagnosis": a_diagnosis(CRON, WARNING), **known}
    decided = run(text, a_fleet(), person=ADA, **known)
    assert isinstance(decided, Waiver)
    return decided


def refused(text: str, **known: object) -> str:
    with pytest.raises(BotError) as raised:
        waived(text, **known)
    return str(raised.value)


# -- doctor


def test_doctor_answers_in_short_and_brings_the_whole_with_it() -> None:
    seen = a_diagnosis(CRON, WARNING)
    told = run("doctor", a_fleet(), diagnosis=seen)
    assert isinstance(told, Answer)
    assert told.title == "*web*: 1 thing blocks a clone image"
    assert told.lines[0] == "1 blocking · 1 warning"
    assert CRON.id in told.lines[1]
    assert told.diagnosis == seen


def test_doctor_never_says_that_all_is_well_where_nobody_looked() -> None:
    with pytest.raises(BotError, match="was not examined"):
        run("doctor", a_fleet(), diagnosis=None)


@pytest.mark.parametrize("person", [BOB, ADA], ids=["operator", "approver"])
def test_doctor_is_for_who_bakes_and_for_who_waives(person: Person) -> None:
    assert isinstance(run("doctor web", a_fleet(), person=person), Answer)


def test_doctor_is_not_for_those_who_may_only_look() -> None:
    with pytest.raises(UsageError, match="I know no command `doctor`"):
        run("doctor web", a_fleet(), person=EVE)


# -- waive


def test_waive_keeps_what_until_when_and_why() -> None:
    assert waived(f"waive web {CRON.id} {UNTIL} {WHY}") == Waiver(
        fleet="web",
        master=MASTER,
        finding=CRON.id,
        check=CRON.check,
        where=CRON.where,
        what=CRON.what,
        until=date(2026, 12, 31),
        reason="does no harm",
    )


def test_what_is_waived_already_can_be_waived_anew() -> None:
    given = waive(CRON, fleet="web", master=MASTER, until=date(2026, 12, 1), reason="for now")
    seen = a_diagnosis(CRON, waivers=(given,))
    assert waived(f"waive `{CRON.id}` {UNTIL} {WHY}", diagnosis=seen).until == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"waive web {CRON.id} {WHY}", "Something is missing: `--until`, the last day on which it holds"),
        (f"waive web {CRON.id} {UNTIL}", "Something is missing: `--reason`, why"),
        (f"waive web {UNTIL} {WHY}", "Something is missing: the finding's id"),
        (f"waive web {CRON.id} --until soon {WHY}", "`soon` is not a date. Write it as 2026-12-31."),
        (f"waive web {CRON.id} --until 2026-11-22 {WHY}", "2026-11-22 is not in the future"),
        (
            f"waive web {CRON.id} --until 2036-12-31 {WHY}",
            "a waiver lasts 180 days at most, so until 2027-05-21",
        ),
        (f"waive web {CRON.id} {UNTIL} --reason ' '", "`--reason` needs a text after it"),
        (f"waive web cron-jobs-0000 {UNTIL} {WHY}", f"What blocks now: `{CRON.id}`."),
        (f"waive web {WARNING.id} {UNTIL} {WHY}", "does not block, so there is nothing to waive"),
    ],
)
def test_waive_refuses_what_is_unknown_needless_or_without_end(text: str, said: str) -> None:
    assert said in refused(text)


def test_waive_says_so_where_nothing_blocks() -> None:
    said = refused(f"waive web {CRON.id} {UNTIL} {WHY}", diagnosis=a_diagnosis())
    assert said == f"The doctor finds no `{CRON.id}` on the master of *web* now. Nothing blocks."


def test_waive_is_an_approvers_alone() -> None:
    with pytest.raises(UsageError, match="I know no command `waive`"):
        run(f"waive web {CRON.id} {UNTIL} {WHY}", a_fleet(), person=BOB)
    with pytest.raises(NotAllowed, match="@U0ADA"):
        require(BOB, next(each.power for each in COMMANDS if each.name == "waive"), POLICY, "waive")


def test_waive_needs_an_examination() -> None:
    assert "was not examined" in refused(f"waive web {CRON.id} {UNTIL} {WHY}", diagnosis=None)


# -- bake and scale


@pytest.mark.parametrize("text", ["bake web", "scale web 2"])
def test_no_image_is_made_while_something_blocks(text: str) -> None:
    with pytest.raises(BotError) as raised:
        run(text, a_fleet(images=()), diagnosis=a_diagnosis(CRON, WARNING))
    said = str(raised.value)
    assert CRON.id in said
    assert WARNING.id not in said
    assert "`/clone doctor web`" in said
    assert f"`/clone waive web {CRON.id} --until 2026-12-22" in said


@pytest.mark.parametrize("text", ["bake web", "scale web 2"])
def test_what_is_waived_does_not_block_and_stands_in_the_plan(text: str) -> None:
    given = waive(CRON, fleet="web", master=MASTER, until=date(2026, 12, 31), reason="does no harm")
    seen = a_diagnosis(CRON, waivers=(replace(given, by="T0/U0ADA"),))
    notes = plan(text, a_fleet(images=()), diagnosis=seen).notes
    assert f"`{CRON.id}` is waived until 2026-12-31 by @U0ADA: does no harm" in notes


@pytest.mark.parametrize("text", ["bake web", "scale web 2"])
def test_warnings_stand_in_the_plan_briefly_and_do_not_change_it(text: str) -> None:
    unknown = NotChecked(check="mail-queue", pitfall=7, why="No sudo.")
    warned = plan(text, a_fleet(images=()), diagnosis=a_diagnosis(WARNING, not_checked=(unknown,)))
    said = "The doctor warns of 1 thing and could not check 1 thing: `/clone doctor web` shows which."
    assert said in warned.notes
    assert warned.hash == plan(text, a_fleet(images=())).hash


@pytest.mark.parametrize("text", ["bake web", "scale web 2"])
def test_no_image_is_made_of_a_master_that_was_not_examined(text: str) -> None:
    with pytest.raises(BotError, match="was not examined"):
        run(text, a_fleet(images=()), diagnosis=None)


def test_what_examines_is_about_one_fleet() -> None:
    examining = {each.name: each.scope for each in COMMANDS if each.examines}
    assert examining == dict.fromkeys(("bake", "doctor", "scale", "waive"), Scope.ONE)


def test_scaling_from_an_image_asks_for_no_examination() -> None:
    examines = {each.name: each.examines for each in COMMANDS}
    (scale, args) = (examines["scale"], next(each.args for each in COMMANDS if each.name == "scale"))
    assert scale
    parse = args.__dataclass_fields__["count"].metadata["parse"]
    fleet, bare = a_fleet(a_server("i-1")), a_fleet(a_server("i-1"), images=())
    asked = [
        (text, scale(args(count=parse(text)), which))
        for text in ("+1", "4", "0", "1")
        for which in (fleet, bare)
    ]
    assert [text for text, examined in asked if examined] == ["+1", "4"]
    assert plan("scale web 4", fleet, diagnosis=None).after == 4


def test_that_the_master_does_not_run_is_said_before_what_else_is_wrong_with_it() -> None:
    stopped = a_fleet(master=a_server(MASTER, Role.MASTER, state=State.STOPPED), images=())
    for text in ("bake web", "scale web 2"):
        with pytest.raises(BotError, match="is stopped"):
            run(text, stopped, diagnosis=a_diagnosis(CRON))
