"""Takes the master's files from a clone over SSH, and looks what is left of them."""

from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence

from bot.domain.agents import AGENTS
from bot.domain.fleet import Recipe
from bot.domain.habits import Habits
from bot.domain.recipe import agent_lines, left_overs, told_apart_by
from bot.ssh.names import check_path

ENROL = r"""
# An agent that runs already has to be told; one that may not run stays as it is.
enrol() {
    units=$1
    shift
    [ -n "$forgot$(for pattern; do masters "$pattern"; done)" ] || return 0
    running=
    for unit in $units; do
        [ "$(systemctl is-active "$unit" 2>/dev/null)" = active ] || continue
        running="$running $unit"
        systemctl stop "$unit" || fail "$unit cannot be stopped"
    done
    sweep "$@"
    for unit in $running; do systemctl start "$unit" || fail "$unit does not start any more"; done
}

begin() { forgot=; }
since() { [ -e "$mark" ] || : >"$mark" || fail "$mark cannot be written"; }

write() {
    file=$(readlink -f -- "$R$1") && [ -d "${file%/*}" ] || fail "there is no folder for $1"
    case $file in "$R"/*) ;; *) fail "$1 leads out of ssh.root" ;; esac
    part=${file%/*}/.clonebot-${file##*/}
    rm -f -- "$part"
    if [ -f "$file" ]; then
        cp --preserve=all -- "$file" "$part"
    else
        install -m 0644 /dev/null "$part"
    fi || fail "$1 cannot be written"
    printf %s "$2" | base64 -d >"$part" || fail "$1 cannot be written"
    if cmp -s -- "$part" "$file"; then
        rm -f -- "$part"
    else
        sync -- "$part" && mv -f -- "$part" "$file" || fail "$1 cannot be written"
    fi
}
"""

MASTERS = r"""
# What came with the image of that which a pattern names.
masters() {
    if [ -e "$mark" ]; then among "$1" ! -cnewer "$mark" -print; else among "$1" -print; fi
}
"""

SEEK = r"""
first() { printf '%s\n' "$("$@" | head -n 1 | cut -c 1-200)"; }
there() { first among "$1" -print; }
full() { first among "$1" \( ! -type f -o -size +0 \) -print; }
left() { first left_of "$@"; }
left_of() { for pattern; do masters "$pattern"; done; }
named() { first naming "$@"; }
known_by() {
    sums=$(for pattern; do among "$pattern" -type f -size +0 -size -128k -exec sha256sum -- {} +; done |
        cut -c -64 | sort)
    if [ -n "$sums" ]; then printf %s "$sums" | sha256sum | cut -c -64; else printf '\n'; fi
}
naming() { [ ! -f "$R$1" ] || ! grep -Eq "^($2)" "$R$1" || printf '%s\n' "$R$1"; }
"""


def sweep_calls(recipe: Recipe) -> Iterator[tuple[str, ...]]:
    """Take away what came with the image, and remember since when what is new is the clone's own."""
    yield from (("drop", pattern) for pattern in recipe.remove)
    yield from (("empty", pattern) for pattern in recipe.truncate)
    for agent in recipe.agents:
        known = AGENTS[agent]
        yield ("begin",)
        yield from (("comment_out", file, begins) for file, begins in known.lines)
        yield ("enrol", " ".join(known.units), *known.files)
    for patterns in left_overs(recipe).values():
        yield ("sweep", *patterns)
    yield ("since",)


def write_calls(recipe: Recipe) -> Iterator[tuple[str, ...]]:
    """Write the templates."""
    for template in recipe.template:
        yield "write", check_path(template.file), b64encode(template.text.encode()).decode()


def look_calls(recipe: Recipe) -> Iterator[tuple[str, ...]]:
    """Look what is left: one line for each call."""
    yield from (("there", pattern) for pattern in recipe.remove)
    yield from (("full", pattern) for pattern in recipe.truncate)
    yield from (("left", *patterns) for patterns in left_overs(recipe).values())
    yield from (("named", file, begins) for _, file, begins in agent_lines(recipe))
    yield from (("known_by", *patterns) for patterns in told_apart_by(recipe).values())


def read_habits(said: Iterator[str], recipe: Recipe) -> Habits:
    """Read what these calls, and those that show the templates' files, printed."""
    return Habits(
        there=_found(said, recipe.remove),
        full=_found(said, recipe.truncate),
        left=_found(said, tuple(left_overs(recipe))),
        named=_found(said, [agent for agent, _, _ in agent_lines(recipe)]),
        agents=_found(said, tuple(told_apart_by(recipe))),
        written=frozenset([each.file for each in recipe.template if _holds(next(said), each.text)]),
    )


def _found(said: Iterator[str], names: Sequence[str]) -> dict[str, str]:
    seen = [(name, next(said)) for name in names]
    return {name: path for name, path in seen if path}


def _holds(shown: str, text: str) -> bool:
    return b64decode(shown) == text.encode()
