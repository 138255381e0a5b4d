"""The life of an operation, from the request to its end."""

from dataclasses import replace

import pytest

from bot.domain.audit import Kind
from bot.domain.errors import ChatError
from bot.domain.operation import Progress, Stage
from bot.domain.people import Person
from bot.domain.plan import Launch
from tests.workflow.bench import ADA, BOB, EVE, INDEX, LEA, OPERATORS, Bench


def test_a_first_scale_out_routes_bakes_launches_and_serves(empty: Bench) -> None:
    ended = empty.scale(4)
    assert (ended.stage, ended.result) == (Stage.DONE, "web: 4 of 4 clones serve.")
    assert empty.done() == ["route_writes", "bake", "launch", "launch", "mark_image", "put_in_service"]
    left = [
        action.kind
        for action, mark in zip(ended.plan.actions, ended.progress, strict=True)
        if mark is not Progress.DONE
    ]
    assert left == ["launch_elsewhere"]
    assert len(empty.serving()) == 4


def test_its_clones_are_prepared_and_hold_the_content(bench: Bench) -> None:
    bench.scale(2)
    for clone in bench.clones():
        host = bench.servers.hosts[clone]
        assert host.settings == {"/etc/site.conf": "db=10.0.0.5\n"}
        assert (host.running, host.masked) == (set(), {"sitedb"})
        assert host.files[INDEX][0] == "hello"
        assert not host.keys


def test_a_life_is_told_row_by_row(bench: Bench) -> None:
    operation = bench.ask("scale web 3")
    bench.approve(operation)
    bench.end_of(operation)
    told = [row.kind for row in bench.rows() if row.operation == operation]
    milestones = [kind for kind in told if kind not in {Kind.INTENT, Kind.OUTCOME}]
    assert milestones == [
        Kind.REQUESTED,
        Kind.PLANNED,
        Kind.POSTED,
        Kind.APPROVED,
        Kind.STARTED,
        Kind.FINISHED,
    ]


def test_the_thread_tells_each_step_as_it_ended_and_the_end_to_whom_it_concerns(empty: Bench) -> None:
    notes = empty.notes(empty.scale(4).id).splitlines()
    ticks = "✅ health page ✅ content ✅ SSH host keys ✅ machine-id ✅ hostname ✅ sitedb ✅ sitedb masked"
    assert notes.pop(7).startswith(f"`i-0002`, `i-0003`, `i-0004`, `i-0005`: {ticks}")
    needed = [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12]
    assert all(note.startswith(f"✅ {n} of 12, ") for n, note in zip(needed, notes[:-1], strict=True))
    assert notes[2].endswith("→ `i-0002`, `i-0003`")
    assert notes[9].endswith("→ 4 of 4 clones")
    assert notes[-1] == "@U0BOB web: 4 of 4 clones serve."


def test_the_card_shows_every_stage(bench: Bench) -> None:
    operation = bench.ask("scale web 3")
    bench.approve(operation)
    bench.end_of(operation)
    stages = list(dict.fromkeys(shown.stage for shown in bench.chat.shown))
    assert stages == [Stage.AWAITING_APPROVAL, Stage.WAITING, Stage.RUNNING, Stage.DONE]


def test_the_card_marks_each_step_while_it_is_being_done(bench: Bench) -> None:
    ended = bench.scale(3)
    doing = [
        shown.progress.index(Progress.DOING) for shown in bench.chat.shown if Progress.DOING in shown.progress
    ]
    needed = [n for n, action in enumerate(ended.plan.actions) if action.kind != "launch_elsewhere"]
    assert doing == needed


def test_few_clones_need_no_approval(bench: Bench) -> None:
    assert bench.end_of(bench.ask("scale web 2")).stage is Stage.DONE


def test_more_clones_wait_for_somebody_else(bench: Bench) -> None:
    operation = bench.end_of(bench.ask("scale web 3"))
    assert operation.stage is Stage.AWAITING_APPROVAL
    assert not bench.done()


def test_a_denied_one_does_nothing(bench: Bench) -> None:
    operation = bench.ask("scale web 3")
    assert bench.ask(f"deny {operation} not today", ADA) == operation
    ended = bench.end_of(operation)
    assert (ended.stage, ended.result, bench.done()) == (Stage.DENIED, "not today", [])


def test_already_there_is_answered_and_begins_nothing(bench: Bench) -> None:
    bench.scale(2)
    assert bench.ask("scale web 2") == ""
    assert "has 2 clones already; nothing to do" in bench.chat.answers_to(BOB.id)[-1]


def test_a_dry_run_begins_nothing(bench: Bench) -> None:
    assert bench.ask("scale web 4 --dry-run") == ""
    assert not bench.records.operations()


def test_a_repeated_delivery_is_the_same_request(bench: Bench) -> None:
    request = bench.request("scale web 3")
    assert bench.hand_in(request) == bench.hand_in(request) == request.id
    assert len(bench.rows(Kind.PLANNED)) == 1


