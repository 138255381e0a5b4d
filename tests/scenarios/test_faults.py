"""What happens outside goes wrong; what Slack says of it is true, and whoever serves goes on serving."""

import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from bot.domain.naming import request_id
from bot.domain.operation import Operation, Stage
from bot.lab.aws.calls import Call, Moment
from bot.lab.aws.faults import Fate
from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.host.disk import make_key
from bot.lab.lab import Lab
from bot.records.schema import TRIGGERS
from tests.patience import within
from tests.scenarios.visitor import BOB, Visitor, read

PATIENCE = {"bake": 30, "launch": 15, "boot": 12, "healthy": 6, "drain": 20}
TOLD_WITHIN = within(5)
ROLE = "clonebot:role"
pytestmark = pytest.mark.xdist_group("faults")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.getbasetemp().parent / "lab"
    with Lab(folder, delays=NO_DELAYS, patience=PATIENCE, rate_limits=False) as started:
        yield started


# -- AWS


@pytest.mark.parametrize("fault", ["reset", "unavailable"])
def test_an_aws_that_does_not_answer_is_told_and_nothing_is_done(visitor: Visitor, fault: str) -> None:
    broken = getattr(visitor.lab.aws.faults, fault)
    calls = len(visitor.lab.aws.calls.mutating())
    broken("*", times=None)
    before = len(visitor.answers(BOB))
    requests = [request_id(visitor.ask(text)) for text in ("status", "scale web 1")]
    visitor.until(lambda: len(visitor.answers(BOB)) == before + 2, "nobody is told", 30)
    visitor.lab.aws.faults.clear()

    for answer in visitor.answers(BOB)[before:]:
        assert "Nothing was changed" in read(answer)
        assert re.search(r"AWS (does not answer|has trouble of its own)", read(answer))
    refused = ["requested", "refused"]
    visitor.until(lambda: [kinds(visitor, one) for one in requests] == [refused, refused], "not recorded")
    assert len(visitor.lab.aws.calls.mutating()) == calls
    assert "1 of 1 server serving" in visitor.hear("status")


def test_throttled_calls_are_repeated_until_it_is_done(visitor: Visitor) -> None:
    visitor.lab.aws.faults.error("*", "RequestLimitExceeded", times=8, share=0.3)

    ended = attempt(visitor, 1)
    visitor.lab.stop_bot()  # it goes on asking slowly for a while
    visitor.lab.start_bot()

    assert (ended.stage, ended.result) == (Stage.DONE, "web: 1 of 1 clones serve.")
    assert len(visitor.ever_launched(ended.id)) == 1


def test_what_one_subnet_cannot_give_the_other_gives(visitor: Visitor) -> None:
    poor, *others = visitor.lab.site.subnets
    visitor.lab.aws.faults.no_capacity(poor)

    ended = attempt(visitor, 3)

    assert ended.stage is Stage.DONE
    assert re.search(rf"AWS had too few of \S+ in {poor}; started in their place: 2 × ", ended.result)
    assert {clone["SubnetId"] for clone in visitor.clones().values()} <= set(others)
    assert len(visitor.ever_launched(ended.id)) == 3


def test_a_quota_is_told_as_one_and_asked_once(visitor: Visitor) -> None:
    visitor.lab.aws.faults.quota(0)
    calls = len(visitor.lab.aws.calls.of("RunInstances"))

    ended = attempt(visitor, 2)

    assert ended.stage is Stage.FAILED
    assert "A quota of the AWS account is reached: how many vCPUs" in ended.result
    visitor.shows(ended.id, "/servicequotas/home/services/ec2/quotas")
    assert len(visitor.lab.aws.calls.of("RunInstances")) == calls + 1


def test_without_any_capacity_it_fails_and_says_why(visitor: Visitor) -> None:
    visitor.scale(1)
    visitor.lab.aws.faults.no_capacity()

    ended = attempt(visitor, 3)

    assert ended.stage is Stage.FAILED
    assert ended.result.startswith("web: 1 of 3 clones serve, because")
    assert "no such server to give" in ended.result


