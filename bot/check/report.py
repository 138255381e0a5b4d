"""Runs the whole check, and shows each verdict as it comes."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict

import click

from bot.check.checks import checks
from bot.check.probes import Probes
from bot.check.together import run_together
from bot.domain.check.here import ENVIRONMENT, FLEET_FILE, judge_configuration
from bot.domain.check.verdict import Mark, Verdict, exit_status, failed
from bot.domain.errors import CloudError, ConfigError
from bot.settings import Environment, FleetFile, load

SECONDS = 120.0
"""Longest that all of it may take."""
_SIGNS = {Mark.PASSED: "✓", Mark.FAILED: "✗", Mark.UNPROVEN: "–"}  # noqa: RUF001 (a dash, on purpose)
_COLOURS = {Mark.PASSED: "green", Mark.FAILED: "red", Mark.UNPROVEN: "yellow"}

Build = Callable[[Environment], Probes]


def check(build: Build, *, as_json: bool) -> int:
    """Look at everything, print one line for each thing, return the exit status."""
    verdicts = []
    for verdict in find_all(build):
        verdicts.append(verdict)
        for line in _json(verdict) if as_json else _lines(verdict):
            click.echo(line)
    status = exit_status(verdicts)
    click.echo(json.dumps({"exit": status, **_counts(verdicts)}) if as_json else _summary(verdicts))
    return status


def find_all(build: Build, *, seconds: float = SECONDS) -> Iterator[Verdict]:
    """The verdicts, as they come."""
    try:
        environment = Environment.find()
    except ConfigError as error:
        yield from judge_configuration(ENVIRONMENT, _below_title(error), "")
        return
    yield from judge_configuration(ENVIRONMENT, _lacks(), "has what Slack needs")
    file, problems = _load(environment)
    known = f"{environment.config}: {describe(file)}" if file else ""
    yield from judge_configuration(FLEET_FILE, problems, known)
    try:
        probes = build(environment)
    except CloudError as error:
        yield failed("AWS: credentials", str(error), "Correct the variables AWS_….", configuration=True)
        return
    yield from run_together(tuple(checks(probes, environment, file)), seconds=seconds)


def _lacks() -> str:
    try:
        Environment.read()
    except ConfigError as error:
        return _below_title(error)
    return ""


def _below_title(error: ConfigError) -> str:
    return str(error).partition("\n")[2]


def _load(environment: Environment) -> tuple[FleetFile | None, str]:
    try:
        return load(environment.config), ""
    except ConfigError as error:
        return None, str(error)


def describe(file: FleetFile) -> str:
    """Say in a few words what the fleet file holds."""
    names = ", ".join(spec.name for spec in file.fleets)
    holders = {name for names in file.policy.roles.values() for name in names}
    number = len(file.fleets)
    return (
        f"{number} fleet{'' if number == 1 else 's'} ({names}), {len(holders)} people and groups with a role"
    )


def _lines(verdict: Verdict) -> Iterator[str]:
    sign = click.style(_SIGNS[verdict.mark], fg=_COLOURS[verdict.mark])
    yield f"{sign} {verdict.about}: {verdict.says}"
    if verdict.remedy:
        yield f"    → {verdict.remedy}"


def _json(verdict: Verdict) -> Iterator[str]:
    shown = asdict(verdict)
    del shown["configuration"]
    yield json.dumps(shown)


def _counts(verdicts: Iterable[Verdict]) -> dict[str, int]:
    marks = [verdict.mark for verdict in verdicts]
    return {str(mark): marks.count(mark) for mark in Mark}


def _summary(verdicts: Iterable[Verdict]) -> str:
    counts = _counts(verdicts)
    return f"{counts['passed']} right, {counts['failed']} wrong, {counts['unproven']} not provable now."
