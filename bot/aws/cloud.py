"""The Cloud promise kept by AWS."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from bot.aws import (
    balancers,
    disks,
    firewalls,
    fronts,
    gates,
    groups,
    images,
    inspection,
    instances,
    masters,
    quotas,
    routes,
    targets,
    uses,
)
from bot.aws.permissions import needed
from bot.aws.session import Clients, asking
from bot.aws.tags import ACTION, CONTENT, DOCTOR, OPERATION
from bot.domain.adoption import MakeBalancer, MakeGroups, ReleaseMaster
from bot.domain.doctor.aws.facts import AwsFacts
from bot.domain.errors import CloudError
from bot.domain.fleet import Fleet, FleetSpec, Image, ImageState, Role, Server, Service, Sighting
from bot.domain.front import Front
from bot.domain.keeping import Uses
from bot.domain.plan import Launch, RouteWrites

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_elbv2 import ElasticLoadBalancingv2Client

_MODULES = (instances, images, uses, targets, routes, masters, groups, balancers, firewalls, fronts)
_LOOKING = (inspection, disks, gates, quotas)
PERMISSIONS = needed((*_MODULES, *_LOOKING))
"""All IAM permissions that the bot uses."""


class AwsCloud:
    """AWS through boto3, as the environment says where and who. May be shared by threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds that only grow."""
        self._clients = Clients()
        self._paths = routes.Paths(clock)
        self._groups = groups.Groups(clock)

    def _elb(self, spec: FleetSpec) -> tuple[ElasticLoadBalancingv2Client, FleetSpec]:
        """The load balancers of its region, and the fleet with its target groups, also those of `adopt`."""
        elb = self._clients.elb(spec.region)
        return elb, self._groups.fill(elb, spec)

    @contextmanager
    def _believing(self, elb: ElasticLoadBalancingv2Client, spec: FleetSpec, group: str) -> Iterator[None]:
        """A target group that is gone is not remembered any longer."""
        try:
            yield
        except elb.exceptions.TargetGroupNotFoundException as error:
            self._groups.forget(spec)
            raise CloudError(groups.gone(spec, group)) from error

    def _services(self, elb: ElasticLoadBalancingv2Client, spec: FleetSpec) -> Mapping[str, Service]:
        with self._believing(elb, spec, spec.target_group):
            return targets.find_services(elb, spec.target_group)

    def look(self, spec: FleetSpec) -> Fleet:
        """Describe a fleet as it is now; as many calls for a hundred clones as for one."""
        fleet = self.members(spec)
        with asking():
            ec2, elb = self._clients.ec2(spec.region), self._clients.elb(spec.region)
            with self._believing(elb, spec, fleet.spec.writes.target_group):
                routed = spec.writes.need_group and self._paths.are_routed(
                    elb, routes.wanted_routes(fleet.spec)
                )
            return replace(fleet, images=images.find_images(ec2, spec), writes_routed=routed)

    def members(self, spec: FleetSpec) -> Fleet:
        """Describe its servers alone."""
        with asking():
            ec2, (elb, spec) = self._clients.ec2(spec.region), self._elb(spec)
            services = self._services(elb, spec)
            members = [_serving(server, services) for server in instances.find_members(ec2, spec)]
            return Fleet(
                spec=spec,
                master=_serving(instances.find_master(ec2, spec), services),
                clones=tuple(server for server in members if server.role is Role.CLONE),
                quarantined=tuple(server for server in members if server.role is Role.QUARANTINED),
            )

    def servers(self, spec: FleetSpec, ids: Sequence[str]) -> Mapping[str, Server]:
        """Describe these servers of the fleet, ended ones too."""
        with asking():
            return instances.find_servers(self._clients.ec2(spec.region), spec, ids)

    def census(self, spec: FleetSpec) -> tuple[Sighting, ...]:
        """Whatever carries the fleet's tag or is in its target group, in two calls.

        Here, where nobody waits, what was remembered for long is asked for again.
        """
        with asking():
            self._groups.forget_old(spec)
            elb, spec = self._elb(spec)
            self._paths.renew_old(elb, spec.target_group)
            services = self._services(elb, spec)
            tagged = instances.find_tagged(self._clients.ec2(spec.region), spec)
        seen = {each.id for each in tagged} | {spec.master}
        others = (Sighting(id=server, tagged=False) for server in services if server not in seen)
        return tuple(replace(each, service=services.get(each.id, Service.OUT)) for each in (*tagged, *others))

    def inspect(self, spec: FleetSpec) -> AwsFacts:
        """Read all that the doctor judges of the master."""
        with asking():
            elb, spec = self._elb(spec)
            return inspection.Inspection(
                ec2=self._clients.ec2(spec.region),
                elb=elb,
                kms=lambda: self._clients.kms(spec.region),
                quotas=lambda: self._clients.quotas(spec.region),
                spec=spec,
            ).read()

    def bake(  # noqa: PLR0913 (what it is made of and how, and what its tags say)
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
        """Begin a clone image of the running master."""
        with asking(action):
            ec2 = self._clients.ec2(spec.region)
            tags = {OPERATION: operation, ACTION: action, CONTENT: version, DOCTOR: doctor}
            return images.bake(ec2, spec, master, tags, reboot=reboot)

    def image_begun(self, spec: FleetSpec, master: str, *, action: str) -> bool:
        """Whether each of the master's disks has a snapshot for it."""
        with asking():
            return images.has_begun(self._clients.ec2(spec.region), spec, master, action)

    def image_ready(self, spec: FleetSpec, image: str) -> Image | None:
        """The image, once it can be launched."""
        with asking():
            return images.find_ready(self._clients.ec2(spec.region), image)

    def mark_image(self, spec: FleetSpec, image: str, state: ImageState, *, action: str) -> None:
        """Tag an image and its snapshots as good or bad."""
        with asking(action):
            images.tag(self._clients.ec2(spec.region), spec, image, images.state_tag(state))

    def pin_image(self, spec: FleetSpec, image: str, *, pinned: bool, action: str) -> None:
        """Tag an image as pinned, or as not pinned any more."""
        with asking(action):
            images.tag(self._clients.ec2(spec.region), spec, image, images.pin_tag(pinned=pinned))

    def image_uses(self, spec: FleetSpec, images: Sequence[str]) -> Uses:
        """Who in the account uses these images."""
        with asking():
            return uses.find_uses(self._clients.ec2(spec.region), images)

    def remove_image(
        self, spec: FleetSpec, image: str, snapshots: Sequence[str], *, action: str
    ) -> Mapping[str, str]:
        """Deregister an image, then delete these snapshots; return which of them stay, and why."""
        with asking(action):
            ec2 = self._clients.ec2(spec.region)
            images.deregister(ec2, spec, image)
            return images.delete_snapshots(ec2, spec, snapshots, of=image)

    def launch(
        self, spec: FleetSpec, order: Launch, *, operation: str, action: str, again: bool = False
    ) -> tuple[str, ...]:
        """Start up to `order.count` servers in one call."""
        with asking(action):
            ec2 = self._clients.ec2(spec.region)
            found = instances.find_launched(ec2, spec, action) if again else ()
            if len(found) >= order.count:
                return found
            return instances.launch(ec2, spec, order, operation=operation, action=action)

    def host_keys(self, spec: FleetSpec, server: str) -> tuple[str, ...]:
        """The SSH host keys that the console shows; the master's, where the fleet file names them."""
        if server == spec.master and spec.ssh.master_host_keys:
            return spec.ssh.master_host_keys
        with asking():
            return instances.read_console(self._clients.ec2(spec.region), server)

    def put_in_service(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        """Register with the fleet's target group."""
        with asking(action):
            elb, spec = self._elb(spec)
            with self._believing(elb, spec, spec.target_group):
                targets.register(elb, spec.target_group, servers)

    def take_out(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        """Deregister from the fleet's target group."""
        with asking(action):
            elb, spec = self._elb(spec)
            with self._believing(elb, spec, spec.target_group):
                targets.deregister(elb, spec.target_group, servers)

    def service(self, spec: FleetSpec, servers: Sequence[str]) -> Mapping[str, Service]:
        """Whether the load balancer sends requests to each of these."""
        with asking():
            elb, spec = self._elb(spec)
            services = self._services(elb, spec)
            return {server: services.get(server, Service.OUT) for server in servers}

    def quarantine(self, spec: FleetSpec, servers: Sequence[str], *, until: datetime, action: str) -> None:
        """Tag as quarantined those that still live."""
        with asking(action):
            instances.quarantine(self._clients.ec2(spec.region), spec, servers, until)

    def release(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        """Tag as clones again those that still live."""
        with asking(action):
            instances.release(self._clients.ec2(spec.region), spec, servers)

    def terminate(
        self, spec: FleetSpec, servers: Sequence[str], *, role: Role = Role.CLONE, action: str
    ) -> None:
        """End those that still live; refuses all if one is not in this role in this fleet."""
        with asking(action):
            instances.terminate(self._clients.ec2(spec.region), spec, servers, role)

    def route_writes(self, spec: FleetSpec, rules: RouteWrites, *, action: str) -> None:
        """Make the master serve the writes' target group and add the missing listener rules."""
        with asking(action):
            self._paths.route(self._clients.elb(spec.region), spec, rules)

    def survey(self, spec: FleetSpec) -> Front:
        """Describe how the master stands, and what stands in front of it."""
        with asking():
            self._groups.forget(spec)
            elb, filled = self._elb(spec)
            return fronts.survey(self._clients.ec2(spec.region), elb, spec, filled)

    def claim(self, spec: FleetSpec, *, operation: str, action: str) -> None:
        """Tag the master as this fleet's, with how it stands now."""
        with asking(action):
            ec2, (elb, spec) = self._clients.ec2(spec.region), self._elb(spec)
            front = replace(masters.survey(ec2, spec), now=fronts.find_standing(ec2, elb, spec))
            masters.claim(ec2, spec, front, operation=operation, action=action)

    def make_groups(self, spec: FleetSpec, order: MakeGroups, *, operation: str, action: str) -> None:
        """Make target groups."""
        with asking(action):
            elb, tags = self._clients.elb(spec.region), fronts.tags_for(spec, operation, action)
            groups.make(elb, spec, order, tags)
            self._groups.forget(spec)

    def make_balancer(self, spec: FleetSpec, order: MakeBalancer, *, operation: str, action: str) -> None:
        """Make a load balancer that forwards to the fleet's target group."""
        with asking(action):
            ec2, (elb, spec) = self._clients.ec2(spec.region), self._elb(spec)
            fronts.make_balancer(ec2, elb, spec, order, fronts.tags_for(spec, operation, action))

    def balancer_ready(self, spec: FleetSpec) -> bool:
        """Whether the load balancer that was made takes requests."""
        with asking():
            return fronts.is_ready(self._clients.elb(spec.region), spec)

    def protect(self, spec: FleetSpec, *, terminate: bool, stop: bool, action: str) -> None:
        """Protect the master from being terminated and from being stopped, or no more."""
        with asking(action):
            masters.protect(self._clients.ec2(spec.region), spec, terminate=terminate, stop=stop)

    def release_master(self, spec: FleetSpec, order: ReleaseMaster, *, action: str) -> None:
        """Remove the listener rules for writes and deregister the master."""
        with asking(action):
            self._groups.forget(spec)
            elb, spec = self._elb(spec)
            fronts.release(elb, spec, order, self._paths.find_listeners(elb, spec.target_group))

    def is_released(self, spec: FleetSpec, order: ReleaseMaster) -> bool:
        """Whether its last request has ended."""
        with asking():
            return fronts.is_released(*self._elb(spec), order)

    def remove_front(self, spec: FleetSpec, *, only: str = "", action: str) -> None:
        """Remove what `adopt`, or `only` this operation of it, made."""
        with asking(action):
            self._groups.forget(spec)
            fronts.remove(self._clients.ec2(spec.region), self._clients.elb(spec.region), spec, only)

    def disclaim(self, spec: FleetSpec, *, action: str) -> None:
        """Remove the fleet's tags from the master."""
        with asking(action):
            masters.disclaim(self._clients.ec2(spec.region), spec)


def _serving(server: Server, services: Mapping[str, Service]) -> Server:
    return replace(server, service=services.get(server.id, Service.OUT))