def test_a_second_operation_waits_behind_the_first(bench: Bench) -> None:
    first, second = bench.ask("scale web 1"), bench.ask("scale web 2", LEA)
    bench.step(bench.desk.queue, second)
    assert bench.operation(second).behind == f"`{first}` (scale web 1, @U0BOB)"
    assert bench.end_of(first).stage is Stage.DONE
    assert bench.end_of(second).stage is Stage.DONE
    assert len(bench.serving()) == 2


class TestApproval:
    def test_it_is_not_for_the_requester(self, bench: Bench) -> None:
        operation = bench.ask("scale web 3", LEA)
        assert bench.approve(operation, LEA) == ""
        assert bench.operation(operation).stage is Stage.AWAITING_APPROVAL
        assert "somebody else must approve it" in bench.chat.answers_to(LEA.id)[-1]

    @pytest.mark.parametrize("person", [BOB, EVE])
    def test_it_is_not_for_everybody(self, bench: Bench, person: Person) -> None:
        operation = bench.ask("scale web 3", LEA)
        assert bench.approve(operation, person) == ""
        assert bench.operation(operation).stage is Stage.AWAITING_APPROVAL

    def test_a_second_one_is_told_that_it_came_too_late(self, bench: Bench) -> None:
        operation = bench.ask("scale web 3")
        bench.approve(operation)
        assert bench.approve(operation, LEA) == ""
        assert len(bench.rows(Kind.APPROVED)) == 1
        assert "needs no decision any more" in bench.chat.answers_to(LEA.id)[-1]

    def test_a_button_of_another_plan_decides_nothing(self, bench: Bench) -> None:
        operation = bench.ask("scale web 3")
        bench.ask(f"approve {operation}", ADA, plan="0" * 64)
        assert bench.operation(operation).stage is Stage.AWAITING_APPROVAL
        assert "has changed since that message" in bench.chat.answers_to(ADA.id)[-1]

    def test_once_written_it_counts_even_if_the_answer_cannot_be_written(self, bench: Bench) -> None:
        operation = bench.ask("scale web 3")
        bench.records.refuse = lambda entry: entry.kind is Kind.ANSWERED
        assert bench.approve(operation) == operation
        assert bench.chat.answers_to(ADA.id)[-1].startswith(f"Approved `{operation}`")
        bench.records.refuse = lambda _: False
        assert bench.end_of(operation).stage is Stage.DONE

    def test_one_that_cannot_be_written_is_none(self, bench: Bench) -> None:
        operation = bench.ask("scale web 3")
        bench.records.refuse = lambda entry: entry.kind is Kind.APPROVED
        assert bench.approve(operation) == ""
        assert "Nothing was changed" in bench.chat.answers_to(ADA.id)[-1]
        assert bench.operation(operation).stage is Stage.AWAITING_APPROVAL


class TestAWorldThatChangedAfterTheApproval:
    @pytest.fixture
    def approved(self, bench: Bench) -> str:
        operation = bench.ask("scale web 4")
        bench.approve(operation)
        return operation

    def asks_again(self, bench: Bench, operation: str) -> None:
        before = bench.operation(operation).plan
        bench.cloud.calls.clear()
        stopped = bench.end_of(operation)
        assert (stopped.stage, stopped.approvers) == (Stage.AWAITING_APPROVAL, ())
        assert stopped.plan.hash != before.hash
        assert not bench.done()
        assert "Nothing was done; please look at it and decide again." in bench.notes(operation)
        assert bench.chat.cards()[operation].plan == stopped.plan
        bench.ask(f"approve {operation}", ADA, plan=before.hash)
        assert bench.operation(operation).stage is Stage.AWAITING_APPROVAL
        bench.approve(operation)
        assert bench.end_of(operation).stage is Stage.DONE
        assert len(bench.serving()) == 4

    def test_there_are_clones_now(self, bench: Bench, approved: str) -> None:
        bench.end_of(bench.ask("scale web 1", LEA))
        self.asks_again(bench, approved)

    def test_the_image_is_another(self, bench: Bench, approved: str) -> None:
        bench.cloud.add_image(bench.spec, "ami-2")
        self.asks_again(bench, approved)

    def test_the_type_is_another(self, bench: Bench, approved: str) -> None:
        bench.change(instance_type="t3.large")
        self.asks_again(bench, approved)

    def test_the_subnets_are_others(self, bench: Bench, approved: str) -> None:
        bench.change(subnets=("subnet-c",))
        self.asks_again(bench, approved)

    def test_the_writes_are_routed_otherwise(self, bench: Bench, approved: str) -> None:
        bench.change(writes=replace(bench.spec.writes, prefixes=("/upload",)))
        self.asks_again(bench, approved)

    def test_the_recipe_is_another(self, bench: Bench, approved: str) -> None:
        bench.change(recipe=replace(bench.spec.recipe, services=("sitedb", "cron")))
        self.asks_again(bench, approved)

    def test_the_master_stopped(self, bench: Bench, approved: str) -> None:
        bench.cloud.stop_master()
        ended = bench.end_of(approved)
        assert (ended.stage, bench.done()) == (Stage.FAILED, [])
        assert "i-master` of *web* is stopped" in ended.result

    def test_it_is_as_wanted_already(self, bench: Bench, approved: str) -> None:
        for count in (2, 3, 4):
            operation = bench.ask(f"scale web {count}", LEA)
            bench.approve(operation)
            bench.end_of(operation)
        bench.cloud.calls.clear()
        ended = bench.end_of(approved)
        assert (ended.stage, ended.result) == (Stage.DONE, "*web* has 4 clones already; nothing to do.")
        assert not bench.done()


