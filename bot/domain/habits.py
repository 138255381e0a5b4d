"""The master's habits that its files bring along: what is left of them on a clone, and what that means."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bot.domain.fleet import Recipe
from bot.domain.recipe import agent_lines, agent_name, left_overs


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What one server still has of what the recipe takes away; for each thing it names, one path."""

    there: Mapping[str, str] = field(default_factory=dict)
    """Of `remove`: what is there."""
    full: Mapping[str, str] = field(default_factory=dict)
    """Of `truncate`: what is not empty."""
    left: Mapping[str, str] = field(default_factory=dict)
    """Of `clean`, spools and agents: what came with the image."""
    named: Mapping[str, str] = field(default_factory=dict)
    """Of agents: settings that name the master."""
    agents: Mapping[str, str] = field(default_factory=dict)
    """Agents, and a digest of what tells this server's from those of others; none where there is nothing."""
    written: frozenset[str] = frozenset()
    """Files that are as their template has them."""


def judge(habits: Habits, recipe: Recipe) -> Iterator[tuple[str, bool, str]]:
    """What is checked of them: a name, whether it is well, and what is wrong if not."""
    for pattern in recipe.remove:
        yield pattern, pattern not in habits.there, f"{_told(habits.there, pattern)} is on the clone"
    for pattern in recipe.truncate:
        yield f"{pattern} empty", pattern not in habits.full, f"{_told(habits.full, pattern)} is not empty"
    for template in recipe.template:
        file = template.file
        yield f"{file} written", file in habits.written, "it is not as the recipe's template has it"
    for name in left_overs(recipe):
        yield name, name not in habits.left, f"{_told(habits.left, name)} came with the master's image"
    for agent in dict.fromkeys(agent for agent, _, _ in agent_lines(recipe)):
        name = f"{agent_name(agent)} named anew"
        yield name, agent not in habits.named, f"{_told(habits.named, agent)} still names the master"


def _told(found: Mapping[str, str], key: str) -> str:
    return found.get(key) or "it"
