"""Servers: look, launch, tag, end."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from bot.aws.console import read_host_keys
from bot.aws.permissions import needs
from bot.aws.tags import (
    ACTION,
    EXPIRES,
    FLEET,
    NAME,
    OPERATION,
    ROLE,
    batches,
    read_tags,
    read_time,
    where,
    write_tags,
    write_time,
)
from bot.aws.words import code_of
from bot.domain.errors import BotError, CloudError, CloudUnreachable
from bot.domain.first_boot import as_sent, user_data
from bot.domain.fleet import FleetSpec, Role, Server, Sighting, State
from bot.domain.plan import Launch

if TYPE_CHECKING:  # the stubs are not there when the bot runs
    from mypy_boto3_ec2 import EC2Client
    from mypy_boto3_ec2.type_defs import FilterTypeDef, InstanceTypeDef, RunInstancesRequestTypeDef

_LIVING = (State.PENDING, State.RUNNING, State.STOPPING, State.STOPPED)
_OURS = {Role.CLONE.value: Role.CLONE, Role.QUARANTINED.value: Role.QUARANTINED}
_NAMES = {Role.CLONE: "a clone", Role.QUARANTINED: "a quarantined server"}
_TRIES = 3
_LONGEST_TOKEN = 64


@needs("ec2:DescribeInstances")
def find_master(ec2: EC2Client, spec: FleetSpec) -> Server:
    """The master, by its id and never by a tag. BotError if its tag says that it is of another fleet."""
    instance = find_instance(ec2, spec)
    fleet = read_tags(instance.get("Tags")).get(FLEET, spec.name)
    if fleet != spec.name:
        raise BotError(
            f"{spec.master} is to be the master of *{spec.name}*, and is of the fleet *{fleet}*, as its tag "
            f"`{FLEET}` says. Disown it there first, or remove the tag in AWS if it is a leftover."
        )
    return _read_server(instance, Role.MASTER)


@needs("ec2:DescribeInstances")
def find_instance(ec2: EC2Client, spec: FleetSpec) -> InstanceTypeDef:
    """The master as AWS describes it. BotError if it does not live."""
    found = list(_describe(ec2, where(instance_id=[spec.master])))
    if not found or found[0]["State"]["Name"] not in _LIVING:
        raise BotError(
            f"AWS knows no living server {spec.master} in {spec.region}, the master of {spec.name}. "
            f"Correct `master` or `region` of [fleets.{spec.name}] in the fleet file."
        )
    return found[0]


@needs("ec2:DescribeInstances")
def find_members(ec2: EC2Client, spec: FleetSpec) -> tuple[Server, ...]:
    """The living clones and quarantined servers of the fleet, oldest first.

    A server that has the fleet's tag without one of these two roles is not ours to count, use or end.
    """
    found = _describe(ec2, where(tag_fleet=[spec.name], instance_state_name=_LIVING))
    servers = (_read_server(i, role) for i in found if (role := _role_in(i, spec)))
    return tuple(sorted(servers, key=lambda server: (server.launched, server.id)))


@needs("ec2:DescribeInstances")
def find_tagged(ec2: EC2Client, spec: FleetSpec) -> tuple[Sighting, ...]:
    """Whatever carries the fleet's tag, whoever tagged it and whatever became of it; not the master."""
    found = _describe(ec2, where(tag_fleet=[spec.name]))
    return tuple(_read_sighting(each) for each in found if each["InstanceId"] != spec.master)


@needs("ec2:DescribeInstances")
def find_running(ec2: EC2Client) -> Iterable[InstanceTypeDef]:
    """Every server of the account in this region that runs or is about to, whosever it is."""
    return _describe(ec2, where(instance_state_name=(State.PENDING, State.RUNNING)))


