"""EC2 as moto has it, and what it lacks: real hosts, ClientTokens, counts, capacity, late visibility."""

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.core.responses import ActionResult
from moto.core.types import Base64EncodedString
from moto.core.utils import utcnow
from moto.ec2.exceptions import EC2ClientError, InvalidAMIIdError, InvalidInstanceIdError
from moto.ec2.models import EC2Backend
from moto.ec2.models.amis import Ami
from moto.ec2.models.elastic_block_store import Snapshot
from moto.ec2.models.instances import Instance, InstanceState, Reservation
from moto.ec2.responses import EC2Response

from bot.lab.aws.answers import Refusal
from bot.lab.aws.faults import Faults
from bot.lab.aws.machines import Machines
from bot.lab.aws.quotas import size_of, vcpus_of

Changes = list[tuple[Instance, InstanceState]]

CONSOLE_BYTES = 64 * 1024
NOT_PART_OF_A_LAUNCH = {"ClientToken", "DryRun"}


@dataclass(slots=True)
class Launches:
    """What was launched with which ClientToken."""

    by_token: dict[str, tuple[Mapping[str, str], Reservation]] = field(default_factory=dict)

    def earlier(self, token: str, wish: Mapping[str, str]) -> Reservation | None:
        """The reservation this token got before, if it asked for the same."""
        known = self.by_token.get(token)
        if known is None:
            return None
        if known[0] != wish:
            raise Refusal(
                "IdempotentParameterMismatch",
                "The client token you have provided is associated with a resource that was created"
                " with different parameters.",
            )
        return known[1]


