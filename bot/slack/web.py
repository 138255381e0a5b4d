"""The same app over HTTP: what Slack, a load balancer and Prometheus ask for."""

import re
from collections.abc import Callable

from flask import Flask, Request, Response, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from slack_bolt import App, BoltRequest
from slack_bolt.adapter.flask.handler import to_bolt_request, to_flask_response
from slack_sdk.signature import SignatureVerifier

EVENTS = "/slack/events"
_LARGEST_BYTES = 1024 * 1024
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")


def build_web(
    get_app: Callable[[], App | None],
    signing_secret: str,
    registry: CollectorRegistry,
    trouble: Callable[[], str] = lambda: "",
) -> Flask:
    """Make the web application. `get_app` returns None until the bot is ready; then Slack is told to wait.

    `trouble` says why nothing could be done just now, if so: whoever asks something is told the same.
    """
    web = Flask("clonebot", static_folder=None)
    web.config["MAX_CONTENT_LENGTH"] = _LARGEST_BYTES
    verifier = SignatureVerifier(signing_secret)
    answers = Counter(
        "clonebot_slack_requests", "What came to /slack/events, by our answer", ["status"], registry=registry
    )

    @web.post(EVENTS)
    def slack() -> Response:
        return _answer(verifier, get_app())

    @web.get("/healthz")
    def alive() -> Response:
        return _text("alive", 200)

    @web.get("/readyz")
    def ready() -> Response:
        if not get_app():
            return _text("starting", 503)
        why = trouble()
        return _text(why, 503) if why else _text("ready", 200)

    @web.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    @web.after_request
    def count(response: Response) -> Response:
        if request.path == EVENTS:
            answers.labels(response.status_code).inc()
        return response

    return web


def is_from_slack(verifier: SignatureVerifier, asked: Request) -> bool:
    """Whether Slack signed this, at most five minutes ago.

    Bolt looks, too, but only after it has read the body as JSON, and it fails on headers of another form.
    """
    body = asked.get_data()
    timestamp = asked.headers.get("X-Slack-Request-Timestamp", "")
    signature = asked.headers.get("X-Slack-Signature", "")
    if not (_TIMESTAMP.fullmatch(timestamp) and _SIGNATURE.fullmatch(signature)):
        return False
    try:
        return verifier.is_valid(body, timestamp, signature)
    except UnicodeDecodeError:
        return False


def _answer(verifier: SignatureVerifier, app: App | None) -> Response:
    if not is_from_slack(verifier, request):
        return _text("This is for Slack alone.", 401)
    if app is None:
        return _text("Not ready yet.", 503)
    read = _read(request)
    if read is None:
        return _text("This cannot be read.", 400)
    return to_flask_response(app.dispatch(read))


def _read(asked: Request) -> BoltRequest | None:
    """What Slack says; None where it is no form and no JSON object."""
    try:
        read = to_bolt_request(asked)
    except (ValueError, RecursionError, AttributeError, TypeError):  # Bolt looks into whatever it reads
        return None
    return read if isinstance(read.body, dict) else None


def _text(text: str, status: int) -> Response:
    return Response(text + "\n", status, content_type="text/plain; charset=utf-8")
