"""The local AWS's HTTP side: what boto3 talks to, and a control URL for faults and the call log."""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl

from moto.core.request import Request
from moto.kms.responses import KmsResponse
from moto.sts.responses import TokenResponse

from bot.lab.aws.answers import SPEAK_JSON, Refusal, refuse
from bot.lab.aws.calls import Call, CallLog, Moment
from bot.lab.aws.ec2 import LabEc2Answers
from bot.lab.aws.elbv2 import LabElbV2Answers
from bot.lab.aws.faults import Fault, Faults, Kind
from bot.lab.aws.quotas import LabQuotaAnswers
from bot.lab.listening import Conversation

SERVICES: Mapping[str, Callable[..., Any]] = {
    "ec2": LabEc2Answers.dispatch,
    "elasticloadbalancing": LabElbV2Answers.dispatch,
    "kms": KmsResponse.dispatch,
    "servicequotas": LabQuotaAnswers.dispatch,
    "sts": TokenResponse.dispatch,
}
"""By the name that requests are signed for."""

SLOW_READS = {"GetConsoleOutput"}
"""Served without the guard: they ask a host, and a host may hang."""

CONTROL = "/_lab/"
SIGNED_FOR = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")
ERROR_CODE = re.compile(rb'<Code>([^<]+)</Code>|"__type": ?"([^"]+)"')
DENIED = re.compile(rb"<Code>AccessDenied</Code><Message>([^<]+)</Message>")
"""How moto denies whatever it is, in XML also where the service speaks JSON."""
BUSY = b"<html><body><b>Http/1.1 Service Unavailable</b></body> </html>"
"""What AWS's front end says when nothing behind it can."""
XML = {"Content-Type": "text/xml"}
JSON = {"Content-Type": "application/x-amz-json-1.1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True, kw_only=True)
class Desk:
    """Serves calls: tells the listeners, lets faults befall them, has moto carry them out."""

    account: str
    guard: threading.RLock
    calls: CallLog
    faults: Faults
    changed: Callable[[], None]

    def receive(self, headers: Mapping[str, str], body: bytes) -> Call:
        """Write the call down, and let the listeners know before anything happens."""
        signed = SIGNED_FOR.search(headers.get("Authorization", ""))
        region, service = signed.groups() if signed else ("", "")
        agent = headers.get("User-Agent", "")
        form = _read_form(headers, body)
        call = self.calls.begin(service, form.get("Action", ""), region, agent, form)
        self.calls.tell(call, Moment.BEFORE)
        return call

    def stand_in(self, call: Call, fault: Fault | None) -> Answer | None:
        """The answer of a fault that prevents the effect."""
        if fault is None:
            return None
        if fault.kind is Kind.DELAY:
            time.sleep(fault.seconds)
        if fault.kind is Kind.UNAVAILABLE:
            self.calls.refused(call, fault.status, "Unavailable")
            return Answer(status=503, headers={"Content-Type": "text/html"}, body=BUSY)
        if fault.kind is Kind.ERROR:
            self.calls.refused(call, fault.status, fault.code)
            return _refusal(call.service, fault.code, fault.message, fault.status)
        return None

    def carry_out(self, call: Call, url: str, headers: Mapping[str, str], body: bytes) -> tuple[Call, Answer]:
        """Let moto do it, and let the listeners know before the answer."""
        try:
            answer = self._dispatch(call, url, headers, body)
        except Refusal as refusal:
            answer = _refusal(call.service, refusal.code, refusal.message, refusal.status)
        except NotImplementedError as error:
            answer = _refusal(call.service, "NotImplemented", f"The lab cannot do this: {error}", 501)
        code = ERROR_CODE.search(answer.body) if answer.status >= 400 else None  # noqa: PLR2004  # HTTP's own
        call = self.calls.effect(call, answer.status, (code[1] or code[2]).decode() if code else "")
        self.calls.tell(call, Moment.AFTER)
        return call, answer

    def _dispatch(self, call: Call, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        serve = SERVICES.get(call.service)
        if serve is None:
            raise Refusal("UnknownService", f"The lab has no {call.service or 'unsigned'} calls.", status=403)
        own = {**headers, "x-moto-account-id": self.account}
        request = Request.from_primitives("POST", url, own, body)
        if call.action in SLOW_READS:
            return _answer(serve(request, url, own))
        with self.guard:
            answer = _answer(serve(request, url, own))
            if call.mutating:
                self.changed()
        if denied := DENIED.search(answer.body) if call.service in SPEAK_JSON else None:
            raise Refusal("AccessDeniedException", denied[1].decode())
        return answer

    def control(self, method: str, path: str, body: bytes) -> Answer:
        """The control URL: `faults` (GET, POST one, DELETE all) and `calls` (GET, DELETE)."""
        if path == "faults" and method == "POST":
            self.faults.apply(json.loads(body))
        elif path == "faults" and method == "DELETE":
            self.faults.clear()
        elif path == "calls" and method == "DELETE":
            self.calls.clear()
        elif method != "GET" or path not in ("faults", "calls"):
            return _json(404, {"error": "faults or calls"})
        shown = self.faults.describe() if path == "faults" else [asdict(call) for call in self.calls.all()]
        return _json(200, shown)


class Window(Conversation):
    """One client's connection."""

    desk: Desk

    def do_POST(self) -> None:  # noqa: N802  # http.server's name
        """Serve a call of AWS's query protocol, or control."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path.startswith(CONTROL):
            self._control(body)
        else:
            self._serve(body)

    def do_GET(self) -> None:  # noqa: N802  # http.server's name
        """Show what the control URL has."""
        self._control(b"")

    do_DELETE = do_GET  # noqa: N815  # http.server's name

    def _control(self, body: bytes) -> None:
        """Only for programs on this machine: a page in somebody's browser must not reach it."""
        port = self.connection.getsockname()[1]
        own = (f"127.0.0.1:{port}", f"localhost:{port}")
        foreign = self.headers.get("Host") not in own or "Origin" in self.headers
        if foreign or not self.path.startswith(CONTROL):
            self._send(_json(403, {"error": "not for you"}))
            return
        try:
            self._send(self.desk.control(self.command, self.path.removeprefix(CONTROL), body))
        except (ValueError, KeyError, TypeError) as error:
            self._send(_json(400, {"error": str(error)}))

    def _serve(self, body: bytes) -> None:
        headers = dict(self.headers.items())
        url = f"http://{self.headers.get('Host', 'localhost')}{self.path}"
        call = self.desk.receive(headers, body)
        fault = self.desk.faults.take(call.action)
        if fault and fault.kind is Kind.RESET:
            self.reset()
            return
        answer = self.desk.stand_in(call, fault)
        if answer is None:
            call, answer = self.desk.carry_out(call, url, headers, body)
        if fault and fault.kind is Kind.LOST:
            self.reset()
            return
        self._send(_cut(answer) if fault and fault.kind is Kind.TRUNCATED else answer)
        self.desk.calls.answered(call)

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        self.send_header("Date", self.date_time_string())
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()


def _read_form(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    """What is asked: of older services a form, of newer ones JSON, with the action in a header."""
    target = headers.get("X-Amz-Target")
    if target is None:
        return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
    asked: dict[str, Any] = json.loads(body or b"{}")
    return {"Action": target.rpartition(".")[2], **{name: str(value) for name, value in asked.items()}}


def _answer(result: tuple[int, Mapping[str, Any], str | bytes]) -> Answer:
    status, headers, body = result
    shown = {str(name): str(value) for name, value in headers.items()}
    kept = {
        name: value
        for name, value in shown.items()
        if name.lower() not in ("content-length", "date", "status")
    }
    return Answer(status=status, headers=kept, body=body.encode() if isinstance(body, str) else body)


def _cut(answer: Answer) -> Answer:
    return Answer(status=answer.status, headers=answer.headers, body=answer.body[: len(answer.body) // 2])


def _refusal(service: str, code: str, message: str, status: int) -> Answer:
    headers = JSON if service in SPEAK_JSON else XML
    return Answer(status=status, headers=headers, body=refuse(service, code, message).encode())


def _json(status: int, shown: Any) -> Answer:
    body = json.dumps(shown, default=dict).encode()
    return Answer(status=status, headers={"Content-Type": "application/json"}, body=body)
