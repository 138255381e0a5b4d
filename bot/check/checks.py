"""What is looked at, in which order."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from bot.check.probes import Probes
from bot.check.together import Check
from bot.domain.check.clock import judge_clock
from bot.domain.check.cloud import judge_fleet, judge_groups, judge_host_keys, judge_identity, judge_trial
from bot.domain.check.here import DATA, judge_folder
from bot.domain.check.servers import Bearing, judge_bearings
from bot.domain.check.slack import (
    TOKEN,
    WAY_IN,
    judge_channel,
    judge_group,
    judge_signing_secret,
    judge_token,
)
from bot.domain.check.verdict import Verdict, passed
from bot.domain.errors import BotError
from bot.domain.fleet import Fleet, FleetSpec, Role, Server, State
from bot.domain.relay import relay_to
from bot.settings import Environment, FleetFile

_AT_ONCE = 16
_SLACK = "See that Slack can be reached; the token is at https://api.slack.com/apps, OAuth & Permissions."
_APP_TOKEN = "Make one under Basic Information, App-Level Tokens, with the scope connections:write."  # noqa: S105 (no secret)
_AWS = "See that AWS can be reached from here, and that the credentials are right."
_SERVERS = "Put that right first; not all servers were looked at."


def checks(probes: Probes, environment: Environment, file: FleetFile | None) -> Iterator[Check]:
    """Everything; without a fleet file, what needs none."""
    yield Check(about=DATA, find=lambda: judge_folder(probes.folder()), remedy="Look at the disk.")
    if environment.bot_token:
        yield Check(about=TOKEN, find=lambda: _token(probes, file), remedy=_SLACK)
    yield Check(about=WAY_IN, find=lambda: _way_in(probes, environment), remedy=_APP_TOKEN)
    if file is not None:
        if environment.bot_token:
            yield Check(about="Slack: channels", find=lambda: _channels(probes, file), remedy=_SLACK)
        yield from _in_aws(probes, file)


def _token(probes: Probes, file: FleetFile | None) -> Iterator[Verdict]:
    token = probes.chat.token()
    yield from judge_token(token, probes.scopes, file.terminal.team if file and file.terminal else "")
    yield judge_clock("Slack: clock", token.clock)


def _way_in(probes: Probes, environment: Environment) -> Iterator[Verdict]:
    if environment.app_token is None:
        yield judge_signing_secret(present=bool(environment.signing_secret))
        return
    probes.chat.open_connection(environment.app_token.get_secret_value())
    yield passed(WAY_IN, "SLACK_APP_TOKEN opens a connection (Socket Mode)")


def _channels(probes: Probes, file: FleetFile) -> Iterator[Verdict]:
    users: dict[str, list[str]] = {}
    for spec in file.fleets:
        users.setdefault(spec.channel, []).append(spec.name)
    if file.digest and file.digest.channel:
        users.setdefault(file.digest.channel, []).append("digests")
    for channel, used_by in users.items():
        yield judge_channel(channel, used_by, probes.chat.channel(channel))
    for group in sorted(file.policy.groups):
        yield judge_group(group, probes.chat.group(group))


def _in_aws(probes: Probes, file: FleetFile) -> Iterator[Check]:
    region = file.fleets[0].region
    yield Check(about="AWS: identity", find=lambda: _identity(probes, region), remedy=_AWS)
    for spec in file.fleets:
        yield from _of_fleet(probes, spec)


def _identity(probes: Probes, region: str) -> Iterator[Verdict]:
    identity = probes.cloud.identity(region)
    yield judge_identity(identity)
    yield judge_clock("AWS: clock", identity.clock)


def _of_fleet(probes: Probes, spec: FleetSpec) -> Iterator[Check]:
    yield Check(about=f"{spec.name}: target groups", find=lambda: _groups(probes, spec), remedy=_AWS)
    yield Check(about=f"{spec.name}: permissions", find=lambda: _permissions(probes, spec), remedy=_AWS)
    yield Check(about=f"{spec.name}: servers", find=lambda: _servers(probes, spec), remedy=_SERVERS)


def _groups(probes: Probes, spec: FleetSpec) -> Iterator[Verdict]:
    serving, writing = (
        probes.cloud.group(spec.region, arn) if arn else None for arn in _arns(spec, _known(probes, spec))
    )
    yield from judge_groups(spec, serving, writing)


def _permissions(probes: Probes, spec: FleetSpec) -> Iterator[Verdict]:
    fleet = _known(probes, spec)
    serving, _ = _arns(spec, fleet)
    for trial in probes.cloud.try_permissions(spec, fleet, serving):
        yield judge_trial(spec.name, trial)


def _arns(spec: FleetSpec, known: Fleet | None) -> tuple[str, str]:
    """Its target groups: those of the fleet file, or those that `adopt` made; empty where there is none."""
    spec = known.spec if known else spec
    return spec.target_group, spec.writes.target_group


def _known(probes: Probes, spec: FleetSpec) -> Fleet | None:
    """As much as can be read of the fleet; what looks at the servers says why, where that is nothing."""
    for read in (probes.cloud.look, probes.cloud.members):
        with suppress(BotError):
            return read(spec)
    return None


def _servers(probes: Probes, spec: FleetSpec) -> Iterator[Verdict]:
    fleet = probes.cloud.members(spec)
    yield judge_fleet(fleet)
    yield judge_host_keys(spec.name, probes.cloud.host_keys(spec))
    ways = {Role.CLONE: relay_to(fleet.master.address, spec.writes, spec.health)}
    running = [each for each in (fleet.master, *fleet.clones) if each.state is State.RUNNING]

    def look(server: Server) -> Bearing:
        return probes.servers.look(spec, server, ways.get(server.role))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        bearings = list(pool.map(look, running))
    yield from judge_bearings(spec.name, bearings)