@needs("ec2:DescribeInstances")
def find_started_from(ec2: EC2Client, images: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each living server of the account that was started from one of these images: the image, and its id."""
    for batch in batches(images):
        for instance in _describe(ec2, where(image_id=batch, instance_state_name=_LIVING)):
            yield instance["ImageId"], instance["InstanceId"]


@needs("ec2:DescribeInstances")
def find_servers(ec2: EC2Client, spec: FleetSpec, ids: Sequence[str]) -> dict[str, Server]:
    """These servers of the fleet in any state; strangers and unknown ones are left out."""
    described = _describe_all(ec2, ids)
    servers = {i["InstanceId"]: _read_server(i, _role_in(i, spec)) for i in described if _belongs(i, spec)}
    return {server_id: servers[server_id] for server_id in ids if server_id in servers}


@needs("ec2:RunInstances", "ec2:CreateTags", "ec2:DescribeInstances")
def launch(ec2: EC2Client, spec: FleetSpec, order: Launch, *, operation: str, action: str) -> tuple[str, ...]:
    """Start up to `count` servers, at least one, in one call. With the same action: the same servers."""
    for _ in range(_TRIES):
        try:
            answer = ec2.run_instances(**request(spec, order, operation=operation, action=action))
        except ResponseParserError:
            continue  # the token makes it the same request
        except ClientError as error:
            if code_of(error).startswith("Idempotent") and (found := find_launched(ec2, spec, action)):
                return found
            raise
        return tuple(instance["InstanceId"] for instance in answer.get("Instances", []))
    raise CloudUnreachable(
        "AWS's answers to a launch arrived damaged, so it is not known what was launched. "
        f"Look with `status {spec.name}`, then ask again."
    )


@needs("ec2:GetConsoleOutput")
def read_console(ec2: EC2Client, server: str) -> tuple[str, ...]:
    """The SSH host keys that the server's console shows."""
    latest = _read_latest(ec2, server)
    if latest is not None and (keys := read_host_keys(latest)):
        return keys
    if latest == "":
        return ()
    # Only newer types show their latest output, and of that only the end; the older copy holds the boot.
    return read_host_keys(ec2.get_console_output(InstanceId=server).get("Output", ""))


@needs("ec2:CreateTags", "ec2:DescribeInstances")
def quarantine(ec2: EC2Client, spec: FleetSpec, ids: Sequence[str], until: datetime) -> None:
    """Tag those of these clones that still live."""
    if living := _own(ec2, spec, ids, "quarantine", _NAMES):
        tags = {ROLE: Role.QUARANTINED.value, EXPIRES: write_time(until)}
        ec2.create_tags(Resources=living, Tags=write_tags(tags))


@needs("ec2:CreateTags", "ec2:DeleteTags", "ec2:DescribeInstances")
def release(ec2: EC2Client, spec: FleetSpec, ids: Sequence[str]) -> None:
    """Tag those of these quarantined servers that still live as clones."""
    if living := _own(ec2, spec, ids, "release", _NAMES):
        ec2.create_tags(Resources=living, Tags=write_tags({ROLE: Role.CLONE.value}))
        ec2.delete_tags(Resources=living, Tags=[{"Key": EXPIRES}])


@needs("ec2:TerminateInstances", "ec2:DescribeInstances")
def terminate(ec2: EC2Client, spec: FleetSpec, ids: Sequence[str], role: Role) -> None:
    """End those of these servers that still live. If one of them is not ours in this role, none is ended."""
    if living := _own(ec2, spec, ids, "terminate", {role}):
        ec2.terminate_instances(InstanceIds=living)


def _own(
    ec2: EC2Client, spec: FleetSpec, ids: Sequence[str], verb: str, roles: Collection[Role]
) -> list[str]:
    """Those that still live; CloudError if one is the master or not tagged as one of these of this fleet."""
    described = list(_describe_all(ec2, ids))
    strangers = {i["InstanceId"] for i in described if _role_in(i, spec) not in roles}
    strangers |= {spec.master} & set(ids)
    if strangers:
        names = " or ".join(name for role, name in _NAMES.items() if role in roles)
        raise CloudError(
            f"Clonebot does not {verb} {', '.join(sorted(strangers))}: not tagged as {names} of {spec.name}. "
            "None of the others was touched."
        )
    return [i["InstanceId"] for i in described if i["State"]["Name"] in _LIVING]


def request(spec: FleetSpec, order: Launch, *, operation: str, action: str) -> RunInstancesRequestTypeDef:
    """What a launch asks of AWS."""
    tags = {
        NAME: f"{spec.name} clone",
        FLEET: spec.name,
        ROLE: Role.CLONE.value,
        OPERATION: operation,
        ACTION: action,
    }
    request: RunInstancesRequestTypeDef = {
        "ImageId": order.image,
        "InstanceType": order.type,  # type: ignore[typeddict-item]  # the stubs list today's types
        "SubnetId": order.subnet,
        "SecurityGroupIds": list(order.security_groups),
        "MinCount": 1,
        "MaxCount": order.count,
        "ClientToken": client_token(action),
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "TagSpecifications": [
            {"ResourceType": "instance", "Tags": write_tags(tags)},
            {"ResourceType": "volume", "Tags": write_tags(tags)},
        ],
        "UserData": as_sent(user_data(spec)),  # type: ignore[typeddict-item]  # boto3 takes bytes as well
    }
    return request


def client_token(action: str) -> str:
    """What makes a repeated request the same request: the action itself where AWS takes it."""
    if len(action) <= _LONGEST_TOKEN and action.isascii() and action.isprintable():
        return action
    return hashlib.sha256(action.encode()).hexdigest()


@needs("ec2:DescribeInstances")
def find_launched(ec2: EC2Client, spec: FleetSpec, action: str) -> tuple[str, ...]:
    """The living servers that this action started."""
    filters = where(tag_fleet=[spec.name], tag_action=[action], instance_state_name=_LIVING)
    return tuple(instance["InstanceId"] for instance in _describe(ec2, filters))


def _read_latest(ec2: EC2Client, server: str) -> str | None:
    try:
        return ec2.get_console_output(InstanceId=server, Latest=True).get("Output", "")
    except ClientError as error:
        if code_of(error).startswith(("Unsupported", "InvalidParameter")):
            return None
        raise


def _describe_all(ec2: EC2Client, ids: Sequence[str]) -> Iterable[InstanceTypeDef]:
    for batch in batches(ids):
        # A filter, since one unknown id among InstanceIds fails the whole request.
        yield from _describe(ec2, where(instance_id=batch))


def _describe(ec2: EC2Client, filters: list[FilterTypeDef]) -> Iterable[InstanceTypeDef]:
    pages = ec2.get_paginator("describe_instances").paginate(
        Filters=filters, PaginationConfig={"PageSize": 1000}
    )
    for page in pages:
        for reservation in page.get("Reservations", []):
            yield from reservation.get("Instances", [])


def _belongs(instance: InstanceTypeDef, spec: FleetSpec) -> bool:
    return _role_in(instance, spec) is not None or instance["InstanceId"] == spec.master


def _role_in(instance: InstanceTypeDef, spec: FleetSpec) -> Role | None:
    tags = read_tags(instance.get("Tags"))
    if tags.get(FLEET) != spec.name or instance["InstanceId"] == spec.master:
        return None
    return _OURS.get(tags.get(ROLE, ""))


def _read_sighting(instance: InstanceTypeDef) -> Sighting:
    tags = read_tags(instance.get("Tags"))
    return Sighting(
        id=instance["InstanceId"],
        tagged=True,
        role=tags.get(ROLE, ""),
        state=State(instance["State"]["Name"]),
        operation=tags.get(OPERATION, ""),
        action=tags.get(ACTION, ""),
        expires=read_time(tags.get(EXPIRES, "")),
    )


def _read_server(instance: InstanceTypeDef, role: Role | None) -> Server:
    tags: Mapping[str, str] = read_tags(instance.get("Tags"))
    return Server(
        id=instance["InstanceId"],
        role=role or Role.MASTER,
        state=State(instance["State"]["Name"]),
        address=instance.get("PrivateIpAddress", ""),
        type=instance["InstanceType"],
        subnet=instance.get("SubnetId", ""),
        image=instance.get("ImageId", ""),
        launched=instance["LaunchTime"],
        operation=tags.get(OPERATION, ""),
        action=tags.get(ACTION, ""),
        security_groups=tuple(group["GroupId"] for group in instance.get("SecurityGroups", [])),
        why_gone=_why_gone(instance),
        expires=read_time(tags.get(EXPIRES, "")),
        guarded=_is_guarded(instance),
    )


def _is_guarded(instance: InstanceTypeDef) -> bool | None:
    options = instance.get("MetadataOptions", {})
    if options.get("HttpEndpoint") == "disabled":
        return True
    if "HttpTokens" not in options:
        return None
    return options["HttpTokens"] == "required" and options.get("HttpPutResponseHopLimit", 1) == 1


def _why_gone(instance: InstanceTypeDef) -> str:
    """AWS's reason in one line, which says its code itself as a rule."""
    if State(instance["State"]["Name"]) in _LIVING:
        return ""
    reason = instance.get("StateReason", {})
    code, message = reason.get("Code", ""), " ".join(reason.get("Message", "").split())
    return message if message.startswith(code) else f"{code}: {message}"
