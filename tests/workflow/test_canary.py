"""A new image is tried with one server before anyone relies on it; that server never serves."""

import pytest

from bot.domain.audit import Kind
from bot.domain.errors import CloudDenied, CloudError, QuotaReached, RemoteFailed, ServerUnreachable
from bot.domain.fleet import Image, ImageState, State
from bot.domain.operation import Operation, Stage
from tests.workflow.bench import BOB, INDEX, LEA, Bench
from tests.workflow.test_cancel import LONG, alive, cancel_before, cancel_while_waiting, running


def bake(bench: Bench) -> Operation:
    return bench.end_of(bench.ask("bake web"))


def newest(bench: Bench) -> Image:
    return bench.cloud.look(bench.spec).images[0]


def next_clone_starts_from(bench: Bench) -> str:
    """The fleet has no clones before."""
    bench.servers.clone_health = 200
    bench.scale(1)
    (clone,) = bench.cloud.look(bench.spec).clones
    return clone.image


class TestThatIsProved:
    def test_makes_the_image_good_and_is_ended_and_never_registered(self, bench: Bench) -> None:
        ended = bake(bench)
        assert bench.done() == ["bake", "launch", "mark_image", "terminate"]
        assert alive(bench) == bench.quarantined() == []
        assert (ended.stage, newest(bench).state) == (Stage.DONE, ImageState.GOOD)
        assert newest(bench).doctor == "2026-11-22 0 blocking 0 waived 0 warnings 1 not checked"
        assert ended.result == f"web: image {newest(bench).id} is good; new clones start from it."
        assert next_clone_starts_from(bench) == newest(bench).id

    def test_needs_no_load_balancer(self, bench: Bench) -> None:
        bench.change(target_group="", writes=type(bench.spec.writes)())
        bench.cloud.stand_alone()
        assert bake(bench).stage is Stage.DONE
        assert newest(bench).state is ImageState.GOOD

    def test_runs_elsewhere_where_aws_has_too_few(self, bench: Bench) -> None:
        bench.cloud.capacity["subnet-a"] = 0
        assert bake(bench).stage is Stage.DONE
        assert bench.done().count("launch") == 2

    def test_serves_nobody_while_clones_do(self, bench: Bench) -> None:
        bench.scale(2)
        before = bench.serving()
        assert bake(bench).stage is Stage.DONE
        assert bench.serving() == bench.clones() == before

    def test_is_no_clone_while_it_lives(self, bench: Bench) -> None:
        bench.cloud.boots_after = LONG
        operation = running(bench, "bake web")
        told: list[str] = []

        def ask() -> None:
            if "launch" in bench.done() and not told:
                told.append(bench.ask("scale web +1", LEA))
                bench.ask("status web")
                bench.cloud.boots_after = 0

        bench.clock.passing = ask
        assert bench.end_of(operation).stage is Stage.DONE
        assert bench.operation(told[0]).plan.summary == "web: 0 → 1 clone"
        status = bench.chat.answers_to(BOB.id)[-1]
        assert "*web*: 0 clones; 1 of 1 server serving" in status
        assert "Canary `i-0002` " in status
        assert bench.end_of(told[0]).result == "web: 1 of 1 clones serve."

    def test_that_cannot_be_ended_is_quarantined_and_the_image_good_all_the_same(self, bench: Bench) -> None:
        bench.cloud.failures["terminate"] = [CloudDenied("AWS does not let me end servers.")]
        ended = bake(bench)
        assert ended.stage is Stage.PARTLY_DONE
        assert bench.quarantined() == ["i-0002"]
        assert "is good; new clones start from it. Could not end the canary" in ended.result
        assert "quarantined for a look: i-0002." in ended.result


