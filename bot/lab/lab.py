"""The whole lab: hosts, AWS, Slack, a site; and the bot, a process of its own that knows none of them."""

import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from bot.domain.errors import ConfigError, ServerUnreachable
from bot.lab.aws.furnish import Furnished, furnish
from bot.lab.aws.hosts import Delays
from bot.lab.aws.local import LocalAws
from bot.lab.aws.network import claim_network
from bot.lab.fleet_file import fleet_file
from bot.lab.hosts import Hosts
from bot.lab.slack.server import LocalSlack
from bot.lab.tools import find_tools

_CONNECT_SECONDS = 30
_LOCK = "lab.lock"
_GLANCE_SECONDS = 0.05
_STOP_SECONDS = 10
Transport = Literal["socket", "http"]
_KEPT_FROM_OUTSIDE = ("PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")


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
    ) -> None:
        """`patience` is the fleet file's table of that name; `transport` is how Slack reaches the bot.

        `digest` says when digests are due, if ever.
        """
        self._stack = ExitStack()
        _make(folder)
        self.tools = find_tools(folder.resolve())
        network = claim_network()
        self._stack.callback(network.close)
        self.folder = self._stack.enter_context(run_folder(folder.resolve()))
        self.hosts = Hosts(self.folder, self.tools)
        self._stack.callback(self.hosts.close)
        self.aws = LocalAws(self.hosts, network=network.number, delays=delays)
        self.slack = LocalSlack(port=port)
        self._port = port
        self.patience = patience
        self.bot_url = _free_address() if transport == "http" else None
        self.digest = digest
        self.site: Furnished
        self._bot: subprocess.Popen[bytes] | None = None
        self._clients: dict[str, Any] = {}

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

    def start(self) -> None:
        """Start everything, the bot last; return when it is connected."""
        self.aws.start()
        self._stack.callback(self.aws.close)
        self._start_slack()
        self._stack.callback(self.slack.close)
        self.site = furnish(self.aws)
        self.slack.site_url = self.site.site_url
        self.slack.records_path = str(self.records)
        text = fleet_file(
            self.site,
            user=self.hosts.user,
            key_file=self.hosts.key_file,
            patience=self.patience,
            digest=self.digest,
        )
        self.fleet_file.write_text(text)
        self._stack.callback(self.stop_bot)
        self.start_bot()

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


@contextmanager
def run_folder(folder: Path) -> Iterator[Path]:
    """A folder for one run, removed at its end; what killed runs left behind is removed first."""
    for left in folder.glob("run-*"):
        with suppress(OSError), (left / _LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
    made = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    with (made / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)
