"""One trial of the campaign, drawn from a seed: what is asked, what goes wrong, when the bot is killed."""

import random
from dataclasses import dataclass
from enum import StrEnum

from bot.lab.aws.calls import Moment
from tests.scenarios.adversity import AWS_TROUBLES, CLONE_TROUBLES

ANSWERED = "after the answer"
ROWS = ("requested", "planned", "approved", "started", "intent", "outcome", "finished")
CALLS = ("RunInstances", "RegisterTargets", "CreateTags", "DeregisterTargets", "TerminateInstances")
LOOKS = ("DescribeInstances", "GetConsoleOutput", "DescribeTargetHealth")
RARE = ("CreateImage", "CreateRule")


class Way(StrEnum):
    """How the request comes."""

    ONCE = "once"
    THRICE = "delivered three times"
    TEN_CLICKS = "approved with ten quick clicks"
    TWO_APPROVERS = "approved by two people at once"
    TOGETHER = "two operations at once"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """When the bot is killed: `nth` row of a kind, `nth` call of an action, or after some seconds."""

    row: str = ""
    call: str = ""
    moment: str = ""
    nth: int = 1
    seconds: float = 0.0

    def __str__(self) -> str:
        if self.row:
            return f"killed after row {self.nth} of kind {self.row}"
        if self.call:
            return f"killed {self.moment} of call {self.nth} of {self.call}"
        return f"killed after {self.seconds:.2f} s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What happens in one trial. The same seed draws the same trial."""

    seed: int
    start: int
    targets: tuple[int, ...]
    way: Way
    troubles: tuple[str, ...]
    """Of AWS."""
    sabotage: tuple[str, ...]
    """Of one clone each."""
    kill: Kill | None
    from_scratch: bool
    """There is no image and no listener rule yet."""
    edited: bool
    """A page on the master is another one than in the image."""

    def __str__(self) -> str:
        parts = [f"{self.start} → {' and '.join(map(str, self.targets))} clones, {self.way}"]
        parts += ["from scratch"] if self.from_scratch else []
        parts += ["a page was edited"] if self.edited else []
        parts += [*self.troubles, *(f"a clone: {each}" for each in self.sabotage)]
        return "; ".join([*parts, str(self.kill) if self.kill else "not killed"])


def draw(seed: int) -> Trial:
    """The trial of this seed."""
    dice = random.Random(seed)
    way = dice.choices(list(Way), (22, 10, 10, 10, 48))[0]
    start = dice.choice((0, 0, 1, 1, 2))
    needs_approval = way in {Way.TEN_CLICKS, Way.TWO_APPROVERS}
    grown = [3, 4] if needs_approval else []
    number = 2 if way is Way.TOGETHER else 1
    targets = tuple(_target(dice, start, grown) for _ in range(number))
    wrong = dice.random()
    troubles = _some(dice, sorted(AWS_TROUBLES), (1, 1, 2)) if 0.1 < wrong < 0.65 else ()
    sabotage = _some(dice, sorted(CLONE_TROUBLES), (1, 1, 1, 2)) if wrong > 0.4 else ()
    shrinks = min(targets) < start or len(set(targets)) > 1
    kill = _kill(dice, shrinks=shrinks, fails=bool(sabotage)) if dice.random() < 0.6 else None
    from_scratch = start == 0 and dice.random() < 0.2
    if from_scratch and kill and dice.random() < 0.5:
        kill = Kill(call=dice.choice(RARE), moment=_moment(dice))
    return Trial(
        seed=seed,
        start=start,
        targets=targets,
        way=way,
        troubles=troubles,
        sabotage=sabotage,
        kill=kill,
        from_scratch=from_scratch,
        edited=dice.random() < 0.5,
    )


def _target(dice: random.Random, start: int, grown: list[int]) -> int:
    more = grown or [count for count in range(1, 5) if count > start]
    fewer = [count for count in range(start) if not grown]
    return dice.choice(fewer) if fewer and dice.random() < 0.15 else dice.choice(more)


def _some(dice: random.Random, names: list[str], numbers: tuple[int, ...]) -> tuple[str, ...]:
    return tuple(dice.sample(names, dice.choice(numbers)))


def _moment(dice: random.Random) -> str:
    return dice.choice((*map(str, Moment), ANSWERED))


def _kill(dice: random.Random, *, shrinks: bool, fails: bool) -> Kill:
    match dice.choice(("seconds", "row", "row", "call", "call", "look")):
        case "seconds":
            return Kill(seconds=dice.uniform(0.05, 4))
        case "row":
            row = dice.choice(ROWS)
            return Kill(row=row, nth=dice.randint(1, 14) if row in {"intent", "outcome"} else 1)
        case "call":
            call = dice.choices(CALLS, (4, 4, int(fails), int(shrinks), int(shrinks)))[0]
            return Kill(call=call, moment=_moment(dice), nth=dice.choice((1, 1, 1, 2)))
        case _:
            return Kill(call=dice.choice(LOOKS), moment=_moment(dice), nth=dice.randint(1, 6))
