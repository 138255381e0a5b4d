"""Load balancing as moto has it, and what it lacks: real health, draining, and a balancer that forwards."""

from typing import Any, Protocol

from moto.elbv2.exceptions import InvalidTargetError, TargetGroupNotFoundError
from moto.elbv2.models import (
    ELBv2Backend,
    FakeHealthStatus,
    FakeListener,
    FakeListenerRule,
    FakeLoadBalancer,
    FakeRule,
    FakeTargetGroup,
)
from moto.elbv2.responses import ELBV2Response

from bot.lab.aws.answers import Refusal
from bot.lab.aws.health import HealthChecks

LAST_RULE = 1_000_000


class Front(Protocol):
    """What listens for the site's visitors."""

    def address_for(self, load_balancer: str) -> str:
        """The address that a new load balancer gets as its DNS name."""

    def open(self, listener: FakeListener, address: str) -> None:
        """Forward what arrives at a listener's port."""

    def shut(self, listener: str) -> None:
        """Forward no more."""

    def refresh(self) -> None:
        """Follow a change of rules, targets or health."""


class LabElbV2(ELBv2Backend):
    """One region's load balancers."""

    checks: HealthChecks
    front: Front

    def create_load_balancer(self, name: str, *args: Any, **kwargs: Any) -> FakeLoadBalancer:
        """Create a load balancer whose DNS name is an address of this machine."""
        created = super().create_load_balancer(name, *args, **kwargs)
        created.dns_name = self.front.address_for(created.arn)
        return created

    def create_listener(
        self, load_balancer_arn: str, protocol: str, port: str, *args: Any, **kwargs: Any
    ) -> FakeListener:
        """Create a listener and really listen; a port takes one listener only, which moto overlooks."""
        balancer = self.load_balancers.get(load_balancer_arn)
        if any(int(each.port) == int(port) for each in (balancer.listeners.values() if balancer else ())):
            raise Refusal(
                "DuplicateListener", "A listener already exists on this port for this load balancer"
            )
        created = super().create_listener(load_balancer_arn, protocol, port, *args, **kwargs)
        try:
            self.front.open(created, self.load_balancers[load_balancer_arn].dns_name)
        except Refusal:
            super().delete_listener(created.arn)
            raise
        return created

    def describe_rules(self, listener_arn: str | None, rule_arns: list[str] | None) -> list[FakeRule]:
        """The rules in the order in which they are tried."""
        return sorted(super().describe_rules(listener_arn, rule_arns), key=order)

    def delete_listener(self, listener_arn: str) -> FakeListener:
        """Delete a listener and free its port."""
        deleted = super().delete_listener(listener_arn)
        self.front.shut(deleted.arn)
        return deleted

    def delete_load_balancer(self, arn: str) -> None:
        """Delete a load balancer with its listeners."""
        balancer = self.load_balancers.get(arn)
        for listener in list(balancer.listeners) if balancer else []:
            self.front.shut(listener)
        super().delete_load_balancer(arn)

    def register_targets(self, target_group_arn: str, instances: list[Any]) -> None:
        """Register targets, all or none, and begin to check them."""
        group = self._group(target_group_arn)
        for target in instances:
            if group.target_type == "instance" and not self.ec2_backend.get_instance_by_id(target["Id"]):
                raise InvalidTargetError
        super().register_targets(target_group_arn, instances)
        for target in instances:
            instance = self.ec2_backend.get_instance_by_id(target["Id"])
            port = int(target.get("Port") or group.port)
            self.checks.watch(group, target["Id"], port, instance)

    def deregister_targets(self, target_group_arn: str, instances: list[dict[str, Any]]) -> None:
        """Deregister targets; one that is not registered is passed over, as AWS does."""
        group = self._group(target_group_arn)
        registered = [target for target in instances if target["Id"] in group.targets]
        super().deregister_targets(target_group_arn, registered)
        for target in registered:
            self.checks.drain(target_group_arn, target["Id"])

    def describe_target_health(
        self, target_group_arn: str, targets: list[dict[str, Any]]
    ) -> list[FakeHealthStatus]:
        """The health of the targets asked for, or of all registered and draining ones."""
        group = self._group(target_group_arn)
        asked = targets or [
            {"Id": known.target, "Port": known.port} for known in self.checks.known(group.arn)
        ]
        return [
            self.checks.describe(group, target["Id"], int(target.get("Port") or group.port))
            for target in asked
        ]

    def notify_terminate_instances(self, instance_ids: list[str]) -> None:
        """Keep terminated targets registered: only their failing health check removes them."""

    def in_use(self, target_group_arn: str) -> bool:
        """Whether a listener or a rule forwards to this target group."""
        return self._any_listener_using(target_group_arn)

    def _group(self, arn: str) -> FakeTargetGroup:
        group = self.target_groups.get(arn)
        if group is None:
            raise TargetGroupNotFoundError
        return group


def order(rule: FakeRule | FakeListenerRule) -> int:
    """Where a rule stands among a listener's: by its priority, the default rule last."""
    return LAST_RULE if rule.priority == "default" else int(rule.priority)


class LabElbV2Answers(ELBV2Response):
    """Load balancing's answers where moto's differ from AWS's."""

    _action = ""

    def _get_action(self) -> str:
        return self._action or super()._get_action()

    def _authenticate_and_authorize_normal_action(self, resource: str = "*") -> None:
        """Where tags come with what is made, ask for the right to tag as well, as AWS does."""
        super()._authenticate_and_authorize_normal_action(resource)
        if any(name.startswith("Tags.member.") for name in self.querystring):
            self._action = "AddTags"
            super()._authenticate_and_authorize_normal_action(resource)
            self._action = ""
