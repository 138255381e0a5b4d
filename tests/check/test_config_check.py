"""`clonebot config check`: the fleet file alone."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.__main__ import main
from tests.check.test_report import PEOPLE, fleet


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "key").write_text("a key")
    (tmp_path / "clonebot.toml").write_text(fleet("web") + fleet("shop", "i-00000000000000000") + PEOPLE)
    monkeypatch.setenv("CLONEBOT_CONFIG", str(tmp_path / "clonebot.toml"))
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def config_check(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["config", "check", *arguments])


def test_a_file_without_fault_is_said_to_be_so_and_no_token_is_needed(folder: Path) -> None:
    done = config_check()
    file = folder / "clonebot.toml"
    assert (
        done.output == f"{file}: 2 fleets (web, shop), 2 people and groups with a role: no problem found.\n"
    )
    assert done.exit_code == 0


def test_every_problem_is_told_with_line_key_and_reason(folder: Path) -> None:
    file = folder / "another.toml"
    file.write_text(fleet("web").replace("subnets", "subnet") + PEOPLE)
    done = config_check(str(file))
    assert done.exit_code == 2
    assert f"{file}:6: fleets.web.subnet: unknown key. Did you mean `subnets`?" in done.output
    assert "fleets.web.subnets: is missing" in done.output


def test_a_file_that_is_not_there_is_told() -> None:
    done = config_check("nowhere.toml")
    assert done.exit_code == 2
    assert "there is no such fleet file" in done.output