@pytest.mark.parametrize("fault", ["lose_answer", "truncate"])
def test_an_answer_that_is_lost_starts_nothing_twice(visitor: Visitor, fault: str) -> None:
    for action in ("RunInstances", "RegisterTargets"):
        getattr(visitor.lab.aws.faults, fault)(action)

    ended = attempt(visitor, 1)

    assert (ended.stage, ended.result) == (Stage.DONE, "web: 1 of 1 clones serve.")
    assert len(visitor.ever_launched(ended.id)) == len(visitor.clones()) == 1


def test_new_servers_that_aws_does_not_know_yet_are_waited_for(visitor: Visitor) -> None:
    visitor.lab.aws.faults.not_found_for(2.0)

    ended = attempt(visitor, 2)

    assert ended.stage is Stage.DONE
    assert len(visitor.ever_launched(ended.id)) == 2


def test_calls_that_we_may_not_make_are_told(visitor: Visitor) -> None:
    visitor.lab.aws.faults.error("RunInstances", "UnauthorizedOperation", times=None)

    ended = attempt(visitor, 1)

    assert ended.stage is Stage.FAILED
    assert "credentials may not do this: RunInstances" in ended.result
    assert not visitor.clones()


# -- servers


def test_clones_that_refuse_ssh_are_not_who_they_should_be_or_are_broken_are_set_aside(
    visitor: Visitor, tmp_path: Path
) -> None:
    hosts = visitor.lab.hosts

    def misdirect(clone: str) -> None:
        settings = hosts.disk(clone) / "etc/site.conf"
        settings.write_text(settings.read_text().replace("db_port = 3307", "db_port = 3999"))

    def show_another_key(clone: str) -> None:
        _show_another_key(visitor, clone, tmp_path)

    with sabotage(visitor, "GetConsoleOutput", hosts.shut_down, show_another_key, misdirect):
        ended = attempt(visitor, 4)

    apart = assert_set_aside(visitor, ended, 3)
    assert "cannot be reached over SSH" in ended.result
    assert "shows another SSH host key than its console did" in ended.result
    assert "the proof failed" in ended.result
    assert all(ended.result.count(name) >= 2 for name in apart)  # with the reason, and where it is now


def test_clones_that_never_boot_are_told_with_awss_reason(visitor: Visitor) -> None:
    for fate in Fate:
        visitor.lab.aws.faults.doom(fate)

    ended = attempt(visitor, 4)

    apart = assert_set_aside(visitor, ended, 2, asked=4)
    (gone,) = set(visitor.ever_launched(ended.id)) - apart - set(visitor.serving())
    assert f"{gone}: it is terminated (Client.VolumeLimitExceeded: Volume limit exceeded)" in ended.result
    assert f"it did not start (waited {PATIENCE['boot']} seconds)" in ended.result


def test_a_clone_that_never_becomes_healthy_is_taken_out_again(visitor: Visitor) -> None:
    with sabotage(visitor, "RegisterTargets", visitor.lab.hosts.freeze):
        ended = attempt(visitor, 2)

    assert_set_aside(visitor, ended, 1)
    assert f"did not find it healthy within {PATIENCE['healthy']} seconds" in ended.result


def test_no_clone_is_made_of_a_master_that_is_stopped(visitor: Visitor) -> None:
    ec2, master = visitor.lab.client("ec2"), visitor.lab.site.master
    ec2.stop_instances(InstanceIds=[master])
    visitor.until(lambda: _state(visitor, master) == "stopped", "it does not stop")
    try:
        calls = len(visitor.lab.aws.calls.mutating())
        answer = visitor.hear("scale web 1")
        assert "is stopped" in answer
        assert "Start it, then type `/clone scale web 1` again" in answer
        assert "stopped" in visitor.hear("status")
        assert len(visitor.lab.aws.calls.mutating()) == calls
    finally:
        ec2.start_instances(InstanceIds=[master])
        visitor.until(lambda: healthy(visitor) == {master}, "it does not serve again")


