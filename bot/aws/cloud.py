"""The Cloud promise kept by AWS."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bot.aws import images, instances, routes, targets
from bot.aws.permissions import needed
from bot.aws.session import Clients, asking
from bot.domain.fleet import Fleet, FleetSpec, Role, Server, Service
from bot.domain.plan import Launch, RouteWrites

PERMISSIONS = needed((instances, images, targets, routes))
"""All IAM permissions that the bot uses."""


class AwsCloud:
    """AWS through boto3, as the environment says where and who. May be shared by threads."""

    def __init__(self) -> None:
        self._clients = Clients()

    def look(self, spec: FleetSpec) -> Fleet:
        """Describe a fleet as it is now; as many calls for a hundred clones as for one."""
        with asking():
            ec2, elb = self._clients.ec2(spec.region), self._clients.elb(spec.region)
            services = targets.find_services(elb, spec.target_group)
            members = [_serving(server, services) for server in instances.find_members(ec2, spec)]
            return Fleet(
                spec=spec,
                master=_serving(instances.find_master(ec2, spec), services),
                clones=tuple(server for server in members if server.role is Role.CLONE),
                quarantined=tuple(server for server in members if server.role is Role.QUARANTINED),
                images=images.find_images(ec2, spec),
                writes_routed=routes.are_routed(elb, routes.wanted_routes(spec)),
            )

    def servers(self, spec: FleetSpec, ids: Sequence[str]) -> Mapping[str, Server]:
        """Describe these servers of the fleet, ended ones too."""
        with asking():
            found = instances.find_servers(self._clients.ec2(spec.region), spec, ids)
            services = targets.find_services(self._clients.elb(spec.region), spec.target_group)
            return {server_id: _serving(server, services) for server_id, server in found.items()}

    def bake(self, spec: FleetSpec, master: str, *, operation: str, action: str) -> str:
        """Begin a clone image of the running master without a reboot."""
        with asking(action):
            ec2 = self._clients.ec2(spec.region)
            return images.bake(ec2, spec, master, operation=operation, action=action)

    def image_ready(self, spec: FleetSpec, image: str) -> bool:
        """Whether the image can be launched."""
        with asking():
            return images.is_ready(self._clients.ec2(spec.region), image)

    def launch(self, spec: FleetSpec, order: Launch, *, operation: str, action: str) -> tuple[str, ...]:
        """Start up to `order.count` servers in one call."""
        with asking(action):
            ec2 = self._clients.ec2(spec.region)
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
            targets.register(self._clients.elb(spec.region), spec.target_group, servers)

    def take_out(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        """Deregister from the fleet's target group."""
        with asking(action):
            targets.deregister(self._clients.elb(spec.region), spec.target_group, servers)

    def service(self, spec: FleetSpec, servers: Sequence[str]) -> Mapping[str, Service]:
        """Whether the load balancer sends requests to each of these."""
        with asking():
            services = targets.find_services(self._clients.elb(spec.region), spec.target_group)
            return {server: services.get(server, Service.OUT) for server in servers}

    def quarantine(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        """Tag as quarantined those that still live."""
        with asking(action):
            instances.quarantine(self._clients.ec2(spec.region), spec, servers)

    def terminate(self, spec: FleetSpec, servers: Sequence[str], *, action: str) -> None:
        """End those that still live; refuses all if one is not a clone of this fleet."""
        with asking(action):
            instances.terminate(self._clients.ec2(spec.region), spec, servers)

    def route_writes(self, spec: FleetSpec, rules: RouteWrites, *, action: str) -> None:
        """Make the master serve the writes' target group and add the missing listener rules."""
        with asking(action):
            routes.route(self._clients.elb(spec.region), spec, rules)


def _serving(server: Server, services: Mapping[str, Service]) -> Server:
    return replace(server, service=services.get(server.id, Service.OUT))
