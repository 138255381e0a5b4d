"""What is judged of AWS."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.check.verdict import Verdict, failed, passed, unproven
from bot.domain.fleet import Fleet, FleetSpec, Health, Service, State

_NO_GROUP = "there is none yet; `/clone adopt` makes it"
_TRAFFIC = "traffic-port"


class Came(StrEnum):
    """What came of trying a permission."""

    ALLOWED = "allowed"
    DENIED = "denied"
    NO_DRY_RUN = "no dry run"
    NOTHING_TO_TRY_ON = "nothing to try on"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One IAM permission, tried without changing anything."""

    permission: str
    came: Came
    said: str = ""
    """What AWS said, or what there must be first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who AWS takes us for."""

    account: str
    arn: str
    clock: float | None
    """How many seconds AWS's clock is ahead of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A target group as AWS describes it."""

    arn: str
    exists: bool = True
    port: int = 0
    health_port: str = ""
    """A number, or "traffic-port"."""
    health_path: str = ""
    balanced: bool = True
    """A load balancer forwards to it."""


def judge_identity(identity: Identity) -> Verdict:
    """Root needs no policy, and so none limits it."""
    about = "AWS: identity"
    says = f"{identity.arn} in account {identity.account}"
    if identity.arn.endswith(":root"):
        return failed(
            about,
            says,
            "Use credentials that have the policies in deploy/ alone, not the account's root.",
        )
    return passed(about, says)


def judge_trial(fleet: str, trial: Trial) -> Verdict:
    """Say no more than was proved."""
    about = f"{fleet}: {trial.permission}"
    match trial.came:
        case Came.ALLOWED:
            return passed(about, "allowed")
        case Came.DENIED:
            part = "balancers" if trial.permission.startswith("elasticloadbalancing:") else "servers"
            remedy = f"Allow it: `clonebot iam-policy {part}` prints the whole policy."
            return failed(about, f"denied ({trial.said})", remedy)
        case Came.NO_DRY_RUN:
            return unproven(about, "not provable without doing it: AWS has no dry run for it")
        case Came.NOTHING_TO_TRY_ON:
            return unproven(about, f"not tried: {trial.said}")
        case Came.UNCLEAR:
            return unproven(about, f"AWS did not come to the permission ({trial.said})")


def judge_fleet(fleet: Fleet) -> Verdict:
    """The master runs, serves, and has an address."""
    about, master = f"{fleet.name}: master", fleet.master
    if master.state is not State.RUNNING or not master.address:
        return failed(about, f"{master.id} is {master.state}", "Start it; clones are made of what runs.")
    if not fleet.behind_balancer:
        next_step = f"`/clone adopt {master.id} as {fleet.name}` puts it behind one"
        return unproven(about, f"{master.id} runs, and there is no load balancer yet; {next_step}")
    if master.service is not Service.HEALTHY:
        return failed(
            about,
            f"{master.id} runs, and the load balancer says of it: {master.service}",
            "Register it in the target group, and let its health page answer.",
        )
    number = len(fleet.clones)
    return passed(about, f"{master.id} runs and serves; {number} clone{'' if number == 1 else 's'}")


def judge_host_keys(fleet: str, keys: Sequence[str]) -> Verdict:
    """Whether the master can be known from another server."""
    about = f"{fleet}: host keys of the master"
    if keys:
        return passed(about, f"{len(keys)} known")
    return failed(
        about,
        "its console shows none any more, so no server is trusted to be it",
        "On the master: `cat /etc/ssh/ssh_host_*_key.pub`; put the lines into `ssh.master_host_keys`.",
    )


def judge_groups(spec: FleetSpec, serving: Group | None, writing: Group | None) -> Iterator[Verdict]:
    """The fleet's target group must ask for the page that the proof asks for. None stands for none yet."""
    about = f"{spec.name}: target group"
    yield _judge_serving(about, spec.health, serving) if serving else unproven(about, _NO_GROUP)
    about = f"{spec.name}: target group for writes"
    if not spec.writes.need_group:
        yield passed(about, "none is needed: each clone passes writes on to the master itself")
    elif writing is None:
        yield unproven(about, _NO_GROUP)
    else:
        yield passed(about, "there") if writing.exists else _missing(about, writing)


def _judge_serving(about: str, health: Health, group: Group) -> Verdict:
    if not group.exists:
        return _missing(about, group)
    if not group.balanced:
        return failed(about, "no load balancer forwards to it", "Let a listener forward to it.")
    port = str(group.port) if group.health_port == _TRAFFIC else group.health_port
    found, wanted = f"{group.health_path} on port {port}", f"{health.path} on port {health.port}"
    if found != wanted:
        return failed(
            about,
            f"asks for {found}, and the fleet file says {wanted}",
            "Correct `health` in the fleet file, or the target group.",
        )
    return passed(about, f"there; asks for {found}")


def _missing(about: str, group: Group) -> Verdict:
    return failed(about, f"AWS knows no {group.arn}", "Correct it in the fleet file, or make it.")
