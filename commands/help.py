"""`help`: what can be typed."""

import dataclasses
from dataclasses import dataclass

from bot.command import Answer, Command, Look, argument, as_usage, command
from bot.domain.errors import UsageError
from bot.domain.people import Power
from bot.domain.words import did_you_mean


@dataclass(frozen=True, slots=True)
class Args:
    """About what."""

    topic: str = argument("a command's name", shown="command", parse=str.lower, default="")


@command("help", power=Power.VIEWER, args=Args, example="help scale")
def show_help(args: Args, look: Look) -> Answer:
    """Show what you can type, or all about one command."""
    return _about(args.topic, look) if args.topic else _overview(look)


def _overview(look: Look) -> Answer:
    return Answer(
        title="What you can type",
        lines=(
            *(f"`/clone {each.usage}`: {each.summary}" for each in look.commands),
            "You may leave out the fleet in its own channel, or where there is only one.",
            "More about one command: `/clone help status`",
        ),
    )


def _about(topic: str, look: Look) -> Answer:
    found = next((each for each in look.commands if each.name == topic), None)
    if found is None:
        names = [each.name for each in look.commands]
        raise UsageError(f"I know no command `{topic}` for you.{did_you_mean(topic, names)}")
    return Answer(title=f"`/clone {found.usage}`", lines=(*_help(found), *_parts(found), _example(found)))


def _help(found: Command) -> list[str]:
    return [" ".join(part.split()) for part in found.help.split("\n\n")]


def _parts(found: Command) -> list[str]:
    fields = dataclasses.fields(found.args)
    dry_run = ["`[--dry-run]`: show the plan and do nothing"] if found.plans else []
    return [f"`{as_usage(field)}`: {field.metadata['meaning']}" for field in fields] + dry_run


def _example(found: Command) -> str:
    return f"For instance: `/clone {found.example}`"
