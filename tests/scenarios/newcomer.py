"""What a newcomer types in a terminal, and puts where the draft of a fleet file says FILL IN."""

import re
import subprocess
import sys

from bot.domain.suggestion.draft import FILL_IN
from bot.lab.lab import Lab

_KNOWN = {"channel": "C0WEB", "operator": "S0OPS", "approver": "U0ADA"}


def clonebot(lab: Lab, *words: str) -> "subprocess.CompletedProcess[str]":
    """Type `clonebot WORDS` with the variables that the bot has."""
    return subprocess.run(
        [sys.executable, "-m", "bot", *words],
        env=lab.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def fill_in(draft: str) -> str:
    """Put the channel, and who may do what, in their places, and change nothing else."""
    for key, known in _KNOWN.items():
        place = rf'^({key} = (?:\[\n +)?)"{FILL_IN}"'
        draft = re.sub(place, rf'\1"{known}"', draft, flags=re.MULTILINE)
    return draft