class LabEc2(EC2Backend):
    """One region's EC2."""

    machines: Machines
    faults: Faults

    def __init__(self, region_name: str, account_id: str) -> None:
        self.launches = Launches()
        self.visible_at: dict[str, float] = {}
        super().__init__(region_name, account_id)

    def _load_amis(self) -> None:
        """Know no public images: the lab registers the one it needs, which starts seconds faster."""

    def run_instances(self, image_id: str, *args: Any, **kwargs: Any) -> Reservation:
        """Launch, each instance with a host of its own."""
        self._check_image(image_id)
        reservation = super().run_instances(image_id, *args, **kwargs)
        for instance in reservation.instances:
            self._hide(instance.id)
            self.machines.launch(instance, self.faults.next_doom())
        return reservation

    def _check_image(self, image_id: str) -> None:
        image = self.amis.get(image_id)
        if image is None:
            raise InvalidAMIIdError([image_id])
        if image.state != "available":
            raise EC2ClientError("InvalidAMIID.Unavailable", f"The image ID '{image_id}' is not available")

    def start_instances(self, instance_ids: list[str]) -> Changes:
        """Boot stopped instances."""
        self._require(instance_ids, "stopped", "running", "pending")
        return self._move(instance_ids, {"stopped"}, super().start_instances, self.machines.start)

    def stop_instances(self, instance_ids: list[str]) -> Changes:
        """Shut running instances down."""
        self._require(instance_ids, "running", "stopping", "stopped")
        self._require_unprotected(instance_ids, "stop", "stopped")
        return self._move(instance_ids, {"running"}, super().stop_instances, self.machines.stop)

    def terminate_instances(self, instance_ids: list[str]) -> Changes:
        """Terminate; an instance already gone stays as it is."""
        alive = {"pending", "running", "stopping", "stopped"}
        self._require_unprotected(instance_ids, "termination", "terminated")
        return self._move(instance_ids, alive, super().terminate_instances, self.machines.terminate)

    def _move(
        self,
        instance_ids: list[str],
        movable: set[str],
        note: Callable[[list[str]], Changes],
        act: Callable[[Instance], None],
    ) -> Changes:
        """Let moto note the change and the hosts follow, where there is something to change."""
        instances = self.get_multi_instances_by_id(instance_ids)
        moved = [instance.id for instance in instances if instance.state in movable]
        before = {instance.id: state for instance, state in note(moved)} if moved else {}
        for instance in instances:
            if instance.id in before:
                act(instance)
        return [(i, before.get(i.id) or copy.copy(i.instance_state)) for i in instances]

    def reboot_instances(self, instance_ids: list[str]) -> list[Instance]:
        """Reboot running instances."""
        self._require(instance_ids, "running")
        rebooted = super().reboot_instances(instance_ids)
        for instance in rebooted:
            self.machines.reboot(instance)
        return rebooted

    def _require(self, instance_ids: list[str], *states: str) -> None:
        for instance in self.get_multi_instances_by_id(instance_ids):
            if instance.state not in states:
                raise EC2ClientError(
                    "IncorrectInstanceState",
                    f"The instance '{instance.id}' is not in a state from which it can be changed so.",
                )

    def _require_unprotected(self, instance_ids: list[str], what: str, done: str) -> None:
        """Refuse all if one is protected: moto would do the others first."""
        for instance in self.get_multi_instances_by_id(instance_ids):
            if getattr(instance, f"disable_api_{what}") is True:
                raise EC2ClientError(
                    "OperationNotPermitted",
                    f"The instance '{instance.id}' may not be {done}. "
                    f"Modify its 'disableApi{what.title()}' instance attribute and try again.",
                )

    def delete_security_group(self, name: str | None = None, group_id: str | None = None) -> None:
        """Delete a group that nothing refers to any more."""
        if group_id and (user := self._user_of(group_id)):
            raise EC2ClientError(
                "DependencyViolation", f"resource {group_id} has a dependent object ({user})"
            )
        super().delete_security_group(name, group_id)

    def _user_of(self, group_id: str) -> str:
        """What keeps a security group from being deleted: a rule of another, an instance."""
        for group in self.describe_security_groups():
            referred = {(rule.source_group or {}).get("GroupId") for rule in group.ingress_rules}
            if group.id != group_id and group_id in referred:
                return str(group.id)
        for instance in self.all_instances():
            if group_id in {group.id for group in instance.security_groups}:
                return str(instance.id)
        return ""

    def make_image(self, instance_id: str, wish: Mapping[str, Any], *, reboot: bool) -> Ami:
        """Make an image of an instance's disk; its name is its own, as AWS demands."""
        name = str(wish.get("Name"))
        if any(image.name == name for image in self.amis.values()):
            raise EC2ClientError(
                "InvalidAMIName.Duplicate", f"AMI name {name} is already in use by another AMI."
            )
        instance = self.get_instance(instance_id)
        tags = list(wish.get("TagSpecifications", []))
        of_image = [tag for tag in tags if tag["ResourceType"] != "snapshot"]
        image = super().create_image(instance_id, name, str(wish.get("Description", "")), of_image)
        snapshots = [image.ebs_snapshot.id, *self._copy_further_disks(instance, image)]
        for specification in (tag for tag in tags if tag["ResourceType"] == "snapshot"):
            self.create_tags(snapshots, {tag["Key"]: tag["Value"] for tag in specification["Tags"]})
        self._hide(image.id)
        self.machines.image(image, instance, reboot=reboot)
        return image

    def _copy_further_disks(self, instance: Instance, image: Ami) -> list[str]:
        """Snapshots of what is attached besides the root volume, which moto forgets."""
        attached = sorted(instance.block_device_mapping.items())[1:]
        text = f"Created by CreateImage({instance.id}) for {image.id}"
        made = (self.create_snapshot(disk.volume_id, text, from_ami=image.id) for _, disk in attached)
        return [str(snapshot.id) for snapshot in made]

    def describe_snapshots(
        self, snapshot_ids: list[str] | None = None, filters: Any = None
    ) -> list[Snapshot]:
        """Every snapshot that has begun: it holds one moment, here that in which the disk is copied."""
        found = super().describe_snapshots(snapshot_ids, filters)
        return [each for each in found if self.machines.is_copied(each.from_ami or "")]

    def deregister_image(self, ami_id: str) -> None:
        """Deregister an image and delete its copy of the disk."""
        super().deregister_image(ami_id)
        self.machines.delete_image(ami_id)

    def _hide(self, resource_id: str) -> None:
        if self.faults.invisible_seconds:
            self.visible_at[resource_id] = time.monotonic() + self.faults.invisible_seconds

    def _visible(self, resource_id: str) -> bool:
        return self.visible_at.get(resource_id, 0.0) <= time.monotonic()

    def all_reservations(self, filters: Any = None) -> list[Reservation]:
        """Every launch that AWS already knows of."""
        reservations = super().all_reservations(filters)
        for reservation in reservations:
            reservation.instances = [i for i in reservation.instances if self._visible(i.id)]
        return [reservation for reservation in reservations if reservation.instances]

    def describe_images(self, ami_ids: list[str] | None = None, *args: Any, **kwargs: Any) -> list[Ami]:
        """Every image that AWS already knows of."""
        images = [i for i in super().describe_images(ami_ids, *args, **kwargs) if self._visible(i.id)]
        if ami_ids and not images and not set(ami_ids) & set(self.deleted_amis):
            raise InvalidAMIIdError(ami_ids)
        return images

    def do_resources_exist(self, resource_ids: list[str]) -> bool:
        """Refuse tags for instances that do not exist, which moto accepts."""
        for resource_id in resource_ids:
            if resource_id.startswith("i-") and self.get_instance_by_id(resource_id) is None:
                raise InvalidInstanceIdError(resource_id)
        return super().do_resources_exist(resource_ids)


