"""`doctor`: whether the master can be cloned."""

from dataclasses import dataclass

from bot.command import Answer, Look, Scope, always, command
from bot.domain.doctor.report import card, headline
from bot.domain.errors import BotError
from bot.domain.people import Power


@dataclass(frozen=True, slots=True)
class Args:
    """Nothing but the fleet."""


@command(
    "doctor",
    power=Power.OPERATOR,
    also=(Power.APPROVER,),
    scope=Scope.ONE,
    args=Args,
    example="doctor web",
    examines=always,
)
def doctor(_args: Args, look: Look) -> Answer:
    """Look whether the master can be cloned, change nothing, and say what would go wrong and what to do.

    It looks through SSH and AWS, for what the list of pitfalls tells. What blocks keeps `bake` from making an
    image until it is put right, or an approver waives it until a date. You are told in short; the fleet's
    channel gets the whole report, in a thread and as a file.
    """
    if look.diagnosis is None:
        raise BotError("The master was not examined. Type `/clone doctor` again.")
    return Answer(title=headline(look.diagnosis), lines=card(look.diagnosis), diagnosis=look.diagnosis)
