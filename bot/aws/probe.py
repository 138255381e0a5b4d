"""What the check asks of AWS; changes nothing."""

import time
from collections.abc import Iterator
from typing import Any

from bot.aws.cloud import PERMISSIONS, AwsCloud
from bot.aws.session import Clients, asking
from bot.aws.trials import Case, try_permission
from bot.domain.check.clock import seconds_ahead
from bot.domain.check.cloud import Group, Identity, Trial
from bot.domain.fleet import Fleet, FleetSpec

_PATIENCE = 15.0
"""Seconds: somebody waits for the answer."""


class AwsInspection:
    """AWS as the environment says where and who. May be shared by threads."""

    def __init__(self, cloud: AwsCloud) -> None:
        self._cloud = cloud
        self._clients = Clients()

    def look(self, spec: FleetSpec) -> Fleet:
        """The fleet as it is now."""
        return self._cloud.look(spec)

    def members(self, spec: FleetSpec) -> Fleet:
        """Its servers alone."""
        return self._cloud.members(spec)

    def host_keys(self, spec: FleetSpec) -> tuple[str, ...]:
        """The host keys that the master must show."""
        return self._cloud.host_keys(spec, spec.master)

    def identity(self, region: str) -> Identity:
        """Who AWS takes us for, and what time it is there."""
        with asking(patience=_PATIENCE):
            began = time.time()
            answer = self._clients.sts(region).get_caller_identity()
            now = (began + time.time()) / 2
        date = str(answer["ResponseMetadata"]["HTTPHeaders"].get("date", ""))
        return Identity(account=answer["Account"], arn=answer["Arn"], clock=seconds_ahead(date, now))

    def try_permissions(self, spec: FleetSpec, fleet: Fleet | None, group: str) -> Iterator[Trial]:
        """Try every permission that the bot declares, and change nothing."""
        ours = self._clients
        case = Case(
            ours.ec2(spec.region), ours.elb(spec.region), ours.quotas(spec.region), spec, fleet, group
        )
        for permission in PERMISSIONS:
            with asking(patience=_PATIENCE):
                trial = try_permission(permission, case)
            yield trial

    def group(self, region: str, arn: str) -> Group:
        """Describe a target group."""
        with asking(patience=_PATIENCE):
            elb = self._clients.elb(region)
            try:
                found: Any = elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
            except elb.exceptions.TargetGroupNotFoundException:
                return Group(arn=arn, exists=False)
        return Group(
            arn=arn,
            port=int(found.get("Port", 0)),
            health_port=str(found.get("HealthCheckPort", "")),
            health_path=str(found.get("HealthCheckPath", "")),
            balanced=bool(found.get("LoadBalancerArns")),
        )