class LabEc2Answers(EC2Response):
    """EC2's answers where moto's differ from AWS's."""

    RESPONSE_KEY_PATH_TO_TRANSFORMER = {  # noqa: RUF012  # moto's own attribute
        **EC2Response.RESPONSE_KEY_PATH_TO_TRANSFORMER,
        "RunInstances.Reservation.Instances.Instance.State": lambda state: state,
    }

    def run_instances(self) -> ActionResult:
        """Launch as many as there is room for, once per ClientToken."""
        form = {key: values[0] for key, values in self.querystring.items()}
        wish = {key: value for key, value in form.items() if key not in NOT_PART_OF_A_LAUNCH}
        token = form.get("ClientToken", "")
        launches: Launches = self.ec2_backend.launches
        if token and (earlier := launches.earlier(token, wish)):
            return ActionResult(earlier)
        self.params["MinCount"] = self._grant(form)
        result = super().run_instances()
        if token and isinstance(result.result, Reservation):
            launches.by_token[token] = (wish, result.result)
        return result

    def _grant(self, form: Mapping[str, str]) -> int:
        least, most = int(form.get("MinCount", 1)), int(form.get("MaxCount", 1))
        if not 1 <= least <= most:
            raise EC2ClientError(
                "InvalidParameterValue",
                f"Value ({least}) for parameter minCount is invalid: it must be from 1 to maxCount.",
            )
        subnet = form.get("SubnetId", "")
        self.error_on_dryrun()
        kind = form.get("InstanceType", "default")
        if code := self.ec2_backend.faults.exceeded(most):
            raise Refusal(code, f"You have requested more than your current limit allows: {most} x {kind}.")
        wished = most * size_of(form.get("InstanceType", "m1.small"))
        if vcpus_of(self.ec2_backend.all_running_instances()) + wished > self.ec2_backend.faults.vcpus:
            raise Refusal(
                "VcpuLimitExceeded",
                f"You have requested more vCPU capacity than your current vCPU limit of "
                f"{self.ec2_backend.faults.vcpus} allows for the instance bucket that the specified instance "
                "type belongs to.",
            )
        granted: int = self.ec2_backend.faults.grant(subnet, kind, least, most)
        if not granted:
            raise Refusal(
                "InsufficientInstanceCapacity",
                f"There is not enough capacity to fulfill your request of {least} x {kind} in {subnet}.",
                status=500,
            )
        return granted

    def create_image(self) -> ActionResult:
        """Make an image, rebooting the instance unless told not to."""
        self.error_on_dryrun()
        reboot = not self._get_param("NoReboot", if_none=False)
        image = self.ec2_backend.make_image(self._get_param("InstanceId"), self.params, reboot=reboot)
        return ActionResult({"ImageId": image.id})

    def get_console_output(self) -> ActionResult:
        """What the host really printed, its last 64 KiB."""
        instance_id = self._get_param("InstanceId")
        self.ec2_backend.get_instance(instance_id)
        text: str = self.ec2_backend.machines.console_output(instance_id)
        result: dict[str, Any] = {"InstanceId": instance_id, "Timestamp": utcnow()}
        if text:
            result["Output"] = Base64EncodedString.from_raw_string(text[-CONSOLE_BYTES:])
        return ActionResult(result)
