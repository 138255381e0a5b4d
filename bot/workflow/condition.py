"""Which servers can be worked on, and what AWS says is wrong with the others."""

from collections.abc import Mapping, Sequence

from bot.domain.errors import CloudError
from bot.domain.fleet import Server, State
from bot.workflow.job import Job


def master_and_able(job: Job, servers: Sequence[str]) -> tuple[Server, tuple[Server, ...], Mapping[str, str]]:
    """The master, and the same of these servers, in one look. CloudError if the master does not run."""
    found = job.known((job.spec.master, *servers))
    master = job.require_running([server for server in found if server.id == job.spec.master])
    return master, *_sort(found, servers)


def able(job: Job, servers: Sequence[str]) -> tuple[tuple[Server, ...], Mapping[str, str]]:
    """Those of these servers that run; and what is wrong with the others."""
    return _sort(job.known(servers), servers)


def explained(job: Job, failed: Mapping[str, str]) -> Mapping[str, str]:
    """Why these failed: that they are gone, where AWS says so."""
    return {**failed, **wrong_with(job, tuple(failed))}


def wrong_with(job: Job, servers: Sequence[str]) -> Mapping[str, str]:
    """What AWS says is wrong with any of these; nothing where it cannot be asked."""
    try:
        return _sort(job.members(servers), servers)[1]
    except CloudError:
        return {}


def _sort(
    described: Sequence[Server], servers: Sequence[str]
) -> tuple[tuple[Server, ...], Mapping[str, str]]:
    found = {server.id: server for server in described if server.id in servers}
    wrong = {server: "AWS does not know it any more" for server in servers if server not in found}
    wrong |= {s.id: gone(s) for s in found.values() if s.state is not State.RUNNING}
    return tuple(server for server in found.values() if server.id not in wrong), wrong


def gone(server: Server) -> str:
    """That it does not run, and why, as AWS says."""
    return f"it is {server.state}{f' ({server.why_gone})' if server.why_gone else ''}"