def test_a_master_with_another_host_key_is_never_entered(visitor: Visitor, tmp_path: Path) -> None:
    visitor.scale(1)
    visitor.lab.stop_bot()  # connections that are open were checked when they were opened
    before = _show_another_key(visitor, visitor.lab.site.master, tmp_path)
    visitor.lab.start_bot()
    try:
        ended = attempt(visitor, 2)
    finally:
        console(visitor, visitor.lab.site.master).write_text(before)

    assert ended.stage is Stage.FAILED
    assert ended.result.startswith("web: 1 of 2 clones serve, because")
    assert "shows another SSH host key than its console did" in ended.result


# -- our own records


def test_while_the_log_is_locked_nothing_is_done_and_the_person_is_told(visitor: Visitor) -> None:
    with locked(visitor):
        assert_told_that_nothing_can_be_recorded(visitor)

    assert attempt(visitor, 1).stage is Stage.DONE


@pytest.mark.parametrize("trigger", TRIGGERS)
def test_while_the_log_is_not_protected_nothing_is_done(visitor: Visitor, trigger: str) -> None:
    with closing(sqlite3.connect(visitor.lab.records, isolation_level=None, timeout=5)) as db:
        db.execute(f"DROP TRIGGER {trigger}")
        try:
            assert_told_that_nothing_can_be_recorded(visitor, trigger)
        finally:
            db.execute(TRIGGERS[trigger].strip())

    assert "1 of 1 server serving" in visitor.hear("status")


def test_a_log_that_is_locked_meanwhile_delays_the_work_and_loses_nothing(visitor: Visitor) -> None:
    operation = visitor.open("scale web 1")
    visitor.until(lambda: visitor.lab.aws.calls.of("RunInstances"), "nothing is launched")
    with locked(visitor):
        calls = len(visitor.lab.aws.calls.mutating())
        time.sleep(3)
        assert len(visitor.lab.aws.calls.mutating()) <= calls + 1  # what was announced before

    assert visitor.end_of(operation).stage is Stage.DONE
    assert len(visitor.ever_launched(operation)) == 1
    visitor.assert_audit_is_complete()


# -- what the tests do


def attempt(visitor: Visitor, count: int) -> Operation:
    """Ask for this many clones; check that what Slack says in the end is so, and that it never got worse."""
    with never_worse(visitor):
        operation = visitor.open(f"scale web {count}")
        if visitor.operation(operation).stage is Stage.AWAITING_APPROVAL:
            visitor.press(operation)
        ended = visitor.end_of(operation)
    visitor.lab.aws.faults.clear()
    assert_true(visitor, ended)
    visitor.assert_audit_is_complete()
    return ended


def assert_true(visitor: Visitor, ended: Operation) -> None:
    """What was said equals what AWS says."""
    said = re.match(r"web: (\d+) of (\d+) clones serve", ended.result)
    assert said, ended.result
    assert int(said[1]) == len(visitor.serving()), ended.result
    assert (ended.stage is Stage.DONE) == (said[1] == said[2])
    shown = visitor.shows(ended.id, ended.result[:40])
    clones, registered = visitor.clones(), healthy(visitor)
    for name, instance in clones.items():
        role = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}[ROLE]
        assert (role == "clone") == (name in registered), (name, role, ended.result)
    assert "Traceback" not in shown


def assert_set_aside(visitor: Visitor, ended: Operation, number: int, asked: int = 0) -> set[str]:
    """One clone serves; the others are out of service, tagged and named. Returns those."""
    asked = asked or number + 1
    assert ended.stage is Stage.PARTLY_DONE
    assert ended.result.startswith(f"web: 1 of {asked} clones serve, because")
    assert f"`/clone scale web {asked}`" in ended.result
    apart = visitor.clones().keys() - set(visitor.serving())
    assert len(apart) == number
    named = ended.result.partition("quarantined for a look: ")[2]
    assert all(name in named for name in apart)
    return apart


