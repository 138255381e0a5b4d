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
from bot.aws.probe import AwsInspection
from bot.check.probes import Probes
from bot.domain.operation import Stage
from bot.domain.pace import Pace
from bot.domain.terminal import Terminal
from bot.records.folder import look_at
from bot.records.log import SqliteRecords
from bot.settings import Environment, load
from bot.slack.calls import web_client
from bot.slack.chat import SlackChat
from bot.slack.inspection import SCOPES, SlackInspection
from bot.slack.listeners import build_app
from bot.ssh.bearing import SshInspection
from bot.ssh.servers import SshServers
from bot.terminal.chat import NoSlack, TerminalChat
from bot.terminal.followers import Followers
from bot.terminal.server import TerminalServer
from bot.workflow.carry_out import Carrier
from bot.workflow.desk import Desk
from bot.workflow.digests import Digests
from bot.workflow.engine import Engine, Parts, prepare_file
from bot.workflow.look import World
from bot.workflow.messages import Messages
from bot.workflow.notices import Notices
from bot.workflow.outbox import Outbox
from bot.workflow.reconcile import Reconciler, Report
from bot.world import Chat

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
    comparisons: Callable[[], Mapping[str, Report]]
    """How the last comparisons of AWS with the records went, by fleet."""
    check: Callable[[], object]
    """Raise RecordsError unless something could be recorded now."""
    trust: Callable[[], object]
    """Read the whole audit log; if it was tampered with, nothing is recorded or done any more."""
    terminal: TerminalServer

    def start(self) -> None:
        """Go on with whatever was under way, if the audit log can be trusted."""
        self.trust()
        self.engine.start()

    def under_way(self) -> bool:
        """Whether somebody at a terminal waits, or an operation runs or waits for its turn."""
        stages = self.stages()
        return self.terminal.busy or any(stages.get(each) for each in (Stage.WAITING, Stage.RUNNING))


def check(environment: Environment) -> None:
    """Raise what would keep the bot from serving, with nothing left open: the process is forked later."""
    file = load(environment.config)
    SqliteRecords(environment.data / "records.db").close()
    prepare_file(environment.data / "workflow.db")
    _greet(
        SlackChat(web_client(environment.bot_token.get_secret_value(), environment.api_url)), file.terminal
    )


def build(environment: Environment) -> Bot:
    """Choose all parts. Raises ConfigError or RecordsError; reaches nothing outside."""
    file = load(environment.config)
    records = SqliteRecords(environment.data / "records.db")
    client = web_client(environment.bot_token.get_secret_value(), environment.api_url)
    chat: Chat = SlackChat(client) if environment.bot_token else NoSlack()
    clock, followers = SystemClock(), Followers()
    cloud = AwsCloud()
    world = World(
        clock=clock,
        cloud=cloud,
        servers=SshServers(lambda spec, server: cloud.host_keys(spec, server.id)),
        chat=chat,
        records=records,
        specs=file.fleets,
        policy=file.policy,
        commands=catalog.find_commands(),
        digest=file.digest,
        terminals=TerminalChat(chat, file.terminal, followers) if file.terminal else None,
    )
    messages, notices = Messages(world), Notices(world)
    outbox = Outbox(messages, Pace())
    desk = Desk(world, messages, outbox, notices)
    carrier = Carrier(world, desk)
    reconciler = Reconciler(world, carrier)
    parts = Parts(
        desk=desk,
        carrier=carrier,
        digests=Digests(world),
        outbox=outbox,
        reconciler=reconciler,
        notices=notices,
    )
    engine = Engine(environment.data / "workflow.db", parts, reference)
    secret = environment.signing_secret.get_secret_value()
    slack = build_app(client=client, signing_secret=secret, submit=engine.submit, chat=chat)
    terminal = TerminalServer(
        terminal=file.terminal, followers=followers, records=records, clock=clock, submit=engine.submit
    )
    return Bot(
        greet=lambda: _greet(chat, file.terminal),
        engine=engine,
        slack=slack,
        stages=records.stages,
        comparisons=reconciler.reports,
        check=records.check,
        trust=records.trust,
        terminal=terminal,
    )


def probes(environment: Environment) -> Probes:
    """Choose what the check asks. Raises CloudError if nobody can say who asks AWS; asks nobody yet."""
    cloud = AwsCloud()
    return Probes(
        chat=SlackInspection(web_client(environment.bot_token.get_secret_value(), environment.api_url)),
        cloud=AwsInspection(cloud),
        servers=SshInspection(lambda spec, server: cloud.host_keys(spec, server.id)),
        folder=lambda: look_at(environment.data),
        scopes=SCOPES,
    )


def _greet(chat: Chat, terminal: Terminal | None) -> None:
    team = chat.home_team()
    if terminal:
        terminal.require_team(team)


def reference(error: BaseException) -> str:
    """Log an error nobody foresaw; return the id that leads a reader of the log to it."""
    name = secrets.token_hex(4)
    _log.error("unexpected", reference=name, exc_info=error)
    return name


def configure_logs(level: int = logging.WARNING) -> None:
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
    logging.raiseExceptions = False  # a line for which a full disk has no room is lost, and nothing else
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what it reports, our errors say
    logging.basicConfig(level=level, handlers=[handler], force=True)