class TestThatFails:
    def test_makes_the_image_bad_and_is_kept_and_the_old_image_stays_the_default(self, bench: Bench) -> None:
        bench.servers.clone_health = 500
        ended = bake(bench)
        bad = newest(bench)
        assert (ended.stage, bad.state) == (Stage.FAILED, ImageState.BAD)
        assert bench.quarantined() == ["i-0002"]
        assert ended.result == (
            f"web: image {bad.id} is bad: i-0002: the proof failed: health page: it answered 500. It is kept "
            "for a look, and not used; new clones start from ami-1. Out of service and quarantined for a "
            "look: i-0002. Put right on the master, or in its recipe, what failed; then type "
            "`/clone bake web`."
        )
        assert next_clone_starts_from(bench) == "ami-1"

    def test_of_the_first_image_leaves_none_and_the_next_scaling_bakes_anew(self, empty: Bench) -> None:
        empty.servers.clone_health = 500
        ended = bake(empty)
        bad = newest(empty)
        assert "no image is good, so `scale` bakes a new one" in ended.result
        assert next_clone_starts_from(empty) == newest(empty).id != bad.id

    def test_before_its_proof_counts_too(self, bench: Bench) -> None:
        bench.servers.fail("prepare", RemoteFailed("systemctl failed"))
        ended = bake(bench)
        assert newest(bench).state is ImageState.BAD
        assert "is bad: i-0002: systemctl failed." in ended.result

    def test_to_answer_counts_too(self, bench: Bench) -> None:
        bench.servers.fail("reach", RemoteFailed("no route"), times=LONG)
        assert "is bad: i-0002: no route (waited 10 minutes)." in bake(bench).result


class TestThatTellsNothing:
    """Then nobody knows whether the image is good."""

    def was_not_tried(self, bench: Bench, ended: Operation, why: str) -> None:
        image = newest(bench)
        assert (ended.stage, image.state) == (Stage.FAILED, ImageState.BUILDING)
        assert f"image {image.id} was made and not tried to the end, because {why}" in ended.result
        assert "It is not used; new clones start from ami-1." in ended.result
        assert ended.result.endswith("Type `/clone bake web` to try again.")
        assert next_clone_starts_from(bench) == "ami-1"

    def test_since_aws_has_no_server_to_give(self, bench: Bench) -> None:
        bench.cloud.capacity |= {"subnet-a": 0, "subnet-b": 0}
        ended = bake(bench)
        bench.cloud.capacity.clear()
        self.was_not_tried(
            bench, ended, "t3.medium in subnet-a, t3.medium in subnet-b: AWS has no such server"
        )

    @pytest.mark.parametrize("error", [QuotaReached("The quota is reached."), CloudDenied("Not allowed.")])
    def test_since_aws_refuses_one(self, bench: Bench, error: CloudError) -> None:
        bench.cloud.failures["launch"] = [error]
        self.was_not_tried(bench, bake(bench), f"subnet-a: {error}")

    def test_since_aws_ended_it_before_it_came_up(self, bench: Bench) -> None:
        bench.cloud.doomed["i-0002"] = "Server.InternalError: it broke"
        self.was_not_tried(bench, bake(bench), "i-0002: it is terminated (Server.InternalError: it broke)")

    def test_since_the_master_could_not_be_asked_for_the_proof(self, bench: Bench) -> None:
        bench.servers.fail("clock", ServerUnreachable("i-master cannot be reached."), times=LONG)
        ended = bake(bench)
        assert newest(bench).state is ImageState.BUILDING
        assert "was made and not tried to the end, because i-0002: i-master cannot be reached" in ended.result
        assert bench.quarantined() == ["i-0002"]

    def test_since_the_content_could_not_be_copied(self, bench: Bench) -> None:
        bench.servers.write("i-master", INDEX, "newer than the image")
        bench.servers.fail("pull_content", ServerUnreachable("i-master cannot be reached."))
        self.was_not_tried(bench, bake(bench), "i-0002: i-master cannot be reached")
        assert bench.quarantined() == ["i-0002"]

    def test_since_it_does_not_answer_for_its_proof(self, bench: Bench) -> None:
        bench.servers.fail("facts", ServerUnreachable("It is silent."), server="i-0002", times=9)
        self.was_not_tried(bench, bake(bench), "i-0002: It is silent")

    def test_since_the_master_fails_in_the_same(self, bench: Bench) -> None:
        bench.servers.hosts["i-master"].health = bench.servers.clone_health = 503
        why = "i-0002: the master fails as well: health page: it answered 503"
        ended = bake(bench)
        bench.servers.hosts["i-master"].health = 200
        self.was_not_tried(bench, ended, why)

    def test_since_the_image_cannot_be_tagged_and_the_canary_goes(self, bench: Bench) -> None:
        bench.cloud.failures["mark_image"] = [CloudDenied("AWS does not let me tag.")]
        ended = bake(bench)
        assert "could not be called good or bad: AWS does not let me tag." in ended.result
        assert (ended.stage, alive(bench)) == (Stage.FAILED, [])
        assert newest(bench).state is ImageState.BUILDING


