"""A visit to the lab: with a person at its page, or without anybody."""

import gc
import shlex
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from bot.domain.errors import UsageError
from bot.domain.operation import Operation, Stage
from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.host.login import PORT
from bot.lab.lab import Lab, Transport
from bot.lab.slack.board import Message
from bot.lab.slack.team import Team
from bot.records.log import SqliteRecords

_CHANNEL = "C0WEB"
_LEAD = "U0ADA"
_APPROVE = "operation.approve"
_SECONDS = 300
_ANSWER_SECONDS = 30
_GLANCE = 0.1
_TERMINATED = 128 + signal.SIGTERM


def show(folder: Path, port: int, transport: Transport, *, balanced: bool = True) -> int:
    """Run the lab for a person until Ctrl-C."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    click.echo("Starting the lab (the first time it may fetch sshd and rsync) …")
    with Lab(folder, port=port, transport=transport, balanced=balanced) as lab:
        gc.freeze()  # what a start makes stays; to look through it takes 0.1 s each time
        if not stop.is_set():
            click.echo(_guide(lab))
        stop.wait()
        click.echo("\nStopping …")
    return 0


def _guide(lab: Lab) -> str:
    first = "scale 4" if lab.site.target_group else f"adopt {lab.site.master}"
    how = "through the load balancer" if lab.site.target_group else "from its one server"
    return f"""
  Slack      {lab.slack.url:26} open this, type /clone {first}, become ada, press Approve
  The site   {lab.site.site_url:26} what visitors see, {how}
  AWS        {lab.aws.endpoint:26} as AWS_ENDPOINT_URL, with any credentials
  Fleet file {lab.fleet_file}
  Records    {lab.records}{_guide_to_bot(lab)}
  Terminal   CLONEBOT_DATA={shlex.quote(str(lab.data))} {_program()} run "scale 2"
  Check      {_as_the_bot(lab)} check)
  Suggest    {_as_the_bot(lab)} config suggest {lab.site.master} {_login(lab)})

Everything is on this machine. Ctrl-C ends it and removes it all."""


def _as_the_bot(lab: Lab) -> str:
    """Begin a command with the variables that the bot has."""
    return f"(set -a; . {shlex.quote(str(lab.environment_file))}; {_program()}"


def _login(lab: Lab) -> str:
    """How to reach the lab's master: it has no root file system, and no sudo."""
    key = shlex.quote(str(lab.hosts.key_file))
    user = shlex.quote(lab.hosts.user)
    return f"--region {lab.site.region} --ssh-user {user} --ssh-key {key} --port {PORT} --root . --no-sudo"


def _program() -> str:
    """How to start us by hand."""
    installed = Path(sys.executable).with_name("clonebot")
    return shlex.quote(str(installed)) if installed.exists() else f"{shlex.quote(sys.executable)} -m bot"


def _guide_to_bot(lab: Lab) -> str:
    return f"\n  The bot    {lab.bot_url:26} /healthz, /readyz, /metrics" if lab.bot_url else ""


