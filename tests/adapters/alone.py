"""A fleet that names no target group: its master stands alone, until a test puts it behind a balancer."""

from dataclasses import replace
from typing import Any

from bot.domain.adoption import MakeBalancer, MakeGroups, ReleaseMaster, front_name
from bot.domain.fleet import Balancer, Health, Service, Writes
from bot.domain.front import Part
from tests.adapters.cloud_fake import FakeCloud
from tests.adapters.cloud_worlds import World, eventually


class Alone:
    """A world whose fleet names no target group; its master stands alone, as far as this fleet knows."""

    def __init__(self, world: World, number: int) -> None:
        self.world, self.cloud = world, world.cloud
        self.spec = replace(
            world.spec,
            name=f"front{number}",
            target_group="",
            writes=Writes(prefixes=("/upload",)),
            balancer=Balancer(port=8100 + number),
            health=Health(port=8080, path="/"),
        )
        if isinstance(self.cloud, FakeCloud):
            self.cloud.stand_alone()

    def groups(self) -> MakeGroups:
        site, writes = front_name(self.spec.name), front_name(self.spec.name, Part.WRITES)
        network = self.cloud.survey(self.spec).network
        return MakeGroups(site=site, writes=writes, network=network, port=8080, path="/", drain=1)

    def balancer(self) -> MakeBalancer:
        return MakeBalancer(
            name=front_name(self.spec.name),
            network=self.cloud.survey(self.spec).network,
            subnets=self.spec.subnets,
            scheme="internet-facing",
            protocol=self.spec.balancer.protocol,
            port=self.spec.balancer.port,
            certificate=self.spec.balancer.certificate,
            clients=("0.0.0.0/0",),
            admitted=(self.world.group,),
            site_port=8080,
        )

    def claim(self) -> None:
        self.cloud.claim(self.spec, operation="op-1", action="op-1.1")

    def make(self) -> None:
        self.cloud.make_groups(self.spec, self.groups(), operation="op-1", action="op-1.2")
        self.cloud.make_balancer(self.spec, self.balancer(), operation="op-1", action="op-1.3")
        eventually(lambda: self.cloud.balancer_ready(self.spec))

    def serve(self) -> None:
        self.cloud.put_in_service(self.spec, [self.spec.master], action="op-1.4")
        eventually(lambda: self.service() is Service.HEALTHY)

    def service(self) -> Service:
        return self.cloud.service(self.spec, [self.spec.master])[self.spec.master]

    def release(self) -> None:
        order = ReleaseMaster(master=self.spec.master, site=True, writes=True)
        self.cloud.release_master(self.spec, order, action="op-2.1")
        eventually(lambda: self.cloud.is_released(self.spec, order))

    def protect(self) -> None:
        self.cloud.protect(self.spec, terminate=True, stop=True, action="op-1.5")

    def change(self, **balancer: Any) -> None:
        """Want another balancer."""
        self.spec = replace(self.spec, balancer=replace(self.spec.balancer, **balancer))

    def remove(self, only: str = "") -> None:
        self.cloud.remove_front(self.spec, only=only, action="op-2.2")

    def clean(self) -> None:
        self.release()
        self.remove()
        self.cloud.protect(self.spec, terminate=False, stop=False, action="op-2.3")
        self.cloud.disclaim(self.spec, action="op-2.4")
