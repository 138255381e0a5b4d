"""FakeCloud: AWS in memory, as kind or as cruel as a test wants."""

# ruff: noqa: ARG002  (every method has the promise's whole signature)

import base64
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from bot.domain.doctor.aws.facts import AwsFacts
from bot.domain.errors import BotError, CloudError, NoCapacity, NotThereYet
from bot.domain.fleet import Fleet, FleetSpec, Image, ImageState, Role, Server, Service, Sighting, State
from bot.domain.keeping import Uses
from bot.domain.plan import Launch, RouteWrites
from tests.adapters.fronts_fake import FakeFronts

_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_GONE = (State.SHUTTING_DOWN, State.TERMINATED)
_APART = (Role.CLONE, Role.QUARANTINED)


def make_host_key(name: str) -> str:
    """A key that looks like one and is always the same for the same name."""
    algorithm, secret = b"ssh-ed25519", name.encode().ljust(32, b".")[:32]
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in (algorithm, secret))
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


@dataclass
class FakeCloud(FakeFronts):
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
    """Servers that a subnet, a type or a "type in subnet" has left; what is not named has plenty."""
    failures: dict[str, list[Exception]] = field(default_factory=dict)
    lost: dict[str, list[Exception]] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)
    """Servers that stay pending."""
    doomed: dict[str, str] = field(default_factory=dict)
    """Servers that end as soon as they are seen, and AWS's reason."""
    sick: set[str] = field(default_factory=set)
    """Servers that never become healthy."""
    calls: list[tuple[str, str]] = field(default_factory=list)
    """(method, action) of every call that may change something, in order."""
    asked: Counter[str] = field(default_factory=Counter)
    """How often each method was called."""
    reboots: list[str] = field(default_factory=list)
    """Masters that were rebooted for an image."""
    templates: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Launch templates that name each image; under "" those that look their image up."""
    snapshots: set[str] = field(default_factory=set)
    found: AwsFacts | None = None
    """What an inspection shows, where it is not to be clean."""
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

    def stand_alone(self) -> None:
        """Let nothing stand in front of the master."""
        self._targets[self.master] = Service.OUT

    def stop_master(self, state: State = State.STOPPED) -> None:
        """Let the master stop, or vanish."""
        self._servers[self.master] = replace(self._servers[self.master], state=state)
        self._targets[self.master] = Service.OUT

    def add_image(self, spec: FleetSpec, image: str = "ami-1", state: ImageState = ImageState.GOOD) -> str:
        """Let the fleet have an image already."""
        made = _BEGINNING + timedelta(minutes=len(self._images))
        self._images[image] = Image(
            id=image,
            created=made,
            available=True,
            state=state,
            size=8,
            snapshots=(image.replace("ami-", "snap-"),),
            master=spec.master,
        )
        self._fleets[image] = spec.name
        self.snapshots |= set(self._images[image].snapshots)
        return image

    def start_by_hand(self, spec: FleetSpec, *, role: Role | None = None) -> str:
        """Let somebody start a server, and give it the fleet's tag and this role, or no tag at all."""
        number = len(self._servers) + 1
        server = _server(f"i-{number:04}", role or Role.CLONE, number, subnet="subnet-a", image="ami-base")
        self._servers[server.id] = replace(server, state=State.RUNNING)
        if role:
            self._fleets[server.id] = spec.name
        return server.id

    def started_from(self, server: str, image: str) -> None:
        """Let a server have been started from this image."""
        self._servers[server] = replace(self._servers[server], image=image)

    def share_snapshot(self, image: str, other: str) -> None:
        """Let another image use the snapshots of this one, too."""
        shared = (*self._images[other].snapshots, *self._images[image].snapshots)
        self._images[other] = replace(self._images[other], snapshots=shared)

    def turn_by_hand(
        self, server: str, *, state: State | None = None, service: Service | None = None
    ) -> None:
        """Let somebody stop, end, register or deregister a server."""
        if state:
            self._servers[server] = replace(self._servers[server], state=state)
        self._targets[server] = service or Service.OUT

    def tag_by_hand(self, server: str, *, operation: str, action: str) -> None:
        """Let somebody copy the tags of another server."""
        self._servers[server] = replace(self._servers[server], operation=operation, action=action)

    def forget(self, server: str) -> None:
        """Let AWS forget a server that ended an hour ago."""
        del self._fleets[server]
        self._targets.pop(server, None)

    def look(self, spec: FleetSpec) -> Fleet:
        self._enter("look")
        images = [self._see_image(i) for i in self._images if self._fleets[i] == spec.name]
        newest_first = sorted(images, key=lambda image: image.created, reverse=True)
        routed = _wanted(self._fill(spec)) in self._routes
        return replace(self._find(spec), images=tuple(newest_first), writes_routed=routed)

    def members(self, spec: FleetSpec) -> Fleet:
        self._enter("members")
        return self._find(spec)

    def _find(self, spec: FleetSpec) -> Fleet:
        master = self._servers.get(spec.master)
        if master is None or master.state in _GONE:
            raise BotError(f"AWS knows no living server {spec.master}, the master of {spec.name}.")
        if self.front.fleet not in {"", spec.name}:
            raise BotError(f"{spec.master} is of the fleet *{self.front.fleet}*.")
        members = [self._see(i) for i, s in self._servers.items() if self._is_clone(spec, i, s)]
        return Fleet(
            spec=self._fill(spec),
            master=self._see(spec.master),
            clones=tuple(s for s in members if s.role is Role.CLONE),
            quarantined=tuple(s for s in members if s.role is Role.QUARANTINED),
        )

    def servers(self, spec: FleetSpec, ids: Sequence[str]) -> Mapping[str, Server]:
        self._enter("servers")
        known = [i for i in ids if i == spec.master or self._fleets.get(i) == spec.name]
        return {i: replace(self._see(i), service=Service.OUT) for i in known if i in self._servers}

    def census(self, spec: FleetSpec) -> tuple[Sighting, ...]:
        self._enter("census")
        tagged = [i for i in self._servers if self._fleets.get(i) == spec.name]
        others = [i for i in self._targets if i not in tagged and i != spec.master]
        strangers = [Sighting(id=i, tagged=False, service=self._see_service(i)) for i in others]
        return (*(_sighted(self._see(i)) for i in tagged), *strangers)

    def inspect(self, spec: FleetSpec) -> AwsFacts:
        self._enter("inspect")
        if self.found:
            return self.found
        fleet = self._find(spec)
        return AwsFacts(
            master=fleet.master.id,
            type=fleet.master.type,
            state=fleet.master.state,
            groups=tuple(filter(_exists, spec.security_groups or fleet.master.security_groups)),
            free_addresses=dict.fromkeys(filter(_exists, spec.subnets), 4000),
            serving=frozenset(server.id for server in fleet.in_service),
            clones=len(fleet.clones),
        )

    def bake(  # noqa: PLR0913 (the promise's own)
        self,
        spec: FleetSpec,
        master: str,
        *,
        version: str,
        doctor: str,
        reboot: bool,
        operation: str,
        action: str,
    ) -> str:
        self._enter("bake", action)
        if reboot:
            self.reboots.append(master)
        image = f"ami-{action}"
        if image not in self._images:
            made = _BEGINNING + timedelta(minutes=len(self._images))
            self._images[image] = Image(
                id=image,
                created=made,
                available=False,
                size=8,
                snapshots=(f"snap-{action}",),
                operation=operation,
                action=action,
                master=master,
                version=version,
                doctor=doctor,
            )
            self._fleets[image] = spec.name
            self.snapshots |= set(self._images[image].snapshots)
        self._leave("bake")
        return image

    def image_begun(self, spec: FleetSpec, master: str, *, action: str) -> bool:
        self._enter("image_begun")
        return any(image.action == action for image in self._images.values())

    def image_ready(self, spec: FleetSpec, image: str) -> Image | None:
        self._enter("image_ready")
        seen = self._see_image(image) if self._fleets.get(image) == spec.name else None
        return seen if seen and seen.available else None

    def mark_image(self, spec: FleetSpec, image: str, state: ImageState, *, action: str) -> None:
        self._enter("mark_image", action)
        self._images[image] = replace(self._own_image(spec, image), state=state)
        self._leave("mark_image")

    def pin_image(self, spec: FleetSpec, image: str, *, pinned: bool, action: str) -> None:
        self._enter("pin_image", action)
        self._images[image] = replace(self._own_image(spec, image), pinned=pinned)
        self._leave("pin_image")

    def image_uses(self, spec: FleetSpec, images: Sequence[str]) -> Uses:
        self._enter("image_uses")
        servers: dict[str, tuple[str, ...]] = {}
        for server in self._servers.values():
            if server.image in images and server.state not in _GONE:
                servers[server.image] = (*servers.get(server.image, ()), server.id)
        named = {image: names for image, names in self.templates.items() if image in images}
        return Uses(servers=servers, templates=named, unclear=self.templates.get("", ()))

    def remove_image(
        self, spec: FleetSpec, image: str, snapshots: Sequence[str], *, action: str
    ) -> Mapping[str, str]:
        self._enter("remove_image", action)
        if image in self._images:
            if self._own_image(spec, image).pinned:
                raise CloudError(f"{image} was pinned meanwhile, so it stays.")
            del self._images[image], self._fleets[image]
        self.snapshots -= set(snapshots) - self._in_images()
        self._leave("remove_image")
        return {
            snapshot: f"{other.id} uses it"
            for other in self._images.values()
            for snapshot in other.snapshots
            if snapshot in snapshots
        }

    def _in_images(self) -> set[str]:
        return {snapshot for image in self._images.values() for snapshot in image.snapshots}

    def launch(
        self, spec: FleetSpec, order: Launch, *, operation: str, action: str, again: bool = False
    ) -> tuple[str, ...]:
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
            if server not in self._servers or self._servers[server].state is not State.RUNNING:
                raise NotThereYet(f"AWS does not know {server} (yet).")
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

    def quarantine(self, spec: FleetSpec, servers: Sequence[str], *, until: datetime, action: str) -> None:
        self._enter("quarantine", action)
        for server in self._own(spec, servers, *_APART):
            self._servers[server] = replace(self._servers[server], role=Role.QUARANTINED, expires=until)
        self._leave("quarantine")

    def release(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        self._enter("release", action)
        for server in self._own(spec, servers, *_APART):
            self._servers[server] = replace(self._servers[server], role=Role.CLONE, expires=None)
        self._leave("release")

    def terminate(
        self, spec: FleetSpec, servers: Sequence[str], *, role: Role = Role.CLONE, action: str
    ) -> None:
        self._enter("terminate", action)
        for server in self._own(spec, servers, role):
            self._servers[server] = replace(self._servers[server], state=State.TERMINATED)
            self._targets.pop(server, None)
        self._leave("terminate")

    def route_writes(self, spec: FleetSpec, rules: RouteWrites, *, action: str) -> None:
        self._enter("route_writes", action)
        self._routes.add(rules)
        self.taking_writes = True
        self._leave("route_writes")

    def _enter(self, method: str, action: str = "") -> None:
        self.asked[method] += 1
        if action:
            self.calls.append((method, action))
        if self.failures.get(method):
            raise self.failures[method].pop(0)

    def _leave(self, method: str) -> None:
        if self.lost.get(method):
            raise self.lost[method].pop(0)

    def _start(self, spec: FleetSpec, order: Launch, operation: str, action: str) -> tuple[str, ...]:
        limits = [limit for limit in (order.subnet, order.type, order.place) if limit in self.capacity]
        count = min(order.count, *(self.capacity[limit] for limit in limits), order.count)
        if not count:
            raise NoCapacity("AWS has no such server to give there just now. Try again later.")
        for limit in limits:
            self.capacity[limit] -= count
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

    def _own(self, spec: FleetSpec, servers: Sequence[str], *roles: Role) -> list[str]:
        known = [server for server in servers if server in self._servers]
        strangers = [
            s for s in known if self._fleets.get(s) != spec.name or self._servers[s].role not in roles
        ]
        if strangers:
            raise CloudError(f"Not a clone of {spec.name}: {', '.join(strangers)}.")
        return [server for server in known if self._servers[server].state not in _GONE]

    def _own_image(self, spec: FleetSpec, image: str) -> Image:
        if self._fleets.get(image) != spec.name:
            raise CloudError(f"AWS has no clone image {image} of {spec.name} any more.")
        return self._images[image]

    def _is_clone(self, spec: FleetSpec, server_id: str, server: Server) -> bool:
        return self._fleets.get(server_id) == spec.name and server.state not in _GONE

    def _see(self, server_id: str) -> Server:
        server = self._servers[server_id]
        if server_id in self.doomed:
            why = self.doomed[server_id]
            server = self._servers[server_id] = replace(server, state=State.TERMINATED, why_gone=why)
        coming = server.state is State.PENDING and server_id not in self.stuck
        if coming and self._has_passed(f"boot {server_id}", self.boots_after):
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


def _sighted(server: Server) -> Sighting:
    return Sighting(
        id=server.id,
        tagged=True,
        role=str(server.role),
        state=server.state,
        service=server.service,
        operation=server.operation,
        action=server.action,
        expires=server.expires,
    )


def _exists(name: str) -> bool:
    """Subnets and groups exist, but for those that tests call dead."""
    return not name.endswith("dead")


def _wanted(spec: FleetSpec) -> RouteWrites:
    return RouteWrites(
        target_group=spec.target_group,
        writes_group=spec.writes.target_group,
        master=spec.master,
        methods=spec.writes.methods,
        prefixes=spec.writes.prefixes,
    )
