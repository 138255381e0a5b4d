"""The least that Slack's own libraries can do: acknowledge, on the same server with the same threads."""

import sys
from concurrent.futures import ThreadPoolExecutor

from flask import Flask, Response, request
from gunicorn.app.base import BaseApplication
from gunicorn.workers.gthread import ThreadWorker
from slack_bolt import Ack, App
from slack_bolt.adapter.flask import SlackRequestHandler
from slack_sdk import WebClient

_THREADS = 32


class Trivial(BaseApplication):  # type: ignore[misc]  # gunicorn is untyped
    """Serves on a port, with a signing secret, a token, and Slack at an address."""

    def __init__(self, port: str, secret: str, token: str, api_url: str) -> None:
        self._port, self._secret = port, secret
        self._client = WebClient(token=token, base_url=f"{api_url.rstrip('/')}/")
        super().__init__()

    def load_config(self) -> None:
        """The bot's own settings."""
        settings = {"bind": f"127.0.0.1:{self._port}", "workers": 1, "worker_class": ThreadWorker}
        for name, value in (settings | {"threads": _THREADS, "control_socket_disable": True}).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Make the application."""
        app = App(
            client=self._client,
            signing_secret=self._secret,
            token_verification_enabled=False,
            listener_executor=ThreadPoolExecutor(_THREADS),
        )

        @app.command("/clone")
        def clone(ack: Ack) -> None:
            ack()

        web = Flask(__name__)

        @web.post("/slack/events")
        def slack() -> Response:
            return SlackRequestHandler(app).handle(request)

        return web


if __name__ == "__main__":
    Trivial(*sys.argv[1:]).run()