class TestThatIsCancelled:
    def test_while_it_boots_goes_and_its_image_is_not_used(self, bench: Bench) -> None:
        bench.cloud.boots_after = LONG
        operation = running(bench, "bake web")
        cancel_while_waiting(bench, operation)
        ended = bench.end_of(operation)
        image = newest(bench)
        assert (ended.stage, alive(bench), image.state) == (Stage.CANCELLED, [], ImageState.BUILDING)
        assert "Undone: i-0002, started for this and not serving yet, terminated." in ended.result
        never = f"Stays: the image {image.id}, which was never tried, so no clone starts from it."
        assert never in ended.result

    def test_before_it_is_ended_goes_all_the_same(self, bench: Bench) -> None:
        operation = running(bench, "bake web")
        cancel_before(bench, operation, "mark_image", bench.cloud)
        ended = bench.end_of(operation)
        assert (ended.stage, alive(bench)) == (Stage.CANCELLED, [])
        assert f"Stays: the image {newest(bench).id}, which is good." in ended.result

    def test_by_something_unexpected_is_set_aside(self, bench: Bench) -> None:
        operation = running(bench, "bake web")
        bench.cloud.failures["mark_image"] = [ZeroDivisionError()]
        with pytest.raises(ZeroDivisionError):
            bench.end_of(operation)
        bench.carrier.give_up(operation, "Something unexpected went wrong.")
        assert bench.quarantined() == alive(bench) == ["i-0002"]
        assert newest(bench).state is ImageState.BUILDING
        assert next_clone_starts_from(bench) == "ami-1"


class TestClonesThatAreTheTrialThemselves:
    def test_make_the_image_good_if_one_was_proved(self, empty: Bench) -> None:
        empty.servers.fail("prepare", RemoteFailed("systemctl failed"), server="i-0002")
        ended = empty.scale(2)
        assert newest(empty).state is ImageState.GOOD
        assert ended.stage is Stage.PARTLY_DONE
        assert ended.result.startswith("web: 1 of 2 clones serve, because i-0002: systemctl failed.")
        assert "image" not in ended.result

    def test_make_it_bad_if_none_was(self, empty: Bench) -> None:
        empty.servers.clone_health = 500
        ended = empty.scale(2)
        image = newest(empty)
        assert (ended.stage, image.state) == (Stage.FAILED, ImageState.BAD)
        assert f"The image {image.id} is bad: it is kept for a look, and not used." in ended.result

    def test_serve_though_the_image_could_not_be_tagged(self, empty: Bench) -> None:
        empty.cloud.failures["mark_image"] = [CloudDenied("AWS does not let me tag.")]
        ended = empty.scale(1)
        assert (ended.stage, len(empty.serving())) == (Stage.DONE, 1)
        assert f"The image {newest(empty).id} was never tried" in ended.result
        assert "could not be called good or bad: AWS does not let me tag." in ended.result

    def test_of_a_good_image_judge_nothing(self, bench: Bench) -> None:
        bench.scale(2)
        assert "mark_image" not in bench.done()


def test_an_image_from_before_there_were_canaries_is_not_used(empty: Bench) -> None:
    empty.cloud.add_image(empty.spec, "ami-1", ImageState.BUILDING)
    empty.ask("status web")
    told = empty.chat.answers_to(BOB.id)[-1]
    assert "No image is good: `ami-1` was never tried. The next `/clone scale` bakes a new one" in told
    operation = empty.ask("scale web 1")
    assert empty.operation(operation).plan.notes[0] == (
        "No image is good: `ami-1` was never tried; one is baked first, without a reboot."
    )
    assert empty.end_of(operation).stage is Stage.DONE
    assert empty.cloud.look(empty.spec).clones[0].image == newest(empty).id != "ami-1"


def test_the_log_says_what_the_image_was_called_and_that_the_canary_is_to_rest(bench: Bench) -> None:
    operation = bake(bench).id
    rows = [row for row in bench.rows(Kind.INTENT) if row.operation == operation]
    assert f"call {newest(bench).id} good" in [row.text for row in rows]
    assert rows[-1].detail["resting"] == ["i-0002"]
    assert bench.cloud.look(bench.spec).master.state is State.RUNNING
