"""Keeps what is typed into the lab's servers over SSH, and tells which of it was announced in the log."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.lab.lab import Lab
from tests.scenarios.watcher import query

_ENTER = """\
#!/bin/sh
PATH=$HOST_PATH
export PATH
cd "$HOST_ROOT" || exit 1
heard=$(dirname "$HOST_ROOT")/heard-$(date +%s.%N)-$$
case $SSH_ORIGINAL_COMMAND in
    *"sh -s") tee -- "$heard" | /bin/sh -c "$SSH_ORIGINAL_COMMAND" ;;
    *) exec /bin/sh -c "${SSH_ORIGINAL_COMMAND:-exec /bin/sh}" ;;
esac
"""
_HARMLESS = {
    "true",
    "date",
    "fingerprint",
    "service",
    "show",
    "host_keys",
    "ask",
    "terms",
    "check",
    "changed",
    "version",
}
"""Calls of scripts that only look; `identity` looks too, unless the script can change something."""
_CHANGES = re.compile(
    r"^(stop|put|restart|make_key|authorize|forget|get_ready|pull|own|remember)\(\)", re.MULTILINE
)
_CALLED = re.compile(r"^(\w+)(?: .*)? \|\| exit$", re.MULTILINE)
_CLOCKS = 0.05


@dataclass(frozen=True, slots=True)
class Heard:
    """One script that reached a server and may have changed it."""

    at: float
    server: str
    calls: tuple[str, ...]


def eavesdrop(lab: Lab) -> None:
    """Keep each script that arrives, on the master and on every clone that is made of it from now on."""
    (lab.hosts.disk(lab.site.master) / "usr/local/bin/enter").write_text(_ENTER)


def heard(lab: Lab, since: float) -> Iterator[Heard]:
    """The scripts that may have changed a server."""
    for file in sorted((lab.folder / "hosts").glob("*/heard-*")):
        at = float(file.name.split("-")[1])
        text = file.read_text(errors="replace")
        calls = tuple(dict.fromkeys(_CALLED.findall(text)))
        if at >= since and _CHANGES.search(text) and set(calls) - _HARMLESS:
            yield Heard(at, file.parent.name, calls)


def unannounced(lab: Lab, scripts: list[Heard]) -> Iterator[str]:
    """Those that arrived while no action about their server was begun and not ended."""
    spans = list(_spans(lab))
    for script in scripts:
        begun = (who for first, last, who in spans if first <= script.at <= last + _CLOCKS)
        if not any(who in {script.server, "offer", "withdraw"} for who in begun):
            yield f"{', '.join(script.calls)} ran on {script.server} at {script.at:.2f} without an intent"


def _spans(lab: Lab) -> Iterator[tuple[float, float, str]]:
    """From when until when something was about to be done, and to which server."""
    sql = "SELECT action, attempt, kind, at FROM audit WHERE kind IN ('intent', 'outcome') ORDER BY seq"
    begun: dict[tuple[str, int], float] = {}
    for action, attempt, kind, at in query(lab, sql):
        moment = datetime.fromisoformat(at).timestamp()
        if kind == "intent":
            begun[action, attempt] = moment
        else:
            yield begun.pop((action, attempt), moment), moment, action.rpartition("/")[2]
    yield from ((first, float("inf"), action.rpartition("/")[2]) for (action, _), first in begun.items())


def forget(lab: Lab) -> None:
    """Keep nothing of what was heard so far."""
    for file in Path(lab.folder / "hosts").glob("*/heard-*"):
        file.unlink(missing_ok=True)
