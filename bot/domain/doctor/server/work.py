"""Work that every clone would do again: jobs, timers, workers, backups, certificates, updates."""

import re
from collections.abc import Iterable, Iterator
from posixpath import basename

from bot.domain.doctor.facts import Job, Line, Origin, ServerFacts, Unit
from bot.domain.doctor.server import known
from bot.domain.doctor.server.check import BLOCKS, WARNS, Check, Sign
from bot.domain.doctor.server.recipe import (
    classify,
    classify_job,
    handles_job,
    handles_timer,
    handles_unit,
)
from bot.domain.fleet import FleetSpec

_RUN_PARTS = ("run-parts", "/etc/cron.", "anacron")
_LONGEST_COMMAND = 60
_GOES_TO = re.compile(r"^\s*cd\s+\S+\s*(?:&&|;)\s*")
_INTERPRETER = re.compile(r"(^|/)(php|python|perl|ruby|node|env|sh|bash|sudo|nice|flock|timeout)[\d.]*$")


def cron_jobs(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Jobs that nobody has classified."""
    for job in _open_jobs(facts, spec):
        if not (_is_backup(job) or _renews(job) or _updates(job) or _upgrades(job)):
            what = f"{_told(job)} runs {job.schedule} as {job.user or 'root'}; every clone would run it too."
            yield Sign(BLOCKS, _place(job), what, classify_job(job))


def timers(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Timers that nobody has classified."""
    for timer in _open_timers(facts, spec):
        words = _words(timer, facts)
        if not any(p.search(words) for p in (known.BACKUPS, known.CERTIFICATES, known.UPGRADES)):
            what = f"{timer.name} starts {timer.triggers or 'its service'} by the clock; on every clone too."
            yield Sign(BLOCKS, timer.name, what, classify(timer.name, "services"))
    for file in facts.places:
        if file.path.endswith(".timer") and "/systemd/user/" in file.path:
            what = f"{file.path} is a timer of {file.owner}; every clone would run it too."
            yield Sign(
                BLOCKS, file.path, what, "Make it a unit of the system, and name that in recipe.services."
            )


def workers(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Hand-made services that take work from a queue or a clock, or whose work is not known."""
    # Nobody's sockets are known where nobody may see who listens.
    listening = {socket.unit for socket in facts.sockets if socket.unit}
    for unit in _hand_made(facts, spec):
        remedy = classify(unit.name.removesuffix(".service"), "services")
        words = f"{unit.name} {known.PROCESSES.sub('', unit.command)}"
        if known.WORKERS.search(words):
            what = f"{unit.name} works by itself; with clones, the same work is done several times at once."
            yield Sign(BLOCKS, unit.name, what, remedy)
        elif unit.sub == "exited":
            what = f"{unit.name} runs something at every boot; at every clone's boot too."
            yield Sign(WARNS, unit.name, what, remedy)
        elif listening and unit.name not in listening and not known.SERVES.search(words):
            what = f"{unit.name} serves nobody that I can see, so it works by itself; every clone would too."
            yield Sign(BLOCKS, unit.name, what, remedy)


def supervised(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Programs under supervisor and the like that take work from a queue or a clock."""
    watching = [u for u in facts.units if known.SUPERVISORS.fullmatch(u.name) and not u.sleeps]
    if not any(not handles_unit(spec.recipe, unit.name) for unit in watching):
        return
    for line in _commands(facts.settings):
        if known.WORKERS.search(line.text) or not known.SERVES.search(line.text):
            what = f"{line.file} keeps a worker running; every clone would run it too."
            named = watching[0].name.removesuffix(".service")
            yield Sign(BLOCKS, line.file, what, classify(named, "services"))


def _commands(lines: Iterable[Line]) -> Iterator[Line]:
    for line in lines:
        if "supervisor" in line.file and line.text.replace(" ", "").startswith("command="):
            yield line


def wp_cron(facts: ServerFacts, _spec: FleetSpec) -> Iterator[Sign]:
    """WordPress runs its jobs whenever a page is asked for, on whichever server."""
    switched = {line.file for line in facts.settings if "DISABLE_WP_CRON" in line.text}
    for file in sorted({line.file for line in facts.settings} - switched):
        if basename(file) == "wp-config.php":
            what = (
                "WordPress runs its scheduled jobs on whichever server answers a request, so on clones too."
            )
            remedy = "Set DISABLE_WP_CRON to true, and let the master's cron call wp-cron.php."
            yield Sign(WARNS, file, what, remedy)


def backups(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Backups that clones would make too, over the master's."""
    for job in _open_jobs(facts, spec):
        if _is_backup(job):
            what = f"{_told(job)} makes a backup {job.schedule}; clones would write theirs over the master's."
            yield Sign(BLOCKS, _place(job), what, classify_job(job))
    for unit in facts.units:
        named = known.BACKUPS.search(_words(unit, facts)) and not known.KEPT_HERE.fullmatch(unit.name)
        starts = unit.name.endswith(".timer") or unit.active == "active"
        handled = handles_timer(spec.recipe, unit)
        if named and starts and not unit.sleeps and not handled:
            key = unit.name.removesuffix(".service")
            what = f"{unit.name} makes backups; clones would write theirs over the master's."
            yield Sign(BLOCKS, unit.name, what, classify(key, "services"))


def certificates(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Renewals of certificates, which race when several servers try."""
    renews = "The master should renew, and clones get the certificate with the content."
    what = "{} renews TLS certificates; with clones, several servers would try at once, and most would fail."
    for job in _open_jobs(facts, spec):
        if _renews(job) and not _is_backup(job):
            yield Sign(WARNS, _place(job), what.format(_told(job)), f"{renews} {classify_job(job)}")
    for timer in _open_timers(facts, spec):
        words = _words(timer, facts)
        if known.CERTIFICATES.search(words) and not known.BACKUPS.search(words):
            yield Sign(
                WARNS, timer.name, what.format(timer.name), f"{renews} {classify(timer.name, 'services')}"
            )


def updates(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Packages that update by themselves, on each server when it likes."""
    remedy = "Name it in recipe.services, so that clones get updates through a new image."
    for unit in facts.units:
        ours = unit.name.endswith(".timer") and known.UPDATES.fullmatch(unit.name) and not unit.sleeps
        if ours and not handles_timer(spec.recipe, unit):
            what = f"{unit.name} updates packages by itself, so clones would come to differ."
            yield Sign(WARNS, unit.name, what, remedy)
    for timer in _open_timers(facts, spec):
        if known.UPGRADES.search(_words(timer, facts)):
            what = f"{timer.name} updates packages by itself, so clones would come to differ."
            yield Sign(WARNS, timer.name, what, remedy)
    for job in _open_jobs(facts, spec):
        if _upgrades(job) and not (_updates(job) or _is_backup(job) or _renews(job)):
            what = f"{_told(job)} updates packages {job.schedule}, so clones would come to differ."
            yield Sign(WARNS, _place(job), what, classify_job(job))


def _open_jobs(facts: ServerFacts, spec: FleetSpec) -> Iterator[Job]:
    for job in facts.jobs:
        if not handles_job(spec.recipe, job) and not _is_harmless(job):
            yield job


def _is_harmless(job: Job) -> bool:
    """Whether it is a package's own, as the package brought it, or only runs what is judged by itself."""
    if job.source in {"/etc/crontab", "/etc/anacrontab"}:
        return any(part in job.command for part in _RUN_PARTS) and "run-parts" in job.command.replace(
            "anacron", "run-parts"
        )
    by_package = job.origin in {Origin.PACKAGE, Origin.UNKNOWN}
    return by_package and basename(job.source) in known.HARMLESS_CRON


def _is_backup(job: Job) -> bool:
    return bool(known.BACKUPS.search(f"{job.source} {job.command} {job.script}"))


def _renews(job: Job) -> bool:
    return bool(known.CERTIFICATES.search(f"{job.source} {job.command} {job.script}"))


def _upgrades(job: Job) -> bool:
    return bool(known.UPGRADES.search(f"{job.command} {job.script}"))


def _updates(job: Job) -> bool:
    by_package = job.origin in {Origin.PACKAGE, Origin.UNKNOWN}
    return by_package and known.UPDATES.fullmatch(basename(job.source)) is not None


def _open_timers(facts: ServerFacts, spec: FleetSpec) -> Iterator[Unit]:
    for unit in facts.units:
        name = unit.name.removesuffix(".timer")
        if name == unit.name or unit.sleeps or handles_timer(spec.recipe, unit):
            continue
        template = f"{name.partition('@')[0]}@"
        ours = unit.by_hand and not name.startswith("snap.")
        harmless = {name, template} & known.HARMLESS_TIMERS or name.startswith(("systemd-", "snapd."))
        if ours or not (harmless or known.UPDATES.fullmatch(name)):
            yield unit


def _words(unit: Unit, facts: ServerFacts) -> str:
    """What a unit is called and does; of a timer, what it starts."""
    started = [each for each in facts.units if each.name in {unit.name, unit.triggers}]
    return " ".join((unit.name, *(f"{each.name} {each.command} {each.script}" for each in started)))


def _hand_made(facts: ServerFacts, spec: FleetSpec) -> Iterator[Unit]:
    by_clock = {unit.triggers for unit in facts.units if unit.name.endswith(".timer")}
    for unit in facts.units:
        made_here = unit.by_hand or _has_old_script(unit, facts)
        ours = unit.name.endswith(".service") and made_here and not unit.sleeps
        elsewhere = unit.name in by_clock or any(
            pattern.search(unit.name)
            for pattern in (known.DATABASES, known.SUPERVISORS, known.BACKUPS, known.OTHERS)
        )
        if ours and not elsewhere and not handles_unit(spec.recipe, unit.name):
            yield unit


def _has_old_script(unit: Unit, facts: ServerFacts) -> bool:
    """Whether it comes from a script in /etc/init.d of which no package has the name."""
    name = unit.name.removesuffix(".service")
    named = any(package.startswith(name) for package in facts.packages)
    return unit.file.startswith("/run/systemd/generator.late/") and bool(facts.packages) and not named


def _place(job: Job) -> str:
    program = _program(job)
    return f"{job.source}: {job.schedule} {program}" if program else f"{job.source}: {job.schedule}"


def _told(job: Job) -> str:
    program = _program(job)
    return f"{program!r} of {job.source}" if program else job.source


def _program(job: Job) -> str:
    """The program and, of an interpreter, its script: arguments may be secret."""
    if job.source.startswith("/etc/cron.") and not job.source.startswith("/etc/cron.d/"):
        return ""
    words = [word for word in _GOES_TO.sub("", job.command).split() if "=" not in word]
    scripts = [word for word in words[1:] if "/" in word] if _INTERPRETER.search("".join(words[:1])) else []
    return " ".join(words[:1] + scripts[:1])[:_LONGEST_COMMAND]


WORK = (
    Check("cron-jobs", 6, cron_jobs, ("jobs",)),
    Check("timers", 6, timers, ("units", "places")),
    Check("workers", 6, workers, ("units", "sockets")),
    Check("supervised", 6, supervised, ("units", "settings")),
    Check("wp-cron", 6, wp_cron, ("settings",)),
    Check("backups", 32, backups, ("jobs", "units")),
    Check("certificates", 34, certificates, ("jobs", "units")),
    Check("updates", 27, updates, ("units",)),
)
