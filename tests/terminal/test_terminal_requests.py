"""Requests from a terminal to a bot that runs, over its socket, with all else faked."""

import json
import os
import pwd
import socket
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.__main__ import main
from bot.domain.audit import Kind
from bot.domain.errors import ChatError, ChatUnavailable, ConfigError
from bot.domain.operation import Stage
from bot.domain.terminal import Terminal
from bot.terminal import wire
from bot.terminal.client import NobodyListens, connect
from bot.terminal.server import account_name
from tests.terminal.room import Terminals
from tests.workflow.bench import ADA, BOB, OPERATORS, TEAM, Bench

DOWN = ChatUnavailable("Slack cannot be reached just now. Try again in a minute.")


def typed(terminals: Terminals, *words: str) -> Result:
    """Type `clonebot run …` in a shell."""
    return CliRunner().invoke(main, ["run", *words], env={"CLONEBOT_DATA": str(terminals.folder)})


def lines(event: dict[str, object]) -> str:
    told = event["lines"]
    assert isinstance(told, list)
    return "\n".join(told)


def test_two_clones_are_asked_for_and_serve(terminals: Terminals) -> None:
    told = list(terminals.events("scale 2"))

    assert told[0]["event"] == "plan"
    assert told[0]["summary"] == "web: 0 → 2 clones"
    needed = len(told[0]["steps"]) - 1  # AWS had enough
    assert [event["event"] for event in told].count("step") == needed + 1  # and what was proved
    assert told[-1]["event"] == "end"
    assert told[-1]["stage"] == "done"
    assert told[-1]["exit"] == 0
    assert len(terminals.bench.serving()) == 2


def test_the_log_says_who_asked_and_that_it_was_in_a_terminal(terminals: Terminals) -> None:
    terminals.last("scale 1")

    (asked,) = terminals.bench.rows(Kind.REQUESTED)
    assert (asked.person, asked.via, asked.detail["account"]) == (f"{TEAM}/{BOB.id}", "terminal", "bob")
    (planned,) = terminals.bench.rows(Kind.PLANNED)
    assert (planned.person, planned.via) == (asked.person, "terminal")


def test_slack_sees_the_card_in_the_fleets_channel_and_the_thread(terminals: Terminals) -> None:
    end = terminals.last("scale 1")
    terminals.close()

    card = terminals.bench.chat.cards()[end["operation"]]
    assert (card.channel, card.stage) == ("C0WEB", Stage.DONE)
    assert "prove each" in terminals.bench.notes(end["operation"])


def test_an_answer_is_told_in_the_terminal_and_not_in_slack(terminals: Terminals) -> None:
    told = terminals.last("whoami")

    assert (told["event"], told["exit"]) == ("answer", 0)
    assert f"@{BOB.id}" in told["title"]
    assert terminals.bench.chat.answered == []


def test_nothing_typed_is_help(terminals: Terminals) -> None:
    assert terminals.last("")["title"] == "What you can type"


def test_another_operating_system_user_approves_and_both_are_told(terminals: Terminals) -> None:
    asking = terminals.events("scale 4")
    operation = terminals.until(asking, "awaiting approval")["operation"]

    approving = terminals.last(f"approve {operation}", "ada")
    end = list(asking)[-1]

    assert (approving["event"], approving["exit"]) == ("answer", 0)
    assert (end["stage"], end["exit"]) == ("done", 0)
    assert terminals.bench.operation(operation).approvers == (f"{TEAM}/{ADA.id}",)


def test_ones_own_request_is_not_approved_whichever_account_asks(terminals: Terminals) -> None:
    asking = terminals.events("scale 4", "lea")
    operation = terminals.until(asking, "awaiting approval")["operation"]

    for account in ("lea", "root"):  # two accounts of one person
        told = terminals.last(f"approve {operation}", account)
        assert (told["event"], told["exit"]) == ("refused", 1)
        assert "your own request" in lines(told)
    assert terminals.bench.operation(operation).stage is Stage.AWAITING_APPROVAL


def test_a_request_from_slack_is_not_approved_by_its_author_in_a_terminal(terminals: Terminals) -> None:
    lea = terminals.bench.chat.people[TEAM, "U0LEA"]
    operation = terminals.bench.ask("scale 4", lea)

    assert "your own request" in lines(terminals.last(f"approve {operation}", "root"))


def test_what_was_asked_in_a_terminal_is_approved_in_slack(terminals: Terminals) -> None:
    asking = terminals.events("scale 4")
    operation = terminals.until(asking, "awaiting approval")["operation"]

    terminals.approve_in_slack(operation)

    assert list(asking)[-1]["exit"] == 0


