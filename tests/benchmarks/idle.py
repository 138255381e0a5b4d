"""The same libraries as the bot's, made ready to work and idle: prints how much memory that takes, in KiB."""

import tempfile
import time
from pathlib import Path

import boto3
import fabric
import sqlite_utils
import structlog
from dbos import DBOS
from flask import Flask
from gunicorn.app.base import BaseApplication
from jinja2.sandbox import SandboxedEnvironment
from prometheus_client import CollectorRegistry
from pydantic_settings import BaseSettings
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.models.blocks import Block

_REGION = "eu-central-1"
_SETTLE_SECONDS = 3.0


def main() -> None:
    """Make one of each, wait a moment, and look."""
    with tempfile.TemporaryDirectory() as folder:
        kept = [*_clients(), *_work(Path(folder))]
        time.sleep(_SETTLE_SECONDS)
        print(memory("self"), len(kept))
        DBOS.destroy(workflow_completion_timeout_sec=0)


def memory(process: str) -> int:
    """The memory that a process holds now, in KiB (VmRSS)."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def _clients() -> list[object]:
    session = boto3.Session(aws_access_key_id="none", aws_secret_access_key="none", region_name=_REGION)
    made: list[object] = [session.client("ec2"), session.client("elbv2"), session.client("sts")]
    app = App(client=WebClient(token="xoxb-none"), signing_secret="none", token_verification_enabled=False)
    return [*made, app, SocketModeHandler(app, "xapp-none"), fabric.Connection("127.0.0.1"), Block]


def _work(folder: Path) -> list[object]:
    database = sqlite_utils.Database(folder / "records.db")
    settings = {"name": "idle", "system_database_url": f"sqlite:///{folder}/workflow.db"}
    DBOS(config={"name": settings["name"], "system_database_url": settings["system_database_url"]})
    DBOS.launch()
    web = Flask("idle")
    return [
        database,
        web,
        BaseApplication,
        SandboxedEnvironment(),
        CollectorRegistry(),
        BaseSettings,
        structlog,
    ]


if __name__ == "__main__":
    main()
