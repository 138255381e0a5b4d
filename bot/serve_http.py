"""Serve over HTTP: gunicorn with one worker, which is the bot. It is forked before anything is open."""

import os
import socket
import sys
import threading
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker
from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from slack_bolt import App

from bot.app import Bot, build, check
from bot.domain.errors import AddressTaken, BotError, RecordsError
from bot.metrics import OperationsCollector, ReconcileCollector
from bot.serve import hold, spare_collector
from bot.settings import Environment
from bot.slack.web import build_web

_log = structlog.get_logger()
_THREADS = 32
_DRAIN_SECONDS = 6
"""For requests that came before we were told to stop; together with what follows it is less than ten."""
_LAST_WORDS_SECONDS = 2.0
_BACKLOG = 256
_LATER = 1
"""What somebody must correct is found before the worker begins; for the rest a later start may do."""


def serve_http(environment: Environment) -> None:
    """Serve on BIND:PORT until SIGTERM or SIGINT. Raises BotError where it cannot."""
    check(environment)
    listening = listen(environment.bind, environment.port)
    try:
        _Server(environment, listening).run()
    except SystemExit as end:
        if end.code == Arbiter.WORKER_BOOT_ERROR:
            sys.exit(_LATER)
        raise


def listen(bind: str, port: int) -> socket.socket:
    """Open the port here: gunicorn would try five times, and then tell its log. Raises AddressTaken."""
    try:
        family = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((bind, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise AddressTaken(f"BIND and PORT: {bind}:{port} cannot be used ({error.strerror}).") from error


class _Tenant:
    """The bot in the worker: it waits for the data folder in a thread, while the worker says "not ready"."""

    def __init__(self, environment: Environment, registry: CollectorRegistry) -> None:
        self._environment = environment
        self._registry = registry
        self._ready = Gauge("clonebot_ready", "Whether requests are taken", registry=registry)
        self._bot: Bot | None = None
        threading.Thread(target=self._move_in, name="start", daemon=True).start()

    @property
    def app(self) -> App | None:
        return self._bot.slack if self._bot else None

    def trouble(self) -> str:
        """Why nothing could be done just now; empty if all is well."""
        try:
            if self._bot:
                self._bot.check()
        except RecordsError as error:
            return str(error)
        return ""

    def _move_in(self) -> None:
        try:
            self._lock = hold(self._environment.data, threading.Event())
            bot = build(self._environment)
            bot.start()
            bot.terminal.open(self._environment.data, slack=True)
        except BotError as error:
            sys.stderr.write(f"clonebot: {error}\n")
            os._exit(Arbiter.WORKER_BOOT_ERROR)
        except BaseException as error:  # noqa: BLE001 (a thread that dies alone would leave a worker that is never ready)
            _log.critical("unexpected", exc_info=error)
            os._exit(Arbiter.WORKER_BOOT_ERROR)
        self._registry.register(OperationsCollector(bot.stages))
        self._registry.register(ReconcileCollector(bot.comparisons))
        self._bot = bot
        self._ready.set_function(lambda: float(not self.trouble()))
        spare_collector()
        _log.warning("serving", port=self._environment.port)

    def move_out(self) -> None:
        """Let what was acknowledged be finished where Slack answers soon."""
        if self._bot:
            pool = self._bot.slack.listener_runner.listener_executor
            last = threading.Thread(target=pool.shutdown, daemon=True)
            last.start()
            last.join(_LAST_WORDS_SECONDS)
            self._bot.engine.stop()


class _Server(BaseApplication):  # type: ignore[misc]  # gunicorn is untyped
    """One worker with threads, our logs, nothing read from files."""

    def __init__(self, environment: Environment, listening: socket.socket) -> None:
        self._environment = environment
        self._listening = listening
        self._tenant: _Tenant | None = None
        super().__init__()

    def load_config(self) -> None:
        """Say how to serve; whatever else gunicorn can read from the environment does not count."""
        settings = {
            "bind": f"fd://{self._listening.detach()}",
            "workers": 1,
            "worker_class": ThreadWorker,
            "threads": _THREADS,
            "preload_app": False,
            "graceful_timeout": _DRAIN_SECONDS,
            "control_socket_disable": True,
            "logger_class": _Log,
            "worker_exit": self._leave,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the application; called in the worker."""
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        serving = Gauge("clonebot_build_info", "Which version serves", ["version"], registry=registry)
        serving.labels(_version()).set(1)
        tenant = self._tenant = _Tenant(self._environment, registry)
        secret = self._environment.signing_secret.get_secret_value()
        web = build_web(lambda: tenant.app, secret, registry, tenant.trouble)
        web.register_error_handler(ParseException, _refuse)
        return web

    def _leave(self, _: Any, worker: Any) -> None:
        """End at once: what waits inside the engine goes on from the same place at the next start."""
        if worker.pid != os.getpid():  # gunicorn's parent process tells of a worker that is gone already
            return
        if self._tenant:
            self._tenant.move_out()
        os._exit(0 if worker.booted else Arbiter.WORKER_BOOT_ERROR)


def _refuse(_: Exception) -> tuple[str, int, dict[str, str]]:
    """A body that is not HTTP: gunicorn notices while the application reads it, and lets that fail."""
    return "This cannot be read.\n", 400, {"Content-Type": "text/plain", "Connection": "close"}


def _version() -> str:
    try:
        return version("clonebot")
    except PackageNotFoundError:
        return "not installed"


class _Log(Logger):  # type: ignore[misc]  # gunicorn is untyped
    """Errors alone, in our format: warnings would quote whatever strangers send."""

    def setup(self, cfg: Any) -> None:
        """Hand over to the root logger, as every other library does."""
        self.cfg = cfg
        self._access_log_enabled = False
        self.error_log.propagate = True
        self.error_log.setLevel("ERROR")
