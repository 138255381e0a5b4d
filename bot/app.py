"""The wiring: the only place that chooses adapters."""

import logging
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from slack_bolt import App

from bot import catalog
from bot.aws.cloud import AwsCloud
from bot.domain.operation import Stage
from bot.records.log import SqliteRecords
from bot.settings import Environment, load
from bot.slack.calls import web_client
from bot.slack.chat import SlackChat
from bot.slack.listeners import build_app
from bot.ssh.servers import SshServers
from bot.workflow.carry_out import Carrier
from bot.workflow.desk import Desk
from bot.workflow.digests import Digests
from bot.workflow.engine import Engine, prepare_file
from bot.workflow.look import World

_log = structlog.get_logger()


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the time now, in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Bot:
    """Everything that serves. Nothing has started yet."""

    greet: Callable[[], object]
    """Ask Slack who we are: a refused token is told at the start, not to each person who types."""
    engine: Engine
    slack: App
    stages: Callable[[], Mapping[Stage, int]]
    """How many operations there are in each stage."""


def check(environment: Environment) -> None:
    """Raise what would keep the bot from serving, with nothing left open: the process is forked later."""
    load(environment.config)
    SqliteRecords(environment.data / "records.db").close()
    prepare_file(environment.data / "workflow.db")
    SlackChat(web_client(environment.bot_token.get_secret_value(), environment.api_url)).home_team()


def build(environment: Environment) -> Bot:
    """Choose all parts. Raises ConfigError or RecordsError; reaches nothing outside."""
    file = load(environment.config)
    records = SqliteRecords(environment.data / "records.db")
    client = web_client(environment.bot_token.get_secret_value(), environment.api_url)
    chat = SlackChat(client)
    cloud = AwsCloud()
    world = World(
        clock=SystemClock(),
        cloud=cloud,
        chat=chat,
        records=records,
        specs=file.fleets,
        policy=file.policy,
        commands=catalog.find_commands(),
        digest=file.digest,
    )
    desk = Desk(world)
    carrier = Carrier(world, SshServers(lambda spec, server: cloud.host_keys(spec, server.id)), desk)
    engine = Engine(environment.data / "workflow.db", desk, carrier, reference, Digests(world))
    secret = environment.signing_secret.get_secret_value()
    slack = build_app(client=client, signing_secret=secret, submit=engine.submit, chat=chat)
    return Bot(greet=chat.home_team, engine=engine, slack=slack, stages=records.stages)


def reference(error: BaseException) -> str:
    """Log an error nobody foresaw; return the id that leads a reader of the log to it."""
    name = secrets.token_hex(4)
    _log.error("unexpected", reference=name, exc_info=error)
    return name


def configure_logs() -> None:
    """One JSON object per line on standard error, from us and from the libraries alike."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)  # locals may hold secrets
        ),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    json = structlog.processors.JSONRenderer()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(json, foreign_pre_chain=shared))
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what it reports, our errors say
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