def test_who_denied_it_is_the_end_of_it(terminals: Terminals) -> None:
    asking = terminals.events("scale 4")
    operation = terminals.until(asking, "awaiting approval")["operation"]

    terminals.last(f"deny {operation} not today", "ada")

    end = list(asking)[-1]
    assert (end["stage"], end["result"], end["exit"]) == ("denied", "not today", 1)


def test_an_operation_that_fails_is_not_done(terminals: Terminals) -> None:
    terminals.bench.cloud.capacity.update({"subnet-a": 0, "subnet-b": 0})

    end = terminals.last("scale 1")

    assert (end["stage"], end["exit"]) == ("failed", 1)


@pytest.mark.parametrize(
    ("account", "text", "words"),
    [
        ("eve", "scale 1", "needs the role *operator*"),
        ("bob", "approve op-00000000", "needs the role *approver*"),
        ("bob", "scale 9", "8 clones at most"),
        ("bob", "frobnicate", "no command `frobnicate`"),
        ("bob", 'scale 4 --reason "why', "A quotation does not end"),
        ("bob", "scale\nweb\r\n9", "8 clones at most"),
        ("bob", "\0\7scal\x1b[31m", "no command"),
        ("bob", "\ud800\udc00\ud800", "no command"),
        ("bob", "\udcff\udcfe", "no command"),
        ("bob", "x" * 10_000, "too long"),
        ("bob", "scale web 4 --reason " + "y" * 10_000, "too long"),
        ("bob", "<!channel> <!here>", "no command"),
    ],
)
def test_the_same_is_refused_as_in_slack(terminals: Terminals, account: str, text: str, words: str) -> None:
    told = terminals.last(text, account)

    assert (told["event"], told["title"], told["exit"]) == ("refused", "Nothing was changed", 1)
    assert words in lines(told)
    assert [row.kind for row in terminals.rows()] == [Kind.REQUESTED, Kind.REFUSED]


@pytest.mark.parametrize("account", ["mallory", ""])
def test_an_unknown_user_of_the_machine_is_refused_and_recorded(terminals: Terminals, account: str) -> None:
    told = terminals.last("scale 1", account)

    assert (told["event"], told["exit"]) == ("refused", 1)
    assert "is not in the table [terminal]" in lines(told)
    (row,) = terminals.rows()
    assert (row.kind, row.via, row.person) == (Kind.REFUSED, "terminal", "")
    assert row.detail["text"] == "scale 1"


def test_without_a_terminal_table_nobody_gets_anywhere(bench: Bench, tmp_path: Path) -> None:
    with closing(Terminals(bench, tmp_path, None)) as terminals:
        told = terminals.last("status")

    assert (told["event"], told["exit"]) == ("refused", 2)
    assert "has no table [terminal]" in lines(told)


# -- without Slack


def test_while_slack_is_down_people_whom_the_file_names_still_work(terminals: Terminals) -> None:
    terminals.bench.chat.down = DOWN

    told = list(terminals.events("scale 2", "lea"))

    assert told[-1]["exit"] == 0
    assert len(terminals.bench.serving()) == 2
    steps = [event["text"] for event in told if event["event"] == "step"]
    assert sum(f"cannot be shown in its channel: {DOWN}" in text for text in steps) == 1
    assert terminals.bench.chat.shown == []


def test_while_slack_is_down_groups_do_not_count(terminals: Terminals) -> None:
    assert terminals.last("scale 1 --dry-run")["exit"] == 0  # bob is an operator through a group alone
    terminals.bench.chat.down = DOWN

    told = terminals.last("scale 1")

    assert told["exit"] == 1
    assert "Slack cannot be asked just now who is in a group" in lines(told)


def test_while_slack_is_down_a_second_person_can_approve(terminals: Terminals) -> None:
    terminals.bench.chat.down = DOWN
    asking = terminals.events("scale 4", "lea")
    operation = terminals.until(asking, "awaiting approval")["operation"]

    assert terminals.last(f"approve {operation}", "lea")["exit"] == 1
    assert terminals.last(f"approve {operation}", "ada")["exit"] == 0
    assert list(asking)[-1]["exit"] == 0


def test_slack_hears_of_it_once_it_is_back(terminals: Terminals) -> None:
    terminals.bench.chat.down = DOWN
    asking = terminals.events("scale 4", "lea")
    operation = terminals.until(asking, "awaiting approval")["operation"]

    terminals.bench.chat.down = None
    terminals.last(f"approve {operation}", "ada")

    assert list(asking)[-1]["exit"] == 0
    terminals.close()
    assert terminals.bench.chat.cards()[operation].stage is Stage.DONE


