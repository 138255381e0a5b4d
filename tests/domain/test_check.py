"""What the check makes of what it saw."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.domain.check.clock import judge_clock, seconds_ahead
from bot.domain.check.cloud import (
    Came,
    Group,
    Identity,
    Trial,
    judge_fleet,
    judge_groups,
    judge_host_keys,
    judge_identity,
    judge_trial,
)
from bot.domain.check.here import Folder, judge_configuration, judge_folder
from bot.domain.check.servers import Bearing, judge_bearings
from bot.domain.check.slack import Token, judge_channel, judge_group, judge_signing_secret, judge_token
from bot.domain.check.verdict import Mark, Verdict, exit_status, failed, passed, unproven
from bot.domain.fleet import Fleet, Role, Server, Service, State
from tests.adapters.cloud_worlds import make_spec

PASSED, FAILED, UNPROVEN = Mark.PASSED, Mark.FAILED, Mark.UNPROVEN
SPEC = make_spec()
NEEDED = ("chat:write", "commands")


def server(name: str = "i-master", role: Role = Role.MASTER, **more: Any) -> Server:
    given: dict[str, Any] = {
        "id": name,
        "role": role,
        "state": State.RUNNING,
        "address": "10.0.0.1",
        "type": "t3.small",
        "subnet": "subnet-a",
        "image": "ami-1",
        "launched": datetime(2026, 1, 1, tzinfo=UTC),
        "service": Service.HEALTHY,
    }
    return Server(**{**given, **more})


def bearing(which: Server | None = None, **more: Any) -> Bearing:
    given: dict[str, Any] = {"root": True, "rsync": "rsync  version 3.2.7  protocol version 31", "clock": 0.2}
    return Bearing(server=which or server(), **{**given, **more})


def test_it_exits_with_2_if_the_configuration_is_wrong_1_if_something_else_is_and_else_0() -> None:
    good, open_, bad = passed("a", "is"), unproven("b", "may be"), failed("c", "is not", "do it")
    wrong = failed("d", "is not", "do it", configuration=True)
    assert exit_status([]) == exit_status([good, open_]) == 0
    assert exit_status([good, bad]) == 1
    assert exit_status([bad, wrong]) == 2


@pytest.mark.parametrize(
    ("offset", "mark", "says"),
    [
        (0.1, PASSED, "within 1 s"),
        (-29.0, PASSED, "within 29 s"),
        (31.0, FAILED, "31 s ahead of"),
        (-3600.0, FAILED, "3600 s behind"),
        (None, UNPROVEN, "did not say"),
    ],
)
def test_clocks_may_differ_by_half_a_minute(offset: float | None, mark: Mark, says: str) -> None:
    verdict = judge_clock("a clock", offset)
    assert verdict.mark is mark
    assert says in verdict.says


@pytest.mark.parametrize(
    ("date", "ahead"),
    [("Thu, 01 Jan 1970 00:01:40 GMT", 0.5), ("yesterday", None), ("", None), ("Thu, 99 Jan 1970", None)],
)
def test_a_date_header_says_how_far_a_clock_is_ahead(date: str, ahead: float | None) -> None:
    assert seconds_ahead(date, 100.0) == ahead


def test_each_line_of_a_wrong_configuration_is_a_failure_of_its_own() -> None:
    verdicts = list(judge_configuration("fleet file", "f:1: a\nf:2: b", "fine"))
    assert [(each.mark, each.says, each.configuration) for each in verdicts] == [
        (FAILED, "f:1: a", True),
        (FAILED, "f:2: b", True),
    ]
    assert list(judge_configuration("fleet file", "", "fine")) == [passed("fleet file", "fine")]


ROOMY = Folder(path="/data", account="clonebot", free_bytes=10**9)


@pytest.mark.parametrize(
    ("folder", "says"),
    [
        (ROOMY, {PASSED: "clonebot may write /data; no clonebot serves from it now"}),
        (replace(ROOMY, held=True), {PASSED: "clonebot may write /data; a clonebot serves from it"}),
        (replace(ROOMY, exists=False), {PASSED: "clonebot may write /data; it is made at the first start"}),
        (replace(ROOMY, writable=False), {FAILED: "clonebot may not write /data"}),
        (replace(ROOMY, locked=("/data/records.db",)), {FAILED: "clonebot may not write /data/records.db"}),
    ],
)
def test_the_data_folder_must_be_writable_and_may_be_held(folder: Folder, says: dict[Mark, str]) -> None:
    assert {each.mark: each.says for each in judge_folder(folder)} == says


def test_files_that_others_may_read_and_a_full_disk_are_told_with_what_to_type() -> None:
    folder = replace(ROOMY, exposed=("/data/records.db",), free_bytes=5 * 2**20)
    exposed, full, _ = judge_folder(folder)
    assert (exposed.mark, exposed.remedy) == (FAILED, "chmod go= /data/records.db")
    assert full.mark is FAILED
    assert "5 MB are free" in full.says


def token(**more: Any) -> Token:
    given: dict[str, Any] = {"team": "T1", "user": "clonebot", "scopes": frozenset(NEEDED), "clock": 0.0}
    return Token(**{**given, **more})


def marks(verdicts: Any) -> list[Mark]:
    return [verdict.mark for verdict in verdicts]


def test_a_token_needs_every_scope_of_the_manifest_and_the_right_workspace() -> None:
    assert marks(judge_token(token(), NEEDED, "T1")) == [PASSED, PASSED, PASSED]
    assert marks(judge_token(token(), NEEDED, "")) == [PASSED, PASSED]
    _, scopes, team = judge_token(token(scopes=frozenset({"commands"})), NEEDED, "T2")
    assert (scopes.mark, scopes.says) == (FAILED, "the token lacks chat:write")
    assert (team.mark, team.configuration) == (FAILED, True)


def test_scopes_beyond_what_is_needed_are_named_and_no_fault() -> None:
    _, scopes = judge_token(token(scopes=frozenset({*NEEDED, "files:write"})), NEEDED, "")
    assert scopes.mark is PASSED
    assert "not needed: files:write" in scopes.says


def test_scopes_that_slack_does_not_tell_are_not_taken_for_there() -> None:
    _, scopes = judge_token(token(scopes=None), NEEDED, "")
    assert scopes.mark is UNPROVEN


def test_channels_and_groups_are_right_or_slacks_word_against_them_is_told() -> None:
    assert judge_channel("C1", ["web"], "").mark is PASSED
    assert judge_group("S1", "").mark is PASSED
    against = judge_channel("C1", ["web", "digests"], "I am not in that channel.")
    assert (against.mark, "web, digests" in against.says) == (FAILED, True)
    assert judge_group("S1", "Slack refused.").mark is FAILED


def test_a_signing_secret_is_proved_by_slack_alone() -> None:
    assert judge_signing_secret(present=True).mark is UNPROVEN
    absent = judge_signing_secret(present=False)
    assert (absent.mark, absent.configuration) == (FAILED, True)


def test_the_accounts_root_is_nobody_to_run_a_bot_as() -> None:
    arn = "arn:aws:iam::123456789012:{}"
    known = Identity(account="123456789012", arn=arn.format("user/clonebot"), clock=0.0)
    assert judge_identity(known).mark is PASSED
    assert judge_identity(replace(known, arn=arn.format("root"))).mark is FAILED


@pytest.mark.parametrize(
    ("came", "mark", "says"),
    [
        (Came.ALLOWED, PASSED, "allowed"),
        (Came.DENIED, FAILED, "denied (why)"),
        (Came.NO_DRY_RUN, UNPROVEN, "not provable without doing it"),
        (Came.NOTHING_TO_TRY_ON, UNPROVEN, "not tried: why"),
        (Came.UNCLEAR, UNPROVEN, "did not come to the permission (why)"),
    ],
)
def test_a_permission_is_said_to_be_there_only_where_that_was_proved(
    came: Came, mark: Mark, says: str
) -> None:
    verdict = judge_trial("web", Trial(permission="ec2:X", came=came, said="why"))
    assert (verdict.about, verdict.mark) == ("web: ec2:X", mark)
    assert says in verdict.says


@pytest.mark.parametrize(
    ("master", "mark"),
    [
        (server(), PASSED),
        (server(state=State.STOPPED), FAILED),
        (server(address=""), FAILED),
        (server(service=Service.UNHEALTHY), FAILED),
        (server(service=Service.OUT), FAILED),
    ],
)
def test_the_master_must_run_and_serve(master: Server, mark: Mark) -> None:
    assert judge_fleet(Fleet(spec=SPEC, master=master)).mark is mark


def test_a_master_whose_host_keys_nobody_knows_is_told_where_they_are() -> None:
    assert judge_host_keys("web", ["ssh-ed25519 AAAA"]).mark is PASSED
    assert "/etc/ssh/ssh_host_" in judge_host_keys("web", []).remedy


GROUP = Group(arn="arn:web", port=80, health_port="traffic-port", health_path="/")


@pytest.mark.parametrize(
    ("group", "mark"),
    [
        (GROUP, PASSED),
        (replace(GROUP, port=8080, health_port="80"), PASSED),
        (replace(GROUP, port=8080), FAILED),
        (replace(GROUP, health_path="/healthz"), FAILED),
        (replace(GROUP, balanced=False), FAILED),
        (replace(GROUP, exists=False), FAILED),
    ],
)
def test_the_target_group_asks_for_the_page_that_the_fleet_file_names(group: Group, mark: Mark) -> None:
    serving, _ = judge_groups(SPEC, group, GROUP)
    assert serving.mark is mark


def test_a_master_that_is_not_adopted_yet_is_no_fault() -> None:
    alone = replace(SPEC, target_group="")
    verdict = judge_fleet(Fleet(spec=alone, master=server(service=Service.OUT)))
    assert (verdict.mark, "/clone adopt i-master as web" in verdict.says) == (UNPROVEN, True)
    assert marks(judge_groups(alone, None, None)) == [UNPROVEN, UNPROVEN]


def test_the_target_group_for_writes_must_be_there() -> None:
    assert marks(judge_groups(SPEC, GROUP, Group(arn="arn:writes", exists=False))) == [PASSED, FAILED]


def judged(*bearings: Bearing) -> list[Verdict]:
    return list(judge_bearings("web", bearings))


def test_a_server_where_all_is_well_is_one_line() -> None:
    (verdict,) = judged(bearing())
    assert (verdict.mark, verdict.says) == (PASSED, "SSH, sudo and clock; rsync 3.2.7")
    (verdict,) = judged(bearing(root=False))
    assert verdict.says.startswith("SSH and clock")


@pytest.mark.parametrize(
    ("found", "abouts"),
    [
        (bearing(trouble="no answer", rsync="", clock=None), ["web: master i-master"]),
        (bearing(sudo="a password is required"), ["web: master i-master: sudo"]),
        (bearing(rsync=""), ["web: master i-master: rsync"]),
        (bearing(rsync="rsync  version 3.1.3  protocol version 31"), ["web: master i-master: rsync"]),
        (bearing(clock=-90.0), ["web: master i-master: clock"]),
        (bearing(server("i-clone", Role.CLONE), cut_off="10.0.0.1:80"), ["web: clone i-clone: writes"]),
        (bearing(sudo="no", rsync=""), ["web: master i-master: sudo", "web: master i-master: rsync"]),
    ],
)
def test_each_thing_that_is_wrong_on_a_server_is_a_line_with_a_remedy(
    found: Bearing, abouts: list[str]
) -> None:
    verdicts = judged(found)
    assert [verdict.about for verdict in verdicts] == abouts
    assert all(verdict.mark is FAILED and verdict.remedy for verdict in verdicts)


@pytest.mark.parametrize(("said", "mark"), [("v3.4.1", PASSED), ("4.0.0", FAILED)])
def test_a_clone_has_the_masters_major_version_of_rsync(said: str, mark: Mark) -> None:
    clone = bearing(server("i-clone", Role.CLONE), rsync=f"rsync  version {said}  protocol version 32")
    assert marks(judged(bearing(), clone)) == [PASSED, mark]
