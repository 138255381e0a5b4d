"""One boto3 session, one client per service and region, and on whose behalf we ask AWS."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError, EndpointConnectionError
from botocore.parsers import ResponseParserError

from bot.aws.words import NO_CAPACITY, in_our_words
from bot.domain.errors import CloudUnreachable

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client
    from mypy_boto3_sts import STSClient

PATIENCE = 75.0
"""Seconds after which no further retry is begun; the last wait and request still fit into two minutes."""
_KNOCKS = 4
"""Attempts after which nobody is at home."""
_NOBODY = (EndpointConnectionError, ConnectTimeoutError)

_CONFIG = Config(
    retries={"mode": "adaptive", "total_max_attempts": 8},
    connect_timeout=5,
    read_timeout=20,
    max_pool_connections=32,
)


@dataclass(frozen=True, slots=True)
class _Errand:
    action: str
    deadline: float


_ERRAND: ContextVar[_Errand | None] = ContextVar("errand", default=None)


@contextmanager
def asking(action: str = "", *, patience: float | None = None) -> Iterator[None]:
    """Ask AWS on behalf of this action, with bounded patience; what AWS refuses becomes a CloudError."""
    deadline = time.monotonic() + (PATIENCE if patience is None else patience)
    before = _ERRAND.set(_Errand(action, deadline))
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise in_our_words(error) from error
    except ResponseParserError as error:
        raise CloudUnreachable("AWS's answer arrived damaged. `status` shows what really is.") from error
    finally:
        _ERRAND.reset(before)


class KeyService(Protocol):
    """KMS, as far as it is asked."""

    def describe_key(self, **which: str) -> Mapping[str, Any]:
        """What kind of key `KeyId` is, and in which state."""


class QuotaService(Protocol):
    """Service Quotas, as far as it is asked."""

    def get_service_quota(self, **which: str) -> Mapping[str, Any]:
        """The quota `QuotaCode` of `ServiceCode`, as this account has it."""


class Clients:
    """The clients, made on first use. They may be shared by threads; the session may not."""

    def __init__(self) -> None:
        with asking():
            self._session = boto3.Session()
        self._lock = threading.Lock()
        self._made: dict[tuple[str, str], Any] = {}

    @property
    def region(self) -> str:
        """The one that the environment names; empty if it names none."""
        with asking():
            return self._session.region_name or ""

    def ec2(self, region: str) -> EC2Client:
        """EC2 in this region."""
        client: EC2Client = self._client("ec2", region)
        return client

    def elb(self, region: str) -> ElasticLoadBalancingv2Client:
        """The load balancers of this region."""
        client: ElasticLoadBalancingv2Client = self._client("elbv2", region)
        return client

    def sts(self, region: str) -> STSClient:
        """Who we are."""
        client: STSClient = self._client("sts", region)
        return client

    def kms(self, region: str) -> KeyService:
        """The keys of this region."""
        client: KeyService = self._client("kms", region)
        return client

    def quotas(self, region: str) -> QuotaService:
        """How much of what this account may have."""
        client: QuotaService = self._client("service-quotas", region)
        return client

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            if (service, region) not in self._made:
                self._made[service, region] = self._make(service, region)
            return self._made[service, region]

    def _make(self, service: str, region: str) -> Any:
        make: Any = self._session.client
        try:
            client = make(service, region_name=region, config=_CONFIG)
        except ValueError as error:
            raise CloudUnreachable(
                "AWS_ENDPOINT_URL is not an address. Correct or remove it where the bot runs."
            ) from error
        client.meta.events.register("before-send", _name_action)
        client.meta.events.register("needs-retry", _give_up)
        return client


def _name_action(request: Any, **_: object) -> None:
    errand = _ERRAND.get()
    if errand and errand.action:
        # Not before: botocore writes this header anew for each attempt.
        agent = request.headers["User-Agent"]
        agent = agent.decode() if isinstance(agent, bytes) else agent
        request.headers["User-Agent"] = f"{agent} clonebot/{re.sub(r'[^!-~]', '-', errand.action)}"


def _give_up(response: Any, caught_exception: Any, attempts: int, operation: Any, **_: object) -> None:
    """Stop botocore's retries where they would not help; what is raised here reaches the caller at once."""
    answer: Any = response[1] if response else {}
    code = answer.get("Error", {}).get("Code")
    # No capacity comes as a 500, which botocore would ask again blindly within a tenth of a second.
    if code in NO_CAPACITY or (code and _is_late()):
        raise ClientError(answer, operation.name)
    if caught_exception and (_is_late() or (attempts >= _KNOCKS and isinstance(caught_exception, _NOBODY))):
        raise caught_exception


def _is_late() -> bool:
    errand = _ERRAND.get()
    return errand is not None and time.monotonic() > errand.deadline
