"""A plan, an operation and a request to show."""

from dataclasses import replace
from datetime import UTC, datetime

from bot.domain.digest import Digest, Past, Unread
from bot.domain.fleet import Content, Recipe
from bot.domain.operation import Operation, Progress, Stage
from bot.domain.plan import (
    Bake,
    Boot,
    Lane,
    Launch,
    Plan,
    Prepare,
    Prove,
    PutInService,
    RouteWrites,
    Sync,
)
from bot.world import Request

CONTENT = Content(paths=("/var/www/html",))
PLAN = Plan(
    fleet="web",
    lane=Lane.CAPACITY,
    command="scale web 4",
    summary="web: 0 → 4 clones",
    actions=(
        RouteWrites(
            target_group="arn:web",
            writes_group="arn:writes",
            master="i-master",
            methods=("POST",),
            prefixes=(),
        ),
        Bake(master="i-master"),
        Launch(image="", type="t3.small", subnet="subnet-a", security_groups=("sg-1",), count=2),
        Launch(image="", type="t3.small", subnet="subnet-b", security_groups=("sg-1",), count=2),
        Boot(),
        Prepare(recipe=Recipe(services=("guestbook-db",))),
        Sync(master="i-master", content=CONTENT),
        Prove(),
        PutInService(target_group="arn:web"),
        Sync(master="i-master", content=CONTENT, everyone=True),
    ),
    before=0,
    after=4,
    inverse="scale web 0",
    cost_per_hour=0.0832,
    seconds=420,
    notes=("This is the first clone image of web.",),
    reason="sale on <friday> & saturday",
)
TO_DO = (Progress.TO_DO,) * len(PLAN.actions)


def operation(**changes: object) -> Operation:
    asked = Operation(
        id="op-7k2m9qx4",
        plan=PLAN,
        requester="T0LAB/U0BOB",
        channel="C0WEB",
        via="slack",
        stage=Stage.AWAITING_APPROVAL,
        created=datetime.now(UTC),
        needed=1,
        progress=TO_DO,
    )
    return replace(asked, **changes)  # type: ignore[arg-type]  # whatever field an example changes


def digest() -> Digest:
    """Of a fleet that could not be read, just now."""
    now = datetime.now(UTC)
    lost = Unread(fleet="web", since=now, why="AWS did not answer.")
    return Digest(id="digest/C0WEB/now", at=now, due=now, past=Past(since=now), unread=(lost,))


def request(**changes: str) -> Request:
    asked = Request(id="op-7k2m9qx4", text="status", team="T0LAB", user="U0BOB", channel="C0WEB", via="slack")
    return replace(asked, **changes)
