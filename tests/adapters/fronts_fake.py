"""FakeFronts: what stands in front of a master, in memory; the part of FakeCloud for `adopt` and `disown`."""

# ruff: noqa: ARG002  (every method has the promise's whole signature)

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace

from bot.domain.adoption import MakeBalancer, MakeGroups, ReleaseMaster
from bot.domain.errors import CloudError
from bot.domain.fleet import FleetSpec, Service
from bot.domain.front import Front, Standing
from bot.domain.plan import RouteWrites


@dataclass
class FakeFronts(ABC):
    """One master; `front` is what a test may change as people do in AWS."""

    front: Front = field(default_factory=lambda: Front(network="vpc-1"))
    made: dict[str, str] = field(default_factory=dict)
    """What `adopt` made, and the operation of each."""
    taking_writes: bool = False
    ready_after: int = 0
    """How often a new balancer is not ready yet."""
    _targets: dict[str, Service] = field(default_factory=dict)
    _routes: set[RouteWrites] = field(default_factory=set)

    @abstractmethod
    def _enter(self, method: str, action: str = "") -> None: ...

    @abstractmethod
    def _leave(self, method: str) -> None: ...

    @abstractmethod
    def _turn(self, server: str, service: Service) -> Service: ...

    @abstractmethod
    def _see_service(self, server: str) -> Service: ...

    def survey(self, spec: FleetSpec) -> Front:
        self._enter("survey")
        known = self._fill(spec)
        address = "balancer.example" if known.target_group and self._listens(spec) else ""
        return replace(self.front, now=self._standing(spec), made=tuple(self.made), address=address)

    def claim(self, spec: FleetSpec, *, operation: str, action: str) -> None:
        self._enter("claim", action)
        if self.front.fleet not in {"", spec.name}:
            raise CloudError(f"{spec.master} belongs to the fleet {self.front.fleet} by now.")
        if not self.front.adopted(spec.name):
            self.front = replace(
                self.front, fleet=spec.name, role="master", operation=operation, before=self._standing(spec)
            )
        self._leave("claim")

    def make_groups(self, spec: FleetSpec, order: MakeGroups, *, operation: str, action: str) -> None:
        self._enter("make_groups", action)
        for name in filter(None, (order.site, order.writes)):
            self.made.setdefault(f"target group {name}", operation)
        self._leave("make_groups")

    def make_balancer(self, spec: FleetSpec, order: MakeBalancer, *, operation: str, action: str) -> None:
        self._enter("make_balancer", action)
        assert self._fill(spec).target_group
        self.made.setdefault(f"security group {order.name}", operation)
        self.made.setdefault(f"load balancer {order.name}", operation)
        self._leave("make_balancer")

    def balancer_ready(self, spec: FleetSpec) -> bool:
        self._enter("balancer_ready")
        self.ready_after -= 1
        return self.ready_after < 0

    def protect(self, spec: FleetSpec, *, terminate: bool, stop: bool, action: str) -> None:
        self._enter("protect", action)
        self.front = replace(self.front, now=replace(self.front.now, terminate=terminate, stop=stop))
        self._leave("protect")

    def release_master(self, spec: FleetSpec, order: ReleaseMaster, *, action: str) -> None:
        self._enter("release_master", action)
        self._routes.clear()
        if order.writes:
            self.taking_writes = False
        if order.site and self._targets.get(spec.master, Service.OUT) is not Service.OUT:
            self._turn(spec.master, Service.DRAINING)
        self._leave("release_master")

    def is_released(self, spec: FleetSpec, order: ReleaseMaster) -> bool:
        self._enter("is_released")
        return not order.site or self._see_service(spec.master) is Service.OUT

    def remove_front(self, spec: FleetSpec, *, only: str = "", action: str) -> None:
        self._enter("remove_front", action)
        self.made = {name: by for name, by in self.made.items() if only and by != only}
        self._leave("remove_front")

    def disclaim(self, spec: FleetSpec, *, action: str) -> None:
        self._enter("disclaim", action)
        if self.front.fleet == spec.name:
            self.front = replace(self.front, fleet="", role="", operation="", before=None)
        self._leave("disclaim")

    def _fill(self, spec: FleetSpec) -> FleetSpec:
        groups = [name for name in self.made if name.startswith("target group")]
        site = spec.target_group or next((f"arn:{name}" for name in groups if "writes" not in name), "")
        writes = spec.writes.target_group or next((f"arn:{name}" for name in groups if "writes" in name), "")
        return replace(spec, target_group=site, writes=replace(spec.writes, target_group=writes))

    def _listens(self, spec: FleetSpec) -> bool:
        return bool(spec.target_group) or any(name.startswith("load balancer") for name in self.made)

    def _standing(self, spec: FleetSpec) -> Standing:
        registered = self._targets.get(spec.master, Service.OUT) not in {Service.OUT, Service.DRAINING}
        return replace(self.front.now, site=registered, writes=self.taking_writes)
