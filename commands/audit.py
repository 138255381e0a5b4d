"""`audit`: who did what."""

from dataclasses import dataclass

from bot.command import Answer, Look, command, rest
from bot.domain.audit import Entry
from bot.domain.moment import stamp
from bot.domain.people import Power
from bot.domain.words import plural


@dataclass(frozen=True, slots=True)
class Args:
    """What to look for."""

    words: str = rest("words that a row must hold; an operation's id, a server's, a person's")


def _search(args: Args) -> str:
    return args.words


@command("audit", power=Power.VIEWER, args=Args, example="audit op-k3m9ta", search=_search)
def audit(args: Args, look: Look) -> Answer:
    """Show the newest rows of the audit log, or of those that hold all these words."""
    about = f" with “{args.words}”" if args.words else ""
    if not look.found:
        return Answer(title=f"No row{about} in the audit log.", lines=("Try fewer words.",) if about else ())
    number = plural(len(look.found), "row")
    return Answer(title=f"The newest {number}{about} of the audit log", lines=tuple(map(_line, look.found)))


def _line(entry: Entry) -> str:
    who = " @" + entry.person.rpartition("/")[2] if entry.person else ""
    where = f" [{entry.fleet}]" if entry.fleet else ""
    return f"#{entry.seq} {stamp(entry.at)} `{entry.operation}`{where} *{entry.kind}*{who}: {entry.text}"
