"""`audit`: who did what."""

from dataclasses import dataclass

from bot.command import Answer, Look, command, rest
from bot.domain.audit import Entry
from bot.domain.moment import stamp
from bot.domain.people import Power
from bot.domain.words import as_typed, plural


@dataclass(frozen=True, slots=True)
class Args:
    """What to look for."""

    words: str = rest("words that a row must hold; an operation's id, a server's, a person's")


def _search(args: Args) -> str:
    return args.words


@command("audit", power=Power.VIEWER, args=Args, example="audit op-k3m9ta", search=_search)
def audit(args: Args, look: Look) -> Answer:
    """Show who did what, newest first, or every row of the audit log that holds all these words.

    With an operation's id it shows its steps too: the intent before each, and the outcome after.
    """
    about = f" with “{args.words}”" if args.words else ""
    if not look.found:
        return Answer(title=f"No row{about} in the audit log.", lines=("Try fewer words.",) if about else ())
    lines = tuple(map(_line, look.found))
    if not args.words:
        return Answer(title="Who did what, newest first", lines=(*lines, *_more(look)))
    number = plural(len(look.found), "row")
    return Answer(title=f"The newest {number}{about} of the audit log", lines=lines)


def _more(look: Look) -> tuple[str, ...]:
    newest = next((row.operation for row in look.found if row.fleet), "")
    return (f"To see the steps of one, type its id: `/clone audit {newest}`",) if newest else ()


def _line(entry: Entry) -> str:
    who = " @" + entry.person.rpartition("/")[2] if entry.person else ""
    where = f" [{entry.fleet}]" if entry.fleet else ""
    what = f": {as_typed(entry.text)}" if entry.text not in {"", entry.kind} else ""
    return f"#{entry.seq} {stamp(entry.at)} `{entry.operation}`{where} *{entry.kind}*{who}{what}"
