"""The campaign: trials drawn from a seed, in each of which much goes wrong at once; every invariant holds.

`CAMPAIGN_SEED=7 CAMPAIGN_TRIALS=1 pytest tests/scenarios/test_campaign.py` repeats the trial of seed 7.
"""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from tests.scenarios.convergence import Convergence
from tests.scenarios.eavesdrop import eavesdrop
from tests.scenarios.trial import Trial, draw
from tests.scenarios.trial_run import Runner
from tests.scenarios.verdict import Verdict
from tests.scenarios.visitor import Visitor

SEED = int(os.environ.get("CAMPAIGN_SEED") or random.SystemRandom().randrange(10**6))
"""Of the first trial; each one after it has the next."""
TRIALS = int(os.environ.get("CAMPAIGN_TRIALS", "2"))
SHARDS = int(os.environ.get("CAMPAIGN_SHARDS", "1"))
"""How many labs there are at once, which share the trials."""
FULL = "CAMPAIGN_FULL" in os.environ
"""Whether each invariant must be put to the test as often as required."""
LOG = os.environ.get("CAMPAIGN_LOG", os.devnull)
"""A file that is told each trial as it ends."""
REQUIRED = {
    "1 intents before calls to AWS": 1000,
    "1 intents before changes over SSH": 1000,
    "2 one outcome for each intent": 1000,
    "4 kills while it worked": 200,
    "5 fleets without orphans": 200,
    "6 repetitions that started nothing more": 500,
    "7 failed scale-outs, and nobody stopped serving": 200,
    "8 unfit clones that did not serve": 200,
    "10 fleets that became as wanted": 100,
    "11 two operations one after the other": 200,
    "17 logs without a false alarm": 300,
    "18 ends that were told as they were": 300,
}
"""By invariant."""
PER_LAB = 40
"""Trials after which everything begins anew: AWS never forgets a server."""
PATIENCE = {"bake": 30, "launch": 6, "boot": 6, "healthy": 3, "drain": 15, "reconcile": 2}
MOST_WRONG = 5


@pytest.mark.timeout(3 * 3600)
@pytest.mark.parametrize(
    "shard", [pytest.param(one, marks=pytest.mark.xdist_group(f"campaign {one}")) for one in range(SHARDS)]
)
def test_every_invariant_holds_whatever_goes_wrong(
    shard: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    top = tmp_path_factory.getbasetemp().parent
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    say(f"CAMPAIGN_SEED={SEED} CAMPAIGN_TRIALS={TRIALS}")
    seeds = range(SEED + shard, SEED + TRIALS, SHARDS)
    for first in range(0, len(seeds), PER_LAB):
        wrong += hold(top / "lab", seeds[first : first + PER_LAB], counts)
        if len(wrong) >= MOST_WRONG:
            break
    lacking = add_up(top, shard, counts)
    assert not wrong, "\n".join(wrong)
    assert not (FULL and lacking), f"not put to the test often enough: {lacking}"


def hold(folder: Path, seeds: range, counts: Counter[str]) -> list[str]:
    """Hold these trials in a lab of their own; what was wrong."""
    wrong: list[str] = []
    with campaign_lab(folder) as lab:
        visitor = Visitor(lab)
        runner, convergence, verdict = Runner(visitor), Convergence(visitor), Verdict(visitor)
        for trial in map(draw, seeds):
            with naming(trial):
                began = time.monotonic()
                broken = list(convergence.towards(trial.start))
                if trial.from_scratch:
                    visitor.forget_image_and_rules()
                story = runner.run(trial)
                broken += verdict.on(story)
                runner.recover(trial)
                note(trial, time.monotonic() - began, [*map(str, broken), *verdict.ends(story)])
            wrong += [f"Invariant {number}: {why}. {again(trial)}" for number, why in broken]
            if len(wrong) >= MOST_WRONG:
                break
        wrong += [f"Invariant {number}: {why}." for number, why in convergence.towards(0)]
        counts.update(verdict.counts + convergence.counts)
    return wrong


def say(line: str) -> None:
    """For the reader of `pytest -rP`."""
    print(line)  # noqa: T201 (what was tried is the result)


@contextmanager
def naming(trial: Trial) -> Iterator[None]:
    """Whatever goes wrong with the trial itself, say which it was."""
    try:
        yield
    except BaseException as error:
        error.add_note(again(trial))
        raise


def again(trial: Trial) -> str:
    """How to see it again."""
    return f"CAMPAIGN_SEED={trial.seed} CAMPAIGN_TRIALS=1 repeats it ({trial})"


def note(trial: Trial, seconds: float, lines: list[str]) -> None:
    with Path(LOG).open("a") as log:
        print(f"{seconds:.0f} s, seed {trial.seed}: {trial}", *lines, sep="\n    ", file=log)


@contextmanager
def campaign_lab(folder: Path) -> Iterator[Lab]:
    """A lab with two people who approve, whose servers remember what reached them over SSH."""
    with Lab(folder, delays=NO_DELAYS, patience=PATIENCE, rate_limits=False) as lab:
        lab.stop_bot()
        text = lab.fleet_file.read_text()
        lab.fleet_file.write_text(text.replace('approver = ["U0ADA"]', 'approver = ["U0ADA", "U0CAT"]'))
        eavesdrop(lab)
        lab.start_bot()
        yield lab


def add_up(folder: Path, shard: int, counts: Counter[str]) -> list[str]:
    """Print how often each invariant was put to the test, once all shards have ended; what is lacking."""
    (folder / f"campaign-{SEED}-{shard}.json").write_text(json.dumps(counts))
    ended = list(folder.glob(f"campaign-{SEED}-*.json"))
    if len(ended) < SHARDS:
        return []
    total = sum((Counter(json.loads(each.read_text())) for each in ended), Counter[str]())
    say("required  reached  invariant")
    for name, least in REQUIRED.items():
        say(f"{least:8}  {total[name]:7}  {name}")
    return [name for name, least in REQUIRED.items() if total[name] < least]