def assert_told_that_nothing_can_be_recorded(visitor: Visitor, *words: str) -> None:
    """Both who looks and who acts are told so in time; AWS is not asked to change anything."""
    calls = len(visitor.lab.aws.calls.mutating())
    rows = visitor.audit("SELECT count(*) FROM audit")
    began = time.monotonic()
    for word in ("The audit log", *words):
        assert word in visitor.hear("scale web 1")
    assert time.monotonic() - began < TOLD_WITHIN * (1 + len(words))
    assert visitor.audit("SELECT count(*) FROM audit") == rows
    assert len(visitor.lab.aws.calls.mutating()) == calls


def kinds(visitor: Visitor, request: str) -> list[str]:
    """Which rows the log has of a request."""
    rows = visitor.audit("SELECT kind FROM audit WHERE operation = ? ORDER BY seq", request)
    return [kind for (kind,) in rows]


def healthy(visitor: Visitor) -> set[str]:
    """The servers that the load balancer sends requests to."""
    group = visitor.lab.site.target_group
    found = visitor.lab.client("elbv2").describe_target_health(TargetGroupArn=group)
    targets = found["TargetHealthDescriptions"]
    return {one["Target"]["Id"] for one in targets if one["TargetHealth"]["State"] == "healthy"}


@contextmanager
def never_worse(visitor: Visitor) -> Iterator[None]:
    """Those that serve at the start serve all the time."""
    visitor.lab.client("elbv2")  # made here: sessions are not for several threads
    first, lost, over = _patiently(lambda: healthy(visitor)), set[str](), threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            with suppress(BotoCoreError, ClientError):
                lost.update(first - healthy(visitor))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    assert not lost


def _patiently(look: Callable[[], set[str]]) -> set[str]:
    for _ in range(20):
        with suppress(BotoCoreError, ClientError):
            return look()
    raise AssertionError("AWS does not answer")


@contextmanager
def sabotage(visitor: Visitor, action: str, *does: Callable[[str], object]) -> Iterator[None]:
    """Do each of these to a clone of its own, just when the bot makes its first such call about that."""
    left, struck, turn = list(does), set[str](), threading.Lock()

    def strike(call: Call, moment: Moment) -> None:
        if call.action != action or moment is not Moment.BEFORE:
            return
        with turn:
            hosts = {each.name for each in (visitor.lab.folder / "hosts").iterdir()}
            about = (hosts & set(call.parameters.values())) - struck - {visitor.lab.site.master}
            for clone in sorted(about)[: len(left)][:1]:
                struck.add(clone)
                left.pop(0)(clone)

    forget = visitor.lab.aws.calls.on_call(strike)
    try:
        yield
    finally:
        forget()
    assert not left


def console(visitor: Visitor, server: str) -> Path:
    """Where what a server prints while it boots is kept."""
    return visitor.lab.folder / "hosts" / server / "console.log"


def _show_another_key(visitor: Visitor, server: str, folder: Path) -> str:
    """Let the console show a host key that the server does not have; what it showed before."""
    file = folder / "another"
    make_key(file, "another")
    another = file.with_suffix(".pub").read_text().split()[1]
    before = console(visitor, server).read_text()
    console(visitor, server).write_text(re.sub(r"ssh-ed25519 \S+", f"ssh-ed25519 {another}", before))
    return before


def _state(visitor: Visitor, server: str) -> str:
    found = visitor.lab.client("ec2").describe_instances(InstanceIds=[server])
    return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])


@contextmanager
def locked(visitor: Visitor) -> Iterator[None]:
    """Somebody else writes into the records file, and takes their time."""
    with closing(sqlite3.connect(visitor.lab.records, isolation_level=None, timeout=5)) as db:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            db.execute("ROLLBACK")
