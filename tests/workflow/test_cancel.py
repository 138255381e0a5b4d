"""Cancelling: at once where nothing began; else at the next safe point, and what began is undone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.domain.audit import Entry, Kind
from bot.domain.errors import CloudDenied, RemoteFailed
from bot.domain.fleet import Role, Service, State
from bot.domain.operation import Operation, Progress, Stage
from bot.domain.people import Person
from tests.workflow.bench import ADA, BOB, EVE, INDEX, LEA, STRIDE, Bench, PowerCut

LONG = 100_000


def cancel_while_waiting(bench: Bench, operation: str, person: Person = BOB) -> None:
    """Cancel it the next time that it waits for something."""

    def cancel() -> None:
        bench.clock.passing = lambda: None
        assert bench.ask(f"cancel {operation} changed my mind", person) == operation

    bench.clock.passing = cancel


def cancel_before(bench: Bench, operation: str, method: str, thing: object) -> None:
    """Cancel it as soon as it calls this method."""
    do = getattr(thing, method)

    def cancel_and_do(*args: object, **options: object) -> object:
        setattr(thing, method, do)
        assert bench.ask(f"cancel {operation}") == operation
        return do(*args, **options)

    setattr(thing, method, cancel_and_do)


def running(bench: Bench, text: str) -> str:
    operation = bench.ask(text)
    if bench.step(bench.desk.undecided, operation):
        bench.approve(operation)
    return operation


def alive(bench: Bench) -> list[str]:
    """Whatever was ever launched and costs money still."""
    servers = bench.cloud._servers.values()  # noqa: SLF001 (also those that belong to nobody any more)
    gone = {State.TERMINATED, State.SHUTTING_DOWN}
    return [s.id for s in servers if s.role is not Role.MASTER and s.state not in gone]


class TestBeforeItBegins:
    def test_one_that_awaits_approval_ends_at_once_and_cannot_be_approved(self, bench: Bench) -> None:
        operation = bench.ask("scale web 3")
        assert bench.ask(f"cancel {operation} wrong fleet") == operation
        ended = bench.end_of(operation)
        assert (ended.stage, ended.result) == (Stage.CANCELLED, "Nothing of it was done.")
        assert (ended.cancelled_by, ended.cancel_reason) == (f"{BOB.team}/{BOB.id}", "wrong fleet")
        assert bench.approve(operation) == ""
        assert not bench.done()
        assert bench.chat.cards()[operation].stage is Stage.CANCELLED

    def test_one_that_waits_for_its_turn_ends_at_once_and_the_next_goes_on(self, bench: Bench) -> None:
        first, second = bench.ask("scale web 1"), bench.ask("scale web 2", LEA)
        bench.desk.queue(second)
        bench.ask(f"cancel {first}")
        assert bench.end_of(first).stage is Stage.CANCELLED
        assert bench.end_of(second).stage is Stage.DONE
        assert len(bench.serving()) == 2

    @pytest.mark.parametrize("could_begin", [True, False])
    def test_one_that_is_just_about_to_begin_does_not(self, bench: Bench, could_begin: bool) -> None:  # noqa: FBT001 (a case)
        operation = running(bench, "scale web 1")
        if not could_begin:
            bench.cloud.stop_master()
        cancel_before(bench, operation, "look", bench.cloud)
        assert bench.end_of(operation).stage is Stage.CANCELLED
        assert not bench.done()


class TestWhileItRuns:
    def test_in_a_boot_that_lasts_the_new_servers_go(self, bench: Bench) -> None:
        bench.cloud.boots_after = LONG
        operation = running(bench, "scale web 4")
        cancel_while_waiting(bench, operation, ADA)
        ended = bench.end_of(operation)
        assert ended.stage is Stage.CANCELLED
        first, *_, last = removed = ["i-0002", "i-0003", "i-0004", "i-0005"]
        assert ended.result == (
            f"web: cancelled by @U0ADA; 0 clones serve now. Undone: {', '.join(removed)}, started for this "
            "and not serving yet, terminated. Type `/clone scale web 4` to begin again."
        )
        assert alive(bench) == []
        assert first in bench.notes(operation)
        assert last in bench.notes(operation)
        assert f"@U0BOB `{operation}` was cancelled by @U0ADA. It stops at" in bench.notes(operation)

    def test_what_served_before_serves_still(self, bench: Bench) -> None:
        bench.scale(2)
        before = bench.serving()
        bench.cloud.boots_after = LONG
        operation = running(bench, "scale web 4")
        cancel_while_waiting(bench, operation)
        ended = bench.end_of(operation)
        assert "2 clones serve now" in ended.result
        assert bench.serving() == before == alive(bench)

    @pytest.mark.parametrize("method", ["prepare", "pull_content", "facts"])
    def test_between_two_steps_it_stops_and_leaves_no_keys(self, bench: Bench, method: str) -> None:
        operation = running(bench, "scale web 2")
        cancel_before(bench, operation, method, bench.servers)
        assert bench.end_of(operation).stage is Stage.CANCELLED
        assert alive(bench) == []
        assert not any(host.keys for host in bench.servers.hosts.values())
        assert not bench.servers.offered
        assert "put_in_service" not in bench.done()

    def test_between_two_launches_the_second_is_not_begun(self, bench: Bench) -> None:
        operation = running(bench, "scale web 2")
        cancel_before(bench, operation, "launch", bench.cloud)
        ended = bench.end_of(operation)
        assert bench.done().count("launch") == 1
        assert (ended.stage, alive(bench)) == (Stage.CANCELLED, [])
        assert ended.progress[1] is Progress.TO_DO

    def test_one_that_serves_already_stays_and_the_others_go(self, bench: Bench) -> None:
        bench.cloud.sick.add("i-0002")
        operation = running(bench, "scale web 2")
        cancel_while_serving(bench, operation)
        ended = bench.end_of(operation)
        assert ended.stage is Stage.CANCELLED
        assert bench.serving() == alive(bench) == ["i-0003"]
        assert "Undone: i-0002, started" in ended.result
        assert "Stays, because it serves: i-0003." in ended.result
        assert "Type `/clone scale web 0` to remove what stays" in ended.result

    def test_one_that_visitors_may_have_written_to_is_not_thrown_away(self, bench: Bench) -> None:
        bench.cloud.sick.add("i-0002")
        operation = running(bench, "scale web 1")
        cancel_while_serving(bench, operation)
        upload = INDEX.replace("index.html", "upload.txt")
        bench.cloud.take_out = stray_when(bench, upload, bench.cloud.take_out)  # type: ignore[method-assign]
        ended = bench.end_of(operation)
        assert alive(bench) == ["i-0002"]
        assert "Stays out of service: i-0002, because it holds a file that the master lacks" in ended.result
        assert bench.cloud.look(bench.spec).clones[0].service is Service.OUT

    def test_a_bake_stops_being_waited_for_and_its_image_stays(self, empty: Bench) -> None:
        empty.cloud.bakes_after = LONG
        operation = running(empty, "scale web 2")
        cancel_while_waiting(empty, operation)
        ended = empty.end_of(operation)
        (image,) = empty.cloud.look(empty.spec).images
        assert (ended.stage, alive(empty)) == (Stage.CANCELLED, [])
        assert (
            f"Stays: the image {image.id}, which is still being made by AWS, so no clone starts"
            in ended.result
        )
        assert "Stays: writes go to the master only." in ended.result

    def test_a_bake_by_itself_too(self, bench: Bench) -> None:
        bench.cloud.bakes_after = LONG
        operation = running(bench, "bake web")
        cancel_while_waiting(bench, operation)
        ended = bench.end_of(operation)
        assert ended.stage is Stage.CANCELLED
        assert ended.result.endswith("Type `/clone bake web` to begin again.")

    def test_what_was_set_aside_for_a_look_stays_so(self, bench: Bench) -> None:
        bench.servers.fail("prepare", RemoteFailed("systemctl failed"), server="i-0002")
        operation = running(bench, "scale web 2")
        cancel_before(bench, operation, "pull_content", bench.servers)
        ended = bench.end_of(operation)
        assert alive(bench) == bench.quarantined() == ["i-0002"]
        assert "Undone: i-0003, started" in ended.result
        assert "Out of service and quarantined for a look: i-0002." in ended.result

    def test_servers_that_aws_does_not_let_go_are_told(self, bench: Bench) -> None:
        bench.cloud.boots_after = LONG
        bench.cloud.failures["terminate"] = [CloudDenied("AWS does not let me.")]
        operation = running(bench, "scale web 1")
        cancel_while_waiting(bench, operation)
        ended = bench.end_of(operation)
        assert "What it launched could not be removed: AWS does not let me." in ended.result
        assert "Stays out of service: i-0002." in ended.result


def cancel_while_serving(bench: Bench, operation: str) -> None:
    """Cancel it while it waits until all are healthy."""

    def cancel() -> None:
        if "put_in_service" in bench.done():
            bench.clock.passing = lambda: None
            bench.ask(f"cancel {operation}")

    bench.clock.passing = cancel


def stray_when(bench: Bench, path: str, do: Callable[..., None]) -> Callable[..., None]:
    def take_out(spec: object, servers: list[str], *, action: str) -> None:
        bench.servers.hosts[servers[0]].files[path] = ("only here", 99)
        do(spec, servers, action=action)

    return take_out


class TestWhileItScalesIn:
    @pytest.fixture
    def two(self, bench: Bench) -> Bench:
        bench.scale(2)
        bench.cloud.drains_after = LONG
        return bench

    def test_in_a_drain_that_lasts_what_it_took_out_is_put_back(self, two: Bench) -> None:
        before = two.serving()
        operation = running(two, "scale web 0")
        cancel_while_waiting(two, operation)
        ended = two.end_of(operation)
        assert two.serving() == before
        assert ended.stage is Stage.CANCELLED
        assert ended.result == (
            "web: cancelled by @U0BOB; 2 clones serve now. Undone: i-0002, i-0003 back in service. "
            "Type `/clone scale web 0` to begin again."
        )
        assert "terminate" not in two.done()

    def test_what_did_not_serve_before_is_not_put_in_service(self, two: Bench) -> None:
        two.cloud.drains_after = 0
        two.cloud.take_out(two.spec, ["i-0002"], action="by hand")
        assert two.serving() == ["i-0003"]
        two.cloud.drains_after = LONG
        operation = running(two, "scale web 0")
        cancel_while_waiting(two, operation)
        two.end_of(operation)
        assert two.serving() == ["i-0003"]

    def test_once_they_end_it_is_too_late(self, two: Bench) -> None:
        two.cloud.drains_after = 0
        operation = running(two, "scale web 0")
        cancel_before(two, operation, "terminate", two.cloud)
        ended = two.end_of(operation)
        assert ended.stage is Stage.DONE
        assert ended.result == "web: 0 clones left. @U0BOB cancelled it when nothing was left to stop."


class TestWhoAndHowOften:
    def test_two_cancel_it_once(self, bench: Bench) -> None:
        operation = running(bench, "scale web 2")
        assert bench.carrier.look_again(operation, 1)
        assert bench.ask(f"cancel {operation}") == operation
        assert bench.ask(f"cancel {operation}", ADA) == ""
        assert "is being cancelled already, by @U0BOB" in bench.chat.answers_to(ADA.id)[-1]
        assert bench.end_of(operation).cancelled_by.endswith(BOB.id)
        assert len(bench.rows(Kind.CANCELLED)) == 1

    def test_one_that_has_ended_is_answered(self, bench: Bench) -> None:
        operation = bench.scale(1).id
        assert bench.ask(f"cancel {operation}") == ""
        assert "has ended already, so there is nothing to cancel: done" in bench.chat.answers_to(BOB.id)[-1]

    @pytest.mark.parametrize("person", [EVE, BOB])
    def test_neither_a_viewer_nor_another_operator_may(self, bench: Bench, person: Person) -> None:
        operation = bench.ask("scale web 3", LEA)
        assert bench.ask(f"cancel {operation}", person) == ""
        assert bench.operation(operation).stage is Stage.AWAITING_APPROVAL

    def test_a_button_shown_with_an_older_plan_cancels_too(self, bench: Bench) -> None:
        operation = running(bench, "scale web 2")
        assert bench.ask(f"cancel {operation}", plan="0" * 64) == operation
        assert bench.end_of(operation).stage is Stage.CANCELLED

    def test_the_row_says_who_and_why(self, bench: Bench) -> None:
        operation = bench.ask("scale web 3")
        bench.ask(f"cancel {operation} wrong fleet", ADA)
        (row,) = bench.rows(Kind.CANCELLED)
        assert (row.operation, row.person, row.text) == (operation, f"{ADA.team}/{ADA.id}", "wrong fleet")


class TestAllThatIsOpen:
    @pytest.fixture
    def both(self, bench: Bench) -> tuple[str, str]:
        """One that waits for its turn, and one that awaits approval."""
        return bench.ask("scale web 1"), bench.ask("scale web 3", LEA)

    def test_is_stopped_with_one_word(self, bench: Bench, both: tuple[str, str]) -> None:
        assert set(bench.ask("stop-all wrong day", ADA).split()) == {*both}
        assert {bench.end_of(each).stage for each in both} == {Stage.CANCELLED}
        assert bench.chat.answered[-1].text.startswith("Cancelled 2 operations")
        assert [row.text for row in bench.rows(Kind.CANCELLED)] == ["wrong day"] * 2
        assert bench.done() == []

    def test_once_however_often_it_is_delivered(self, bench: Bench, both: tuple[str, str]) -> None:
        request = bench.request("stop-all", ADA)
        assert set(bench.hand_in(request).split()) == {*both}
        bench.hand_in(request)
        assert len(bench.rows(Kind.CANCELLED)) == 2

    def test_in_two_parts_where_a_crash_comes_between(self, bench: Bench, both: tuple[str, str]) -> None:
        request = bench.request("stop-all", ADA)
        append = bench.records.append

        def cut_off_after(entry: Entry) -> Entry:
            written = append(entry)
            if entry.kind is Kind.CANCELLED:
                raise PowerCut
            return written

        bench.desk.receive(request)
        bench.records.append = cut_off_after  # type: ignore[method-assign]
        with pytest.raises(PowerCut):
            bench.desk.decide(request)
        assert len(bench.rows(Kind.CANCELLED)) == 1

        bench.records.append = append  # type: ignore[method-assign]
        bench.desk.decide(request)
        assert {bench.end_of(each).stage for each in both} == {Stage.CANCELLED}

    def test_what_ended_meanwhile_hinders_nothing(self, bench: Bench, both: tuple[str, str]) -> None:
        append = bench.records.append

        def denied_first(entry: Entry) -> Entry:
            if entry.kind is Kind.CANCELLED and entry.operation == both[1]:
                bench.records.append = append  # type: ignore[method-assign]
                bench.ask(f"deny {both[1]}", ADA)
            return append(entry)

        bench.records.append = denied_first  # type: ignore[method-assign]
        assert bench.ask("stop-all", ADA) == both[0]
        assert bench.operation(both[1]).stage is Stage.DENIED

    def test_what_cannot_be_recorded_goes_on_and_that_is_said(
        self, bench: Bench, both: tuple[str, str]
    ) -> None:
        bench.records.refuse = lambda row: row.kind is Kind.CANCELLED and bool(bench.rows(Kind.CANCELLED))
        stopped = bench.ask("stop-all", ADA)
        (other,) = {*both} - {stopped}
        told = bench.chat.answered[-1].text
        assert told.startswith("Cancelled 1 operation\n")
        assert "What else is open goes on: The audit log cannot be written" in told
        assert not bench.operation(other).cancelled_by


def cancelled_boot(bench: Bench) -> None:
    bench.cloud.boots_after = LONG
    operation = running(bench, "scale web 2")
    cancel_while_waiting(bench, operation)
    is_undone(bench, bench.end_of(operation))


def cancelled_service(bench: Bench) -> None:
    bench.cloud.sick |= {"i-0002", "i-0003"}
    operation = running(bench, "scale web 2")
    cancel_while_serving(bench, operation)
    is_undone(bench, bench.end_of(operation))


def cancelled_launch(bench: Bench) -> None:
    operation = running(bench, "scale web 2")
    cancel_before(bench, operation, "launch", bench.cloud)
    is_undone(bench, bench.end_of(operation))


def cancelled_drain(bench: Bench) -> None:
    bench.end_of(running(bench, "scale web 2"))
    bench.cloud.drains_after = LONG
    operation = running(bench, "scale web 0")
    cancel_while_waiting(bench, operation)
    ended = bench.end_of(operation)
    assert ended.stage is Stage.CANCELLED
    assert "Undone: i-0002, i-0003 back in service." in ended.result
    assert bench.serving() == ["i-0002", "i-0003"]


def is_undone(bench: Bench, ended: Operation) -> None:
    assert ended.stage is Stage.CANCELLED
    assert alive(bench) == bench.serving() == []
    assert not bench.servers.offered
    assert len(bench.rows(Kind.CANCELLED)) == 1
    assert len([row for row in bench.rows(Kind.FINISHED) if row.operation == ended.id]) == 1
    assert "Undone: i-0002" in ended.result


@contextmanager
def a_bench(folder: Path) -> Iterator[Bench]:
    folder.mkdir()
    bench = Bench(folder)
    bench.furnish()
    yield bench
    bench.assert_audit_is_whole()
    bench.records.close()


STORIES = [cancelled_boot, cancelled_service, cancelled_launch, cancelled_drain]


@pytest.mark.parametrize("story", STORIES)
def test_every_step_of_a_cancellation_done_several_times_leaves_the_same_world(
    bench: Bench, story: Callable[[Bench], None]
) -> None:
    bench.times = 3
    story(bench)


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("cut", ["cut_before", "cut_after"])
def test_cut_off_around_any_call_a_cancellation_ends_the_same(
    tmp_path: Path, story: Callable[[Bench], None], cut: str
) -> None:
    with a_bench(tmp_path / "whole") as bench:
        story(bench)
        length = bench.supply.calls
    for number in range(1 if cut == "cut_before" else 3, length + 1, STRIDE):
        with a_bench(tmp_path / str(number)) as bench:
            setattr(bench.supply, cut, number)
            try:
                story(bench)
            except AssertionError as error:
                error.add_note(f"{cut}={number}")
                raise
