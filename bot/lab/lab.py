"""The whole lab: hosts, AWS, Slack, a site; and the bot, a process of its own that knows none of them."""

import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from bot.domain.errors import ConfigError, ServerUnreachable
from bot.lab.aws.furnish import Furnished, Site, furnish
from bot.lab.aws.hosts import Delays
from bot.lab.aws.hosts import Hosts as AnyHosts
from bot.lab.aws.local import LocalAws
from bot.lab.aws.network import claim_network
from bot.lab.fleet_file import fleet_file
from bot.lab.folders import run_folder
from bot.lab.hosts import Hosts
from bot.lab.slack.server import LocalSlack
from bot.lab.tools import Tools, find_tools

_CONNECT_SECONDS = 30
_GLANCE_SECONDS = 0.05
_STOP_SECONDS = 10
Transport = Literal["socket", "http"]
_KEPT_FROM_OUTSIDE = ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """Where a lab's servers are, if not on loopback, and what is on them."""

    hosts: AnyHosts
    prefix: str
    """How their addresses begin: "10.64", say."""
    site: Site
    fleet_file: Callable[[Furnished], str]
    """Writes the bot's configuration."""


class Lab:
    """Everything on this machine. `start` it; `close` leaves nothing behind but the fetched tools."""

    def __init__(  # noqa: PLR0913 (what a visitor may wish for, all by name)
        self,
        folder: Path,
        *,
        delays: Delays | None = None,
        port: int = 0,
        patience: Mapping[str, int] | None = None,
        transport: Transport = "socket",
        digest: str = "",
        rate_limits: bool = True,
        premises: Premises | None = None,
        balanced: bool = True,
    ) -> None:
        """`patience` is the fleet file's table of that name; `transport` is how Slack reaches the bot.

        `digest` says when digests are due, if ever; `rate_limits`, whether Slack's are enforced;
        `balanced`, whether the site's server is behind a load balancer already.
        `premises` are other servers than those on loopback, and their owner's to close.
        """
        self.hosts: Hosts
        self.tools: Tools
        _make(folder)
        with ExitStack() as opened:
            self.folder = opened.enter_context(run_folder(folder.resolve()))
            site = Site(balanced=balanced)
            self._premises = premises or self._on_loopback(folder.resolve(), site, opened)
            self._stack = opened.pop_all()
        self.aws = LocalAws(self._premises.hosts, prefix=self._premises.prefix, delays=delays)
        self.slack = LocalSlack(port=port, rate_limits=rate_limits)
        self._port = port
        self.patience = patience
        self.bot_url = _free_address() if transport == "http" else None
        self.digest = digest
        self.site: Furnished
        self._bot: subprocess.Popen[bytes] | None = None
        self._clients: dict[str, Any] = {}

    def _on_loopback(self, folder: Path, site: Site, opened: ExitStack) -> Premises:
        self.tools = find_tools(folder)
        network = claim_network()
        opened.callback(network.close)
        self.hosts = Hosts(self.folder, self.tools)
        opened.callback(self.hosts.close)
        return Premises(hosts=self.hosts, prefix=network.prefix, site=site, fleet_file=self._own_fleet_file)

    def _own_fleet_file(self, site: Furnished) -> str:
        return fleet_file(
            site,
            user=self.hosts.user,
            key_file=self.hosts.key_file,
            patience=self.patience,
            digest=self.digest,
        )

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def data(self) -> Path:
        """The bot's data folder."""
        return self.folder / "data"

    @property
    def records(self) -> Path:
        """The bot's audit log."""
        return self.data / "records.db"

    @property
    def log(self) -> Path:
        """What the bot writes to standard error."""
        return self.folder / "bot.log"

    @property
    def fleet_file(self) -> Path:
        """The bot's configuration."""
        return self.folder / "clonebot.toml"

    @property
    def environment_file(self) -> Path:
        """The variables that the bot was started with, for a shell."""
        return self.folder / "environment"

    def start(self) -> None:
        """Start everything, the bot last; return when it is connected."""
        self.aws.start()
        self._stack.callback(self.aws.close)
        self._start_slack()
        self._stack.callback(self.slack.close)
        self.site = furnish(self.aws, self._premises.site)
        self.slack.site_url = self.site.site_url
        self.slack.records_path = str(self.records)
        self.fleet_file.write_text(self._premises.fleet_file(self.site))
        self._write_environment()
        self._stack.callback(self.stop_bot)
        self.start_bot()

    def _write_environment(self) -> None:
        """For whoever wants to type a command of ours as the bot would."""
        ours = ("AWS_", "BIND=", "CLONEBOT_", "PORT=", "SLACK_")
        lines = [f"{name}={shlex.quote(value)}" for name, value in self.environment.items()]
        self.environment_file.touch(0o600)
        self.environment_file.write_text("\n".join([*filter(lambda line: line.startswith(ours), lines), ""]))

    def _start_slack(self) -> None:
        try:
            self.slack.start()
        except OSError as error:
            raise ConfigError(
                f"The page's port {self._port} cannot be used ({os.strerror(error.errno or 0)}). "
                "Choose another with --port, or leave that out."
            ) from error

    @property
    def environment(self) -> dict[str, str]:
        """The public environment variables that make a bot of ours work in this lab."""
        kept = {name: os.environ[name] for name in _KEPT_FROM_OUTSIDE if name in os.environ}
        return (
            kept
            | self._transport
            | {
                "SLACK_API_URL": self.slack.api_url,
                "SLACK_BOT_TOKEN": self.slack.bot_token,
                "SLACK_SIGNING_SECRET": self.slack.signing_secret,
                "AWS_ENDPOINT_URL": self.aws.endpoint,
                "AWS_ACCESS_KEY_ID": "lab",
                "AWS_SECRET_ACCESS_KEY": secrets.token_hex(8),
                "CLONEBOT_CONFIG": str(self.fleet_file),
                "CLONEBOT_DATA": str(self.data),
            }
        )

    @property
    def _transport(self) -> dict[str, str]:
        if self.bot_url is None:
            return {"SLACK_APP_TOKEN": self.slack.app_token}
        address = urlsplit(self.bot_url)
        return {"BIND": str(address.hostname), "PORT": str(address.port)}

    def start_bot(self) -> int:
        """Start the bot; return its process id once it takes requests. Call it from the main thread.

        The kernel ends the bot with the thread that started it, so that a killed lab leaves no bot behind.
        """
        # Slack may not have noticed yet that the last bot died; its sockets are no sign of this one.
        self.slack.faults.drop_sockets()
        with self.log.open("ab") as log:
            self._bot = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "bot", "serve"],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        if not self._wait_until_served():
            raise ServerUnreachable(f"The bot did not start. Its log says: {self.log.read_text()[-2000:]}")
        return self._bot.pid

    def _wait_until_served(self) -> bool:
        if self.bot_url is None:
            return self.slack.wait_until_connected(_CONNECT_SECONDS)
        self.slack.request_url = self.bot_url + "/slack/events"
        deadline = time.monotonic() + _CONNECT_SECONDS
        while time.monotonic() < deadline and self._bot and self._bot.poll() is None:
            ready = f"{self.bot_url}/readyz"
            with suppress(OSError), urllib.request.urlopen(ready, timeout=3):  # noqa: S310 (always http)
                return True
            time.sleep(_GLANCE_SECONDS)
        return False

    def kill_bot(self) -> None:
        """End the bot, all its processes at once, as a crash would."""
        if self._bot is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._bot.pid, signal.SIGKILL)
            self._bot.wait()

    def stop_bot(self) -> int:
        """Ask the bot to end; insist after a while. Returns its exit status."""
        if self._bot is None:
            return 0
        self._bot.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._bot.wait(_STOP_SECONDS)
        self.kill_bot()
        return self._bot.wait()

    def close(self) -> None:
        """End everything."""
        self._stack.close()

    def client(self, service: Literal["ec2", "elbv2"]) -> Any:
        """A boto3 client of an onlooker."""
        import boto3  # noqa: PLC0415 (only onlookers need it)

        if service in self._clients:
            return self._clients[service]
        self._clients[service] = boto3.client(
            service,
            endpoint_url=self.aws.endpoint,
            region_name=self.site.region,
            aws_access_key_id="onlooker",
            aws_secret_access_key="onlooker",  # noqa: S106 (any credentials do)
        )
        return self._clients[service]


def _free_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise ConfigError(
            f"The lab's folder {folder} cannot be written ({error.strerror}). Choose another with --folder."
        ) from error
