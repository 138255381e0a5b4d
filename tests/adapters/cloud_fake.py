"""FakeCloud: AWS in memory, as kind or as cruel as a test wants."""

# ruff: noqa: ARG002  (every method has the promise's whole signature)

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bot.domain.errors import BotError, CloudError, NoCapacity
from bot.domain.fleet import Fleet, FleetSpec, Image, Role, Server, Service, State
from bot.domain.plan import Launch, RouteWrites

_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_GONE = (State.SHUTTING_DOWN, State.TERMINATED)


def make_host_key(name: str) -> str:
    """A key that looks like one and is always the same for the same name."""
    algorithm, secret = b"ssh-ed25519", name.encode().ljust(32, b".")[:32]
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (algorithm, secret))
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


@dataclass
class FakeCloud:
    """One account. Time passes by being looked at: `boots_after=2` means running at the third look.

    `failures["launch"] = [NoCapacity("…")]` makes the next call of that method fail; `lost` names methods
    whose next call works, though its answer is lost (then it fails with that error).
    """

    master: str = "i-master"
    boots_after: int = 0
    bakes_after: int = 0
    healthy_after: int = 0
    drains_after: int = 0
    capacity: dict[str, int] = field(default_factory=dict)
    """Servers that a subnet has left; a subnet that is not named has plenty."""
    failures: dict[str, list[Exception]] = field(default_factory=dict)
    lost: dict[str, list[Exception]] = field(default_factory=dict)
    sick: set[str] = field(default_factory=set)
    """Servers that never become healthy."""
    calls: list[tuple[str, str]] = field(default_factory=list)
    """(method, action) of every call that may change something, in order."""
    _servers: dict[str, Server] = field(default_factory=dict)
    _fleets: dict[str, str] = field(default_factory=dict)
    _images: dict[str, Image] = field(default_factory=dict)
    _targets: dict[str, Service] = field(default_factory=dict)
    _looks: Counter[str] = field(default_factory=Counter)
    _routes: set[RouteWrites] = field(default_factory=set)
    _orders: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin with a running master in service."""
        master = _server(self.master, Role.MASTER, 1, subnet="subnet-a", image="ami-base")
        self._servers[self.master] = replace(master, state=State.RUNNING, security_groups=("sg-web",))
        self._targets[self.master] = Service.HEALTHY

    def stop_master(self, state: State = State.STOPPED) -> None:
        """Let the master stop, or vanish."""
        self._servers[self.master] = replace(self._servers[self.master], state=state)
        self._targets[self.master] = Service.OUT

    def add_image(self, spec: FleetSpec, image: str = "ami-1") -> str:
        """Let the fleet have an image already."""
        made = _BEGINNING + timedelta(minutes=len(self._images))
        self._images[image] = Image(id=image, created=made, available=True, master=spec.master)
        self._fleets[image] = spec.name
        return image

    def look(self, spec: FleetSpec) -> Fleet:
        self._enter("look")
        master = self._servers.get(spec.master)
        if master is None or master.state in _GONE:
            raise BotError(f"AWS knows no living server {spec.master}, the master of {spec.name}.")
        members = [self._see(i) for i, s in self._servers.items() if self._is_clone(spec, i, s)]
        images = [self._see_image(i) for i in self._images if self._fleets[i] == spec.name]
        return Fleet(
            spec=spec,
            master=self._see(spec.master),
            clones=tuple(s for s in members if s.role is Role.CLONE),
            quarantined=tuple(s for s in members if s.role is Role.QUARANTINED),
            images=tuple(sorted(images, key=lambda image: image.created, reverse=True)),
            writes_routed=_wanted(spec) in self._routes,
        )

    def servers(self, spec: FleetSpec, ids: Sequence[str]) -> Mapping[str, Server]:
        self._enter("servers")
        return {i: self._see(i) for i in ids if i == spec.master or self._fleets.get(i) == spec.name}

    def bake(self, spec: FleetSpec, master: str, *, operation: str, action: str) -> str:
        self._enter("bake", action)
        image = f"ami-{action}"
        if image not in self._images:
            made = _BEGINNING + timedelta(minutes=len(self._images))
            self._images[image] = Image(
                id=image, created=made, available=False, operation=operation, action=action, master=master
            )
            self._fleets[image] = spec.name
        self._leave("bake")
        return image

    def image_ready(self, spec: FleetSpec, image: str) -> bool:
        self._enter("image_ready")
        return self._fleets.get(image) == spec.name and self._see_image(image).available

    def launch(self, spec: FleetSpec, order: Launch, *, operation: str, action: str) -> tuple[str, ...]:
        self._enter("launch", action)
        if action not in self._orders:
            self._orders[action] = self._start(spec, order, operation, action)
        self._leave("launch")
        return self._orders[action]

    def host_keys(self, spec: FleetSpec, server: str) -> tuple[str, ...]:
        self._enter("host_keys")
        if server == spec.master and spec.ssh.master_host_keys:
            return spec.ssh.master_host_keys
        running = self._servers[server].state is State.RUNNING
        return (make_host_key(server),) if running else ()

    def put_in_service(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        self._enter("put_in_service", action)
        for server in servers:
            if self._targets.get(server, Service.OUT) in {Service.OUT, Service.DRAINING}:
                self._turn(server, Service.STARTING)
        self._leave("put_in_service")

    def take_out(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        self._enter("take_out", action)
        for server in servers:
            if self._targets.get(server, Service.OUT) not in {Service.OUT, Service.DRAINING}:
                self._turn(server, Service.DRAINING)
        self._leave("take_out")

    def service(self, spec: FleetSpec, servers: Sequence[str]) -> Mapping[str, Service]:
        self._enter("service")
        return {server: self._see_service(server) for server in servers}

    def quarantine(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        self._enter("quarantine", action)
        for server in self._own(spec, servers):
            self._servers[server] = replace(self._servers[server], role=Role.QUARANTINED)
        self._leave("quarantine")

    def terminate(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        self._enter("terminate", action)
        for server in self._own(spec, servers):
            self._servers[server] = replace(self._servers[server], state=State.TERMINATED)
            self._targets.pop(server, None)
        self._leave("terminate")

    def route_writes(self, spec: FleetSpec, rules: RouteWrites, *, action: str) -> None:
        self._enter("route_writes", action)
        self._routes.add(rules)
        self._leave("route_writes")

    def _enter(self, method: str, action: str = "") -> None:
        if action:
            self.calls.append((method, action))
        if self.failures.get(method):
            raise self.failures[method].pop(0)

    def _leave(self, method: str) -> None:
        if self.lost.get(method):
            raise self.lost[method].pop(0)

    def _start(self, spec: FleetSpec, order: Launch, operation: str, action: str) -> tuple[str, ...]:
        count = min(order.count, self.capacity.get(order.subnet, order.count))
        if not count:
            raise NoCapacity(f"AWS has no {order.type} to give in {order.subnet} just now. Try again later.")
        if order.subnet in self.capacity:
            self.capacity[order.subnet] -= count
        return tuple(self._start_one(spec, order, operation, action) for _ in range(count))

    def _start_one(self, spec: FleetSpec, order: Launch, operation: str, action: str) -> str:
        number = len(self._servers) + 1
        server = _server(f"i-{number:04}", Role.CLONE, number, subnet=order.subnet, image=order.image)
        self._servers[server.id] = replace(
            server,
            type=order.type,
            security_groups=order.security_groups,
            operation=operation,
            action=action,
        )
        self._fleets[server.id] = spec.name
        return server.id

    def _own(self, spec: FleetSpec, servers: Sequence[str]) -> list[str]:
        known = [server for server in servers if server in self._servers]
        strangers = [s for s in known if self._fleets.get(s) != spec.name]
        if strangers:
            raise CloudError(f"Not a clone of {spec.name}: {', '.join(strangers)}.")
        return [server for server in known if self._servers[server].state not in _GONE]

    def _is_clone(self, spec: FleetSpec, server_id: str, server: Server) -> bool:
        return self._fleets.get(server_id) == spec.name and server.state not in _GONE

    def _see(self, server_id: str) -> Server:
        server = self._servers[server_id]
        if server.state is State.PENDING and self._has_passed(f"boot {server_id}", self.boots_after):
            server = self._servers[server_id] = replace(server, state=State.RUNNING)
        return replace(server, service=self._see_service(server_id))

    def _see_image(self, image_id: str) -> Image:
        image = self._images[image_id]
        if not image.available and self._has_passed(f"bake {image_id}", self.bakes_after):
            image = self._images[image_id] = replace(image, available=True)
        return image

    def _see_service(self, server: str) -> Service:
        service = self._targets.get(server, Service.OUT)
        if service is Service.STARTING and self._has_passed(f"healthy {server}", self.healthy_after):
            service = self._turn(server, Service.UNHEALTHY if server in self.sick else Service.HEALTHY)
        if service is Service.DRAINING and self._has_passed(f"drained {server}", self.drains_after):
            service = self._turn(server, Service.OUT)
        return service

    def _turn(self, server: str, service: Service) -> Service:
        self._looks[f"healthy {server}"] = self._looks[f"drained {server}"] = 0
        self._targets[server] = service
        return service

    def _has_passed(self, what: str, looks: int) -> bool:
        self._looks[what] += 1
        return self._looks[what] > looks


def _server(server: str, role: Role, number: int, *, subnet: str, image: str) -> Server:
    return Server(
        id=server,
        role=role,
        state=State.PENDING,
        address=f"10.0.{number // 250}.{number % 250 + 4}",
        type="t3.medium",
        subnet=subnet,
        image=image,
        launched=_BEGINNING + timedelta(seconds=number),
    )


def _wanted(spec: FleetSpec) -> RouteWrites:
    return RouteWrites(
        target_group=spec.target_group,
        writes_group=spec.writes.target_group,
        master=spec.master,
        methods=spec.writes.methods,
        prefixes=spec.writes.prefixes,
    )