def work(folder: Path, texts: Sequence[str], name: str, transport: Transport) -> int:
    """Do all of it as one person, approve as the lead, print what was said; 0 if the fleet is as asked."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    user = _user(name)
    with Lab(folder, delays=NO_DELAYS, transport=transport) as lab:
        done = [_do(lab, user, text) for text in texts]
        click.echo("\n--- what people saw in #web-servers")
        for line in _transcript(lab):
            click.echo(line)
        click.echo("\n--- the fleet")
        for line in describe_fleet(lab):
            click.echo(line)
    return 0 if all(done) else 1


def _user(name: str) -> str:
    people = Team.example().people
    for person in people:
        if name in {person.name, person.id}:
            return person.id
    names = ", ".join(person.name for person in people)
    raise UsageError(f"There is nobody called {name} in the lab. There are: {names}.")


def _do(lab: Lab, user: str, text: str) -> bool:
    """Type one command; follow what becomes of it. Returns whether it came to what was asked."""
    before = {message.ts for message in lab.slack.messages(_CHANNEL)}

    def answers(message: Message) -> bool:
        return message.ts not in before and (message.ephemeral_for == user or _is_card(message))

    click.echo(f"> {text}")
    lab.slack.command(user, _CHANNEL, text)
    answer = lab.slack.wait_for(answers, _ANSWER_SECONDS)
    if answer.ephemeral_for:
        click.echo(_plain(answer))
        return not answer.text.startswith("Nothing was changed")
    operation = _follow(lab, answer)
    click.echo(f"{operation.stage}: {operation.result}")
    return operation.stage is Stage.DONE and len(serving_clones(lab)) == operation.plan.after


def _is_card(message: Message) -> bool:
    return "operation" in (message.metadata or {}).get("event_payload", {})


def _follow(lab: Lab, card: Message) -> Operation:
    """Approve as the lead if that is needed, and wait for the end."""
    operation_id = str((card.metadata or {})["event_payload"]["operation"])
    records = SqliteRecords(lab.records)
    deadline = time.monotonic() + _SECONDS
    pressed = False
    while time.monotonic() < deadline:
        operation = records.operation(operation_id)
        if operation is None or operation.stage.ended:
            break
        if operation.stage is Stage.AWAITING_APPROVAL and not pressed:
            pressed = True
            lab.slack.click(_LEAD, _CHANNEL, card.ts, _APPROVE)
        time.sleep(_GLANCE)
    records.close()
    if operation is None:
        raise UsageError(f"The records know no operation {operation_id}.")
    return operation


def serving_clones(lab: Lab) -> list[str]:
    """The clones that the load balancer finds healthy, as an onlooker sees them."""
    clones = {each["InstanceId"] for each in _instances(lab) if _tags(each).get("clonebot:role") == "clone"}
    return sorted(server for server, state in _health(lab).items() if state == "healthy" and server in clones)


def describe_fleet(lab: Lab) -> Iterator[str]:
    """Each server as an onlooker sees it, one line each."""
    health = _health(lab)
    for each in _instances(lab):
        role = _tags(each).get("clonebot:role", "master")
        service = health.get(each["InstanceId"], "not registered")
        place = f"{each['State']['Name']:8}  {each['PrivateIpAddress']:15}"
        yield f"{each['InstanceId']}  {role:11}  {place}  {service}"


def _instances(lab: Lab) -> list[dict[str, Any]]:
    alive = [{"Name": "instance-state-name", "Values": ["pending", "running", "stopping", "stopped"]}]
    pages = lab.client("ec2").get_paginator("describe_instances").paginate(Filters=alive)
    return [each for page in pages for group in page["Reservations"] for each in group["Instances"]]


def _tags(instance: dict[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in instance.get("Tags", ())}


def _health(lab: Lab) -> dict[str, str]:
    group = _site_group(lab)
    found = lab.client("elbv2").describe_target_health(TargetGroupArn=group) if group else {}
    targets = found.get("TargetHealthDescriptions", ())
    return {target["Target"]["Id"]: target["TargetHealth"]["State"] for target in targets}


def _site_group(lab: Lab) -> str:
    """The target group that serves the site; empty while the site's server stands alone."""
    if lab.site.target_group:
        return lab.site.target_group
    groups = lab.client("elbv2").describe_target_groups()["TargetGroups"]
    arns = (group["TargetGroupArn"] for group in groups if not group["TargetGroupName"].endswith("-writes"))
    return next(arns, "")


def _transcript(lab: Lab) -> Iterator[str]:
    for message in lab.slack.messages(_CHANNEL):
        yield _plain(message)
        for reply in lab.slack.messages(_CHANNEL, thread=message.ts):
            yield f"    {_plain(reply)}"


def _plain(message: Message) -> str:
    whom = f" (only to {message.ephemeral_for})" if message.ephemeral_for else ""
    text = f"{message.user}{whom}: {message.text}"
    team = Team.example()
    for group in team.groups:
        text = text.replace(f"<!subteam^{group.id}>", f"@{group.handle}")
    for person in team.people:
        text = text.replace(f"<@{person.id}>", f"@{person.name}").replace(person.id, person.name)
    return text