def test_what_slack_refuses_to_show_is_told_in_the_terminal(terminals: Terminals) -> None:
    show = terminals.bench.chat.show
    terminals.bench.chat.show = _refuse  # type: ignore[method-assign, assignment]  # a channel that we are not in
    told = list(terminals.events("scale 1"))
    terminals.bench.chat.show = show  # type: ignore[method-assign]  # as it was

    assert told[-1]["exit"] == 0
    assert any("/invite @clonebot" in event.get("text", "") for event in told)


def _refuse(*_: object) -> str:
    raise ChatError("I am not in that channel. Type `/invite @clonebot` there, then try again.")


def test_who_left_the_company_is_refused_while_slack_can_be_asked(terminals: Terminals) -> None:
    del terminals.bench.chat.people[TEAM, "U0LEA"]

    assert "Slack knows no such person" in lines(terminals.last("scale 1", "lea"))


def test_another_workspace_than_the_files_is_refused(terminals: Terminals) -> None:
    terminals.bench.chat.team = "T0OTHER"

    assert "terminal.team: expected `T0OTHER`" in lines(terminals.last("status"))


def test_membership_counts_again_when_the_operation_begins(terminals: Terminals) -> None:
    asking = terminals.events("scale 4")
    operation = terminals.until(asking, "awaiting approval")["operation"]
    terminals.bench.chat.groups[OPERATORS] = set()

    terminals.last(f"approve {operation}", "ada")

    end = list(asking)[-1]
    assert end["exit"] == 1
    assert "may not do so any more" in end["result"]


# -- records, and what is not ours


def test_what_cannot_be_recorded_is_not_done(terminals: Terminals) -> None:
    terminals.bench.records.refuse = lambda _: True

    told = terminals.last("scale 1")

    assert (told["event"], told["exit"]) == ("refused", 1)
    assert "nothing was done" in lines(told)
    terminals.bench.records.refuse = lambda _: False


@pytest.mark.parametrize("sent", [b"hello\n", b"[]\n", b"{}\n", b"[" * 100_000 + b"\n", b"\xff\n", b"{"])
def test_what_is_not_a_request_is_answered_and_forgotten(terminals: Terminals, sent: bytes) -> None:
    connection = connect(terminals.folder)
    connection.sendall(sent)
    connection.shutdown(socket.SHUT_WR)

    (told,) = wire.receive(connection)

    assert told["exit"] == 2
    assert terminals.rows() == []
    connection.close()


def test_who_goes_away_is_not_waited_for_and_the_operation_goes_on(terminals: Terminals) -> None:
    asking = terminals.events("scale 4")
    operation = terminals.until(asking, "awaiting approval")["operation"]
    asking.close()  # type: ignore[attr-defined]  # it is a generator

    assert terminals.approve_in_slack(operation).stage is Stage.DONE


def test_a_folder_whose_name_is_long_works_too(bench: Bench, tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40)
    folder.mkdir()
    with closing(Terminals(bench, folder)) as terminals:
        assert terminals.last("whoami")["exit"] == 0


def test_a_socket_that_a_killed_bot_left_is_replaced(bench: Bench, tmp_path: Path) -> None:
    Terminals(bench, tmp_path)
    with closing(Terminals(bench, tmp_path)) as terminals:
        assert terminals.last("whoami")["exit"] == 0


def test_where_no_bot_is_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(NobodyListens):
        connect(tmp_path / "nowhere")
    with pytest.raises(NobodyListens):
        connect(tmp_path)


