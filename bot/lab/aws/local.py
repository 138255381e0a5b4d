"""The local AWS: moto in this process behind HTTP, with real hosts, health and load balancing."""

import threading
from typing import Any

from moto.core.base_backend import AccountSpecificBackend
from moto.ec2.models import ec2_backends
from moto.elbv2.models import elbv2_backends

from bot.lab.aws.calls import CallLog
from bot.lab.aws.ec2 import LabEc2
from bot.lab.aws.elbv2 import LabElbV2
from bot.lab.aws.faults import Faults
from bot.lab.aws.health import HealthChecks
from bot.lab.aws.hosts import Delays, Hosts
from bot.lab.aws.machines import Machines
from bot.lab.aws.routing import Doors
from bot.lab.aws.server import Desk, Window
from bot.lab.listening import LoopbackServer

REGION = "eu-central-1"
LOOPBACK = "127.0.0.1"


class LocalAws:
    """One AWS account on this machine. Labs with different networks are different accounts."""

    def __init__(self, hosts: Hosts, *, network: int, delays: Delays | None = None, port: int = 0) -> None:
        chosen = delays or Delays()
        self.network = network
        self.account = f"127{network:03d}000000"
        self.calls = CallLog()
        self.faults = Faults()
        self._guard = threading.RLock()
        self._doors = Doors(network, self._guard)
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
        self._server.start()

    def close(self) -> None:
        """Stop answering and forget the account. The hosts are their owner's to stop."""
        self._server.close()
        for checks in self._checks:
            checks.close()
        self._doors.close()
        self._machines.close()
        ec2_backends.pop(self.account, None)
        elbv2_backends.pop(self.account, None)

    def _make_ec2(self, region_name: str, account_id: str) -> LabEc2:
        backend = LabEc2(region_name, account_id)
        backend.machines = self._machines
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
    """Have moto make a region's backend with `make`; other accounts in this process keep moto's own."""
    account.backend = make
