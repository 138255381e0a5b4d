"""Images of a master that is quiesced, or rebooted, for a moment."""

from collections.abc import Callable, Iterator

import pytest

from bot.domain.operation import Stage
from bot.lab.lab import Lab, Transport
from tests.scenarios.visitor import Visitor

pytestmark = pytest.mark.xdist_group("socket")

QUIESCE = """
[fleets.web.quiesce]
before = ["echo flushed >>var/log/held", "sync -f ."]
after = ["echo let go >>var/log/held"]

[policy.roles]"""


@pytest.fixture
def lab(labs: Callable[[Transport], Lab]) -> Iterator[Lab]:
    lab = labs("socket")
    before = lab.fleet_file.read_text()
    lab.fleet_file.write_text(before.replace("\n[policy.roles]", QUIESCE))
    _restart(lab)
    yield lab
    lab.fleet_file.write_text(before)
    _restart(lab)


def _restart(lab: Lab) -> None:
    lab.stop_bot()
    lab.start_bot()


def test_a_master_is_quiesced_or_rebooted_and_goes_on_as_before(visitor: Visitor) -> None:
    held = visitor.lab.hosts.disk(visitor.lab.site.master) / "var/log/held"
    quiesced = visitor.end_of(visitor.open("bake web --quiesce"))
    assert quiesced.stage is Stage.DONE, quiesced.result
    assert held.read_text() == "flushed\nlet go\n"

    refused = visitor.hear("bake web --reboot")
    assert "the site would be down while its master" in refused

    rebooted = visitor.agreed("bake web --reboot --outage")
    assert rebooted.stage is Stage.DONE, rebooted.result
    assert visitor.post("/guestbook", b"name=Eve&text=still+here") < 400
    assert held.read_text() == "flushed\nlet go\n"
    visitor.assert_audit_is_complete()