def test_a_folder_that_is_none_is_a_matter_of_configuration(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CLONEBOT_DATA"):
        Terminals(bench, tmp_path / "nowhere")


# -- the command line


def test_it_prints_the_plan_the_steps_and_the_result(terminals: Terminals) -> None:
    result = typed(terminals, "scale 2")

    printed = result.stdout.splitlines()
    assert result.exit_code == 0
    assert "web: 0 → 2 clones (plan " in printed[0]
    assert any(line.startswith("  ✅ 1 of ") for line in printed)
    assert printed[-1].startswith("Done: web: 2 of 2 clones serve.")


def test_as_json_each_line_is_one_event(terminals: Terminals) -> None:
    result = typed(terminals, "--json", "scale 2")

    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [event["event"] for event in events[:2]] == ["plan", "stage"]
    assert events[-1]["exit"] == 0


def test_without_waiting_it_returns_once_the_plan_is_recorded(terminals: Terminals) -> None:
    result = typed(terminals, "--no-wait", "scale 4")

    (operation,) = terminals.bench.records.operations()
    assert result.exit_code == 0
    assert operation.stage is Stage.AWAITING_APPROVAL
    assert f"clonebot run 'approve {operation.id}'" in result.stdout
    assert f"{operation.id} goes on with the bot" in result.stdout


def test_a_refusal_is_explained_in_the_terminals_own_words(terminals: Terminals) -> None:
    result = typed(terminals, "scal 4")

    assert result.exit_code == 1
    assert result.stdout.startswith("Nothing was changed\n")
    assert "Type `clonebot run 'help'` to see what there is." in result.stdout


def test_nothing_in_an_answer_commands_the_terminal(terminals: Terminals) -> None:
    terminals.last("scale 4 --reason \x1b[31mred\x9b2J --dry-run", "eve")
    result = typed(terminals, "\x1b]0;x\x07\u202e --no")

    assert not any(ord(char) < 32 and char != "\n" for char in result.stdout)
    assert not {"\x9b", "\u202e"} & set(result.stdout)


@pytest.mark.parametrize("words", [[], ["scale", "4"], ["--jsn", "scale 4"]])
def test_wrong_usage_is_2(terminals: Terminals, words: list[str]) -> None:
    assert typed(terminals, *words).exit_code == 2


def test_a_folder_that_may_not_be_entered_is_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(main, ["run", "status"], env={"CLONEBOT_DATA": str(tmp_path / "file")})
    assert result.exit_code == 2


def test_it_is_the_kernel_that_says_who_asks(bench: Bench, tmp_path: Path) -> None:
    me = pwd.getpwuid(os.getuid()).pw_name
    table = Terminal(team=TEAM, users={me: BOB.id})
    with closing(Terminals(bench, tmp_path, table, account=account_name)) as terminals:
        told = terminals.last("whoami", "whoever I say")
    assert f"@{BOB.id}" in told["title"]


def test_every_user_of_the_machine_may_knock(terminals: Terminals) -> None:
    assert stat.S_IMODE((terminals.folder / "terminal.sock").stat().st_mode) == 0o666


# -- the doctor ---------------------------------------------------------------------------------------


def test_a_report_is_told_whole_at_a_terminal_and_slack_hears_nothing(terminals: Terminals) -> None:
    cloud = terminals.bench.cloud
    cloud.found = replace(cloud.inspect(terminals.bench.spec), root_on_disk=False)
    told = terminals.last("doctor web")

    assert (told["event"], told["exit"], told["blocking"]) == ("report", 0, 1)
    finding, *fixed = told["findings"]
    assert {each["severity"] for each in fixed} == {"fixed"}
    assert finding == {
        "id": finding["id"],
        "check": "root-device",
        "pitfall": 22,
        "severity": "blocks",
        "what": "The master's root device is an instance store, of which AWS makes no image.",
        "where": "i-master",
        "remedy": "Move the master to a server whose root device is an EBS volume.",
        "waived": None,
    }
    assert finding["id"] in lines(told)
    assert "To do: Move the master to a server" in lines(told)
    assert terminals.bench.chat.reports == {}


def test_a_waiver_given_at_a_terminal_is_recorded_as_that_and_shown(terminals: Terminals) -> None:
    cloud = terminals.bench.cloud
    cloud.found = replace(cloud.inspect(terminals.bench.spec), root_on_disk=False)
    finding, *_ = terminals.last("doctor web")["findings"]
    said = terminals.last(f"waive {finding['id']} --until 2026-12-31 --reason 'moved soon'", "ada")
    assert (said["event"], said["exit"]) == ("answer", 0)
    (row,) = terminals.bench.rows(Kind.WAIVED)
    assert (row.person, row.via) == (f"{TEAM}/{ADA.id}", "terminal")

    told = terminals.last("doctor web")
    assert told["blocking"] == 0
    assert told["findings"][0]["waived"] == {"until": "2026-12-31", "by": "U0ADA", "reason": "moved soon"}


def test_a_report_is_lines_for_people_and_one_object_for_programs(terminals: Terminals) -> None:
    shown = typed(terminals, "doctor web")
    assert shown.exit_code == 0
    assert shown.stdout.splitlines()[0] == "web: nothing blocks a clone image"

    (told,) = map(json.loads, typed(terminals, "--json", "doctor web").stdout.splitlines())
    assert {"event", "exit", "fleet", "master", "at", "blocking", "findings", "not_checked"} <= told.keys()
    assert [each["check"] for each in told["not_checked"]] == ["other-quotas"]
