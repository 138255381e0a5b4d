"""Scaling in: what goes, what stays, and what is said of it."""

import pytest

from bot.domain.errors import BotError, CloudDenied, CloudUnreachable, ServerUnreachable
from bot.domain.fleet import Service
from bot.domain.operation import Stage
from tests.workflow.bench import Bench

FIRST, SECOND = "i-0002", "i-0003"
UPLOAD = "/var/www/html/upload.jpg"
LONG = 1000


@pytest.fixture
def two(bench: Bench) -> Bench:
    """A fleet with two clones that serve."""
    bench.scale(2)
    bench.cloud.calls.clear()
    return bench


def test_clones_leave_the_load_balancer_and_then_go(two: Bench) -> None:
    two.cloud.drains_after = 5
    ended = two.scale(0)
    assert (ended.stage, ended.result) == (Stage.DONE, "web: 0 clones left.")
    assert (two.done(), two.clones()) == (["take_out", "terminate"], [])


def test_the_master_never_goes(two: Bench) -> None:
    two.scale(0)
    assert [server.id for server in two.cloud.look(two.spec).in_service] == ["i-master"]


def test_the_last_healthy_server_never_goes(two: Bench) -> None:
    operation = two.ask("scale web 0")
    two.step(two.carrier.look_again, operation, 1)
    two.cloud.stop_master()
    ended = two.end_of(operation)
    assert (ended.stage, two.done(), len(two.serving())) == (Stage.FAILED, [], 2)


def test_the_last_healthy_server_stays_though_the_master_runs(two: Bench) -> None:
    operation = two.ask("scale web 0")
    two.step(two.carrier.look_again, operation, 1)
    two.cloud.take_out(two.spec, ["i-master"], action="by hand")
    two.cloud.calls.clear()
    ended = two.end_of(operation)
    assert (ended.stage, two.done(), len(two.serving())) == (Stage.FAILED, [], 2)
    assert "because without these clones no healthy server would be left" in ended.result


class TestAClone:
    def test_with_a_stray_file_stays_and_serves(self, two: Bench) -> None:
        two.servers.write(FIRST, UPLOAD, "cat")
        ended = two.scale(0)
        assert ended.stage is Stage.PARTLY_DONE
        assert ended.result == (
            f"web: 1 clone left instead of 0, because {FIRST}: "
            f"it holds a file that the master lacks: {UPLOAD}. "
            "Rescue the files, or type `/clone scale web 0 --discard` to lose them."
        )
        assert two.serving() == two.clones() == [FIRST]

    def test_with_a_stray_file_goes_if_that_is_to_be_discarded(self, two: Bench) -> None:
        two.servers.write(FIRST, UPLOAD, "cat")
        assert two.scale(0, "--discard").stage is Stage.DONE
        assert two.clones() == []

    def test_that_cannot_be_searched_stays(self, two: Bench) -> None:
        unreachable = ServerUnreachable(f"{FIRST} cannot be reached.")
        two.servers.fail("strays", unreachable, server=FIRST, times=LONG)
        ended = two.scale(0)
        assert (ended.stage, two.serving()) == (Stage.PARTLY_DONE, [FIRST])
        assert "it could not be searched for files that the master lacks" in ended.result

    def test_that_cannot_be_searched_goes_if_that_is_to_be_discarded(self, two: Bench) -> None:
        two.servers.hosts[FIRST].reachable = False
        assert two.scale(0, "--discard").stage is Stage.DONE

    def test_that_got_a_file_at_the_last_moment_stays_out_of_service(self, two: Bench) -> None:
        two.cloud.drains_after = 3
        two.clock.passing = lambda: two.servers.write(FIRST, UPLOAD, "cat")
        ended = two.scale(0)
        assert ended.stage is Stage.PARTLY_DONE
        assert f"Out of service, and still there: {FIRST}. Rescue the files" in ended.result
        assert two.clones() == [FIRST]
        assert two.cloud.service(two.spec, [FIRST])[FIRST] is Service.OUT

    def test_that_was_kept_goes_once_its_files_are_rescued(self, two: Bench) -> None:
        self.test_that_got_a_file_at_the_last_moment_stays_out_of_service(two)
        two.clock.passing = lambda: None
        del two.servers.hosts[FIRST].files[UPLOAD]
        assert two.scale(0).stage is Stage.DONE

    def test_that_somebody_else_ended_is_not_kept(self, two: Bench) -> None:
        operation = two.ask("scale web 0")
        two.step(two.carrier.look_again, operation, 1)
        two.cloud.terminate(two.spec, [FIRST], action="by hand")
        ended = two.end_of(operation)
        assert (ended.stage, ended.result) == (Stage.DONE, "web: 0 clones left.")


class TestAws:
    def test_that_lets_requests_end_for_too_long_keeps_the_clones(self, two: Bench) -> None:
        two.cloud.drains_after = 100_000
        ended = two.scale(0)
        assert (ended.stage, two.clones()) == (Stage.FAILED, [FIRST, SECOND])
        assert "had not ended after 15 minutes" in ended.result
        assert f"Out of service, and still there: {FIRST}, {SECOND}." in ended.result
        assert "terminate" not in two.done()

    @pytest.mark.parametrize("method", ["take_out", "terminate"])
    def test_that_loses_an_answer_is_asked_again(self, two: Bench, method: str) -> None:
        two.cloud.lost[method] = [CloudUnreachable("no answer")] * 3
        assert two.scale(0).result == "web: 0 clones left."

    def test_that_loses_the_answer_for_good_is_judged_by_what_is(self, two: Bench) -> None:
        two.cloud.lost["terminate"] = [CloudUnreachable("no answer")] * LONG
        ended = two.scale(0)
        assert (ended.stage, ended.result) == (Stage.DONE, "web: 0 clones left.")

    @pytest.mark.parametrize("method", ["take_out", "terminate"])
    def test_that_refuses_is_quoted(self, two: Bench, method: str) -> None:
        two.cloud.failures[method] = [CloudDenied("AWS does not let me.")]
        ended = two.scale(0)
        assert (ended.stage, two.clones()) == (Stage.FAILED, [FIRST, SECOND])
        assert "AWS does not let me. " in ended.result
        assert ended.result.endswith("Type `/clone scale web 0` to try again.")


def test_nothing_goes_while_the_master_cannot_be_found(two: Bench) -> None:
    operation = two.ask("scale web 0")
    two.cloud.failures["look"] = [BotError("AWS knows no living server i-master.")]
    ended = two.end_of(operation)
    assert (ended.stage, two.done()) == (Stage.FAILED, [])
