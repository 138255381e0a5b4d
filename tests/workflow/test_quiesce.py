"""An image is begun while the master is quiesced, and that is undone whatever happens."""

from pathlib import Path

import pytest

from bot.domain.errors import CloudUnreachable, ServerUnreachable
from bot.domain.operation import Operation, Stage
from bot.domain.quiesce import Quiesce
from tests.workflow.bench import Bench

HELD = Quiesce(before=("echo frozen >>said",), after=("echo thawed >>said",), seconds=20)
MASTER = "i-master"


@pytest.fixture
def held(bench: Bench) -> Bench:
    """A fleet whose master can be quiesced."""
    bench.change(quiesce=HELD)
    return bench


def said(bench: Bench) -> list[str]:
    host = bench.servers.hosts[MASTER]
    assert not host.held
    return host.files["/said"][0].split() if "/said" in host.files else []


def bake(bench: Bench) -> Operation:
    return bench.end_of(bench.ask("bake web --quiesce"))


def test_the_master_is_held_only_while_the_image_is_begun(held: Bench) -> None:
    ended = bake(held)
    assert ended.stage is Stage.DONE, ended.result
    order = [method for method, _ in held.servers.calls if method in {"hold_still", "let_go"}]
    assert order == ["hold_still", "let_go"]
    assert said(held) == ["frozen", "thawed"]
    assert not held.cloud.reboots


def test_commands_that_fail_are_undone_and_no_image_is_begun(bench: Bench) -> None:
    bench.change(quiesce=Quiesce(before=("echo frozen >>said", "false"), after=HELD.after))
    ended = bake(bench)
    assert ended.stage is Stage.FAILED
    assert "could not bake" in ended.result
    assert "false:  (exit status 1)" in ended.result
    assert said(bench) == ["frozen", "thawed"]
    assert "bake" not in bench.done()


@pytest.mark.parametrize("method", ["bake", "image_begun"])
def test_where_aws_does_not_begin_it_in_time_the_master_is_let_go(held: Bench, method: str) -> None:
    held.cloud.failures[method] = [CloudUnreachable("no answer")] * 100
    ended = bake(held)
    assert ended.stage is Stage.FAILED
    assert said(held) == ["frozen", "thawed"]


def test_a_master_that_had_let_go_by_itself_gives_no_image_that_is_used(held: Bench) -> None:
    def let_go_by_itself() -> None:
        held.servers.hosts[MASTER].held.clear()

    held.cloud.failures["image_begun"] = [CloudUnreachable("no answer")]
    held.clock.passing = let_go_by_itself
    ended = bake(held)
    assert ended.stage is Stage.FAILED
    assert (
        "i-master was let go after 20 s, before the image ami-op-1.1 was begun; it is not used"
        in ended.result
    )


def test_while_it_cannot_be_reached_letting_go_is_tried_again(held: Bench) -> None:
    held.servers.fail("let_go", ServerUnreachable("no way"), times=2)
    assert bake(held).stage is Stage.DONE
    assert said(held) == ["frozen", "thawed"]


def cut_off(cut: str, number: int, folder: Path) -> Operation:
    bench = Bench(folder)
    bench.furnish()
    bench.change(quiesce=HELD)
    operation = bench.ask("bake web --quiesce")
    setattr(bench.supply, cut, bench.supply.calls + number)
    ended = bench.end_of(operation)
    bench.supply.restore()
    assert said(bench) in ([], ["frozen", "thawed"]), number
    bench.assert_audit_is_whole()
    bench.records.close()
    return ended


@pytest.mark.parametrize("cut", ["cut_before", "cut_after"])
def test_cut_off_anywhere_the_master_is_let_go_and_the_image_is_sure_or_not_used(
    cut: str, tmp_path: Path
) -> None:
    ends = [cut_off(cut, number, _made(tmp_path / str(number))) for number in range(1, 60)]
    doubts = {end.result for end in ends if end.stage is not Stage.DONE}
    assert doubts
    assert all("nobody knows what the image holds; it is not used" in doubt for doubt in doubts)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_one_that_reboots_is_approved_and_waits_until_the_master_serves_again(bench: Bench) -> None:
    bench.scale(1)
    operation = bench.ask("bake web --reboot")
    assert bench.desk.undecided(operation)
    bench.approve(operation)
    assert bench.end_of(operation).stage is Stage.DONE
    assert set(bench.cloud.reboots) == {MASTER}
    methods = [method for method, server in bench.servers.calls if server == MASTER]
    assert "reach" in methods