def test_a_clone_to_go_that_was_replaced_after_the_plan_is_planned_anew(bench: Bench) -> None:
    bench.scale(2)
    operation = bench.ask("scale web 1")
    (old,) = bench.operation(operation).plan.actions[1].servers  # type: ignore[union-attr]  # it takes out
    bench.cloud.terminate(bench.spec, [old], action="by hand")
    bench.cloud.calls.clear()
    ended = bench.end_of(operation)
    assert (ended.stage, bench.done()) == (Stage.DONE, [])
    assert ended.result == "*web* has 1 clone already; nothing to do."


def test_a_plan_that_needs_no_approval_is_replaced_and_carried_out(bench: Bench) -> None:
    operation = bench.ask("scale web 2")
    bench.cloud.add_image(bench.spec, "ami-2")
    ended = bench.end_of(operation)
    assert ended.stage is Stage.DONE
    assert "The fleet changed meanwhile" in bench.notes(operation)
    launches = [action for action in ended.plan.actions if isinstance(action, Launch)]
    assert {launch.image for launch in launches} == {"ami-2"}
    assert ended.plan.reason == ""


def test_a_plan_made_anew_keeps_its_reason(bench: Bench) -> None:
    operation = bench.ask('scale web 3 --reason "Black Friday"')
    bench.approve(operation)
    bench.cloud.add_image(bench.spec, "ami-2")
    assert bench.end_of(operation).plan.reason == "Black Friday"


class TestARequesterWhoMayNotAnyMore:
    @pytest.fixture
    def approved(self, bench: Bench) -> str:
        operation = bench.ask("scale web 3")
        bench.approve(operation)
        return operation

    def refused(self, bench: Bench, operation: str) -> None:
        ended = bench.end_of(operation)
        assert (ended.stage, bench.done()) == (Stage.FAILED, [])
        assert "Nothing was changed: @U0BOB, who asked for it, may not do so any more" in ended.result

    def test_removed_from_the_group(self, bench: Bench, approved: str) -> None:
        bench.chat.groups[OPERATORS].clear()
        self.refused(bench, approved)

    @pytest.mark.parametrize("change", [{"active": False}, {"guest": True}, {"bot": True}])
    def test_not_a_member_any_more(self, bench: Bench, approved: str, change: dict[str, bool]) -> None:
        bench.chat.people[BOB.team, BOB.id] = replace(BOB, **change)  # type: ignore[arg-type]  # flags
        self.refused(bench, approved)


class TestChatThatIsDown:
    def test_from_the_start_of_the_work_to_its_end_it_changes_nothing(self, bench: Bench) -> None:
        operation = bench.ask("scale web 2")
        assert bench.carrier.look_again(operation, 1)
        bench.chat.down = ChatError("Slack did not answer.")
        assert bench.end_of(operation).stage is Stage.DONE
        assert len(bench.serving()) == 2

    def test_before_that_nobody_is_known_and_nothing_is_done(self, bench: Bench) -> None:
        operation = bench.ask("scale web 2")
        bench.chat.down = ChatError("Slack did not answer.")
        ended = bench.end_of(operation)
        assert (ended.stage, ended.result) == (
            Stage.FAILED,
            "Nothing was changed: Slack did not answer.",
        )
        assert not bench.done()

    def test_a_request_is_refused_and_recorded(self, bench: Bench) -> None:
        bench.chat.down = ChatError("Slack did not answer.")
        assert bench.ask("scale web 2") == ""
        assert [row.text for row in bench.rows(Kind.REFUSED)] == ["Slack did not answer."]


class TestACardThatCannotBeShown:
    @pytest.fixture
    def mute(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
        def refuse(_: object) -> str:
            raise ChatError("I am not in that channel; type /invite @clonebot there.")

        monkeypatch.setattr(bench.chat, "show", refuse)
        return bench

    def test_the_requester_is_told_what_to_type(self, mute: Bench) -> None:
        operation = mute.ask("scale web 3")
        (told,) = mute.chat.answers_to(BOB.id)
        assert "type /invite @clonebot there" in told
        assert f"`/clone approve {operation}`" in told
        mute.approve(operation)
        assert mute.end_of(operation).stage is Stage.DONE

    def test_without_approval_they_are_told_that_it_goes_on(self, mute: Bench) -> None:
        operation = mute.ask("scale web 2")
        (told,) = mute.chat.answers_to(BOB.id)
        assert "It goes on all the same" in told
        assert "approve" not in told
        assert mute.end_of(operation).stage is Stage.DONE
