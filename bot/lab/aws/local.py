"""The local AWS: moto in this process behind HTTP, with real hosts, health and load balancing."""

import threading
from typing import Any

from moto.core.base_backend import AccountSpecificBackend
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends
from moto.kms.models import kms_backends
from moto.servicequotas.models import servicequotas_backends

from bot.lab.aws.calls import CallLog
from bot.lab.aws.ec2 import LabEc2
from bot.lab.aws.elbv2 import LabElbV2
from bot.lab.aws.faults import Faults
from bot.lab.aws.health import HealthChecks
from bot.lab.aws.hosts import Delays, Hosts
from bot.lab.aws.machines import Machines
from bot.lab.aws.quotas import LabQuotas
from bot.lab.aws.routing import Doors
from bot.lab.aws.server import Desk, Window
from bot.lab.listening import LoopbackServer

REGION = "eu-central-1"
LOOPBACK = "127.0.0.1"


class LocalAws:
    """One AWS account on this machine. Labs with different networks are different accounts.

    `prefix` is how all addresses begin: "127.64", say.
    """

    def __init__(self, hosts: Hosts, *, prefix: str, delays: Delays | None = None, port: int = 0) -> None:
        chosen = delays or Delays()
        self.prefix = prefix
        self.account = "".join(part.zfill(3) for part in prefix.split(".")) + "000000"
        self.calls = CallLog()
        self.faults = Faults()
        self._guard = threading.RLock()
        self._doors = Doors(prefix, self._guard)
        self._pace = chosen.pace
        self._machines = Machines(hosts, chosen, self._guard)
        self._checks: list[HealthChecks] = []
        desk = Desk(
            account=self.account,
            guard=self._guard,
            calls=self.calls,
            faults=self.faults,
            changed=self._doors.refresh,
        )
        self._server = LoopbackServer(LOOPBACK, port, type("OwnWindow", (Window,), {"desk": desk}))
        self.port = int(self._server.server_address[1])
        self.endpoint = f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Let this account's backends be ours, and answer."""
        _replace_backend(ec2_backends[self.account], self._make_ec2)
        _replace_backend(elbv2_backends[self.account], self._make_elbv2)
        _replace_backend(servicequotas_backends[self.account], self._make_quotas)
        self._server.start()

    def serving(self, group: str) -> frozenset[str]:
        """The targets of a group that the balancer sends requests to, seen without a call."""
        with self._guard:
            known = [watched for checks in self._checks for watched in checks.known(group)]
            return frozenset(each.target for each in known if each.healthy)

    def close(self) -> None:
        """Stop answering and forget the account. The hosts are their owner's to stop."""
        self._server.close()
        for checks in self._checks:
            checks.close()
        self._doors.close()
        self._machines.close()
        for backends in (ec2_backends, elbv2_backends, kms_backends, servicequotas_backends):
            backends.pop(self.account, None)

    def _make_ec2(self, region_name: str, account_id: str) -> LabEc2:
        backend = LabEc2(region_name, account_id)
        backend.machines = self._machines
        backend.faults = self.faults
        return backend

    def _make_quotas(self, region_name: str, account_id: str) -> LabQuotas:
        backend = LabQuotas(region_name, account_id)
        backend.faults = self.faults
        return backend

    def _make_elbv2(self, region_name: str, account_id: str) -> LabElbV2:
        backend = LabElbV2(region_name, account_id)
        backend.checks = HealthChecks(self._guard, self._pace, backend.in_use, self._doors.refresh)
        backend.front = self._doors
        self._checks.append(backend.checks)
        self._doors.follow(backend.checks)
        return backend


def _replace_backend(account: AccountSpecificBackend[Any], make: Any) -> None:
    """Have moto make a region's backend with `make`; other accounts in this process keep moto's own.

    A call that was still under way when an earlier lab ended may have left one of moto's own.
    """
    account.clear()
    account.backend = make
