"""A live server that stands alone is adopted, cloned, and disowned again; the bot is killed in between."""

from collections.abc import Iterator

import pytest

from bot.domain.operation import Stage
from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from tests.scenarios.account import things
from tests.scenarios.visitor import Visitor, get

pytestmark = pytest.mark.xdist_group("alone")
BALANCER_CALLS = ("CreateLoadBalancer", "CreateListener")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.getbasetemp().parent / "lab"
    with Lab(folder, delays=NO_DELAYS, rate_limits=False, balanced=False) as lab:
        yield lab


def test_from_alone_to_a_fleet_and_back(lab: Lab) -> None:
    visitor, before = Visitor(lab), things(lab)
    adopt = f"adopt {lab.site.master}"
    assert f"Type `/clone {adopt} as web`" in visitor.hear("scale 1")

    lab.aws.calls.clear()
    killed = visitor.kill_when(lambda one: bool(one.lab.aws.calls.of(*BALANCER_CALLS)))
    operation = visitor.open(adopt)
    visitor.press(operation)
    assert killed.wait(30)
    lab.start_bot()
    ended = visitor.end_of(operation)

    assert ended.stage is Stage.DONE, ended.result
    during = things(lab)
    (balancer,) = during["balancers"]
    assert f"serves behind the load balancer {balancer}, port 8000" in ended.result
    assert get(f"http://{balancer}:8000/healthz")[0] == get(f"{lab.site.site_url}/healthz")[0] == 200
    assert during["protected"] == [True, True]
    assert (during["tags"]["clonebot:fleet"], during["tags"]["clonebot:role"]) == ("web", "master")
    assert "nothing to do" in visitor.hear(f"{adopt} as web")

    assert visitor.scale(1).stage is Stage.DONE
    assert len(visitor.serving()) == 1
    assert "Type `/clone scale web 0` first" in visitor.hear("disown")
    assert visitor.scale(0).stage is Stage.DONE

    ended = visitor.agreed("disown")
    assert (ended.stage, ended.result) == (
        Stage.DONE,
        f"web: {lab.site.master} stands alone again, as before it was adopted.",
    )
    assert things(lab) == before
    assert get(f"{lab.site.site_url}/healthz")[0] == 200
    visitor.assert_audit_is_complete()


def test_what_aws_refuses_half_way_leaves_nothing_behind(lab: Lab) -> None:
    visitor, before = Visitor(lab), things(lab)
    lab.aws.faults.error("CreateListener", "TooManyListeners")

    ended = visitor.agreed(f"adopt {lab.site.master}")

    assert ended.stage is Stage.FAILED
    assert "TooManyListeners" in ended.result
    assert "Nothing that adopt made is left." in ended.result
    assert things(lab) == before
    visitor.assert_audit_is_complete()
