"""What clones of real Debian servers do not do, and how soon they serve; with both stacks in turn."""

import shlex
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from statistics import median

from bot.aws.console import read_host_keys
from bot.domain.operation import Stage
from bot.lab.aws.hosts import NO_DELAYS
from bot.lab.lab import Lab
from tests.benchmarks.crowd import Crowd
from tests.benchmarks.memory import in_memory
from tests.benchmarks.table import Row
from tests.e2e.base import NoDebian
from tests.e2e.club import Club
from tests.e2e.debian import PREFIX, debian
from tests.e2e.newcomer import draw_up
from tests.e2e.stacks import APACHE, NGINX, Stack
from tests.scenarios.visitor import get

_REQUESTS = 10_000
_PER_SECOND, _LEAST = 75.0, 50
_QUIET_SECONDS = 10.0
_CLONES = 4
_BILLS = 5
_SERVERS = 8
_ROUNDS = 5
_LAUNCH_TIMES, _PROOF_SECONDS = 1.3, 2.0
_FILES = 2_000
_IDENTITIES = {
    "hostnames": "hostname",
    "machine-ids": "cat /etc/machine-id",
    "SSH host keys": "cat /etc/ssh/ssh_host_*_key.pub | cut -d ' ' -f 2 | sort | tr '\\n' ' '",
}
_SINCE_BOOT = "-newer /run/systemd/private"


def measure(_: Path) -> list[Row]:
    """Measure both stacks; nothing where Debian servers cannot run."""
    try:
        return [row for stack in (APACHE, NGINX) for row in _measure(replace(stack, habits=True))]
    except NoDebian as missing:
        print(missing)
        return []


def _measure(stack: Stack) -> Iterator[Row]:
    with _club(stack) as club:
        _done(club, f"adopt {club.master} as web")
        yield _requests(club)
        yield _launch(club)
        yield from _habits(club)
        yield _proof(club)
        yield _identities(club)


@contextmanager
def _club(stack: Stack) -> Iterator[Club]:
    """A server that stands alone, with some thousand pages; the bot has the fleet file suggested for it."""
    with in_memory() as runs, debian(stack, runs) as place:
        premises = place.alone(lambda: draw_up(made, place))
        made = Lab(place.folder / "lab", premises=premises, delays=NO_DELAYS, rate_limits=False)
        with made as lab:
            club = Club(lab, place)
            for number in range(_FILES):
                page = (
                    place.hosts.disk(club.master) / f"{stack.content[1:]}/pages/{number // 50}/{number}.html"
                )
                page.parent.mkdir(parents=True, exist_ok=True)
                page.write_text(f"<p>page {number} of the club</p>\n" * 20)
            yield club


def _done(club: Club, text: str) -> str:
    """Ask for it, and approve it where that is needed; the operation's id."""
    operation = club.visitor.open(text)
    if club.visitor.operation(operation).stage is Stage.AWAITING_APPROVAL:
        club.visitor.press(operation)
    ended = club.visitor.end_of(operation, 300)
    assert ended.stage is Stage.DONE, ended.result
    return operation


def _requests(club: Club) -> Row:
    """Bake, and scale 1 → 5 → 1, again and again, until so many requests were sent meanwhile."""
    page, text = f"/guestbook{club.stack.suffix}", b"name=Eve&text=crowd"
    quiet = Crowd(club.url, _PER_SECOND, lambda: True, page=page, text=text)
    time.sleep(_QUIET_SECONDS)
    quiet.leave()
    _done(club, "scale web 1")
    crowd = Crowd(club.url, _PER_SECOND, lambda: True, page=page, text=text)
    began, rounds = time.monotonic(), 0
    try:
        while crowd.counted.total() < _REQUESTS:
            for command in ("bake web", "scale web 5", "scale web 1"):
                _done(club, command)
            rounds += 1
    finally:
        crowd.leave()
    seconds, sent = time.monotonic() - began, crowd.counted.total()
    for failure in crowd.failures[:5]:
        print(failure)
    return Row(
        what=f"{club.stack.name}: requests failed while bake and scale 1 → 5 → 1 run, GET and POST",
        ours=f"{len(crowd.failures)} of {sent:,} in {rounds} rounds",
        against=f"{len(quiet.failures)} of {quiet.counted.total():,} (nothing runs)",
        result=f"{sent / seconds:.0f} a second",
        reach=f"0 of ≥ {_REQUESTS:,}, ≥ {_LEAST} a second",
        reached=not crowd.failures and sent >= _REQUESTS and sent / seconds >= _LEAST,
    )


def _launch(club: Club) -> Row:
    """To one more clone, after a page was edited; beside it the image's own boot and a first rsync."""
    _done(club, "scale web 0")
    times = [(_launched(club, number), _own_boot(club, number)) for number in range(_ROUNDS)]
    ours, own = map(median, zip(*times, strict=True))
    return Row(
        what=f"{club.stack.name}: launch to in service",
        ours=f"{ours:.1f} s (median of {_ROUNDS})",
        against=f"{own:.1f} s (the same image's own boot, then a first rsync)",
        result=f"{ours / own:.2f} ×",
        reach=f"≤ {_LAUNCH_TIMES} ×",
        reached=ours / own <= _LAUNCH_TIMES,
    )


def _launched(club: Club, number: int) -> float:
    """Seconds from the launch of a clone until the load balancer finds it healthy."""
    club.says(club.master, f"echo {number} >{club.stack.content}/pages/news.html")
    operation = _done(club, "scale web 1")
    ends = "(kind = 'intent' AND text LIKE 'launch%' OR kind = 'outcome' AND text LIKE 'done: put %')"
    seconds = _between(club, operation, ends)
    _done(club, "scale web 0")
    return seconds


def _between(club: Club, operation: str, ends: str) -> float:
    """Seconds from the first to the last of these rows of an operation."""
    sql = "SELECT (max(julianday(at)) - min(julianday(at))) * 86400 FROM audit WHERE operation = ? AND "
    ((seconds,),) = club.visitor.audit(sql + ends, operation)
    return float(seconds)


def _own_boot(club: Club, number: int) -> float:
    """Seconds that a server from the same image takes by itself until it has booted and then copied.

    It has booted when its page answers and its host keys are on its console: nobody can log in before.
    """
    hosts, host, address = club.hosts, f"i-alone{number}", f"{PREFIX}.9.{number + 1}"
    image = _image(club)
    began = time.monotonic()
    hosts.clone_disk(host, address, image)
    hosts.boot(host)
    try:
        page = f"http://{address}{club.stack.health_path}"
        while not (_is_well(page) and read_host_keys(hosts.console_output(host))):
            time.sleep(0.05)
        booted = time.monotonic() - began
        club.says(club.master, f"echo more >>{club.stack.content}/pages/news.html")
        key = hosts.disk(host) / "root/key"
        key.write_bytes(hosts.key_file.read_bytes())
        key.chmod(0o600)
        content = f"{club.stack.content}/"
        login = (
            "ssh -i /root/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        )
        source = f"admin@{club.address(club.master)}:{content}"
        words = ("rsync", "-a", "--delete", "-e", login, "--rsync-path", "sudo rsync", source, content)
        began = time.monotonic()
        hosts.shell(host, shlex.join(words))
        return booted + time.monotonic() - began
    finally:
        hosts.destroy(host)


def _image(club: Club) -> str:
    """The newest image of the fleet that AWS has."""
    mine = [{"Name": "tag:clonebot:fleet", "Values": ["web"]}]
    images = club.lab.client("ec2").describe_images(Owners=["self"], Filters=mine)["Images"]
    return str(max(images, key=lambda image: image["CreationDate"])["ImageId"])


def _is_well(url: str) -> bool:
    with suppress(OSError):
        return get(url)[0] == 200  # HTTP's own
    return False


def _habits(club: Club) -> Iterator[Row]:
    """What a master and four clones do while the master bills five times."""
    _done(club, f"scale web {_CLONES}")
    before = len(club.bills())
    master = club.says(club.master, "hostname")
    club.visitor.until(lambda: club.bills()[before:].count(master) >= _BILLS, "it does not bill", 400)
    sent = Counter(club.bills()[before:])
    yield Row(
        what=f"{club.stack.name}: bills sent by a master and {_CLONES} clones over {_BILLS} runs of its job",
        ours=str(sent.total()),
        against=f"{_BILLS * (1 + _CLONES)} (were they all as the image is)",
        result=f"{sent[master]} by the master",
        reach=str(_BILLS),
        reached=sent.total() == sent[master] == _BILLS,
    )
    written = sum(_written(club, clone) for clone in club.clones)
    mails = sum(bool(club.says(clone, f"find /var/lib/habits/mail {_SINCE_BOOT}")) for clone in club.clones)
    agents = [club.says(server, "cat /var/ossec/etc/client.keys") for server in club.all]
    twice = len(agents) - len(set(agents))
    yield Row(
        what=f"{club.stack.name}: bytes written by clones' databases; mails sent, agents registered twice",
        ours=f"{written}; {mails}; {twice}",
        against=f"{_written(club, club.master):,} bytes (the master's)",
        result=f"{len(club.clones)} clones",
        reach="0; 0; 0",
        reached=(written, mails, twice) == (0, 0, 0),
    )


def _written(club: Club, server: str) -> int:
    """Bytes of the database's files that were written since this server booted."""
    sizes = club.says(server, f"find {club.stack.data} -type f {_SINCE_BOOT} -printf '%s\\n'").split()
    return sum(map(int, sizes))


def _proof(club: Club) -> Row:
    """On demand, of one clone that serves, from the start of the operation to its end."""
    clone, seconds = club.clones[0], []
    logins = "journalctl --quiet --unit 'ssh*' --grep 'Accepted publickey' | wc -l"
    before = int(club.says(clone, logins))
    for _ in range(_ROUNDS):
        operation = _done(club, f"prove {clone}")
        seconds.append(_between(club, operation, "kind IN ('started', 'finished')"))
    more = int(club.says(clone, logins)) - before
    return Row(
        what=f"{club.stack.name}: `prove` of one clone, the whole operation",
        ours=f"{max(seconds):.2f} s (slowest of {_ROUNDS})",
        against=f"{min(seconds):.2f} s (quickest)",
        result=f"{more} new connections in {_ROUNDS} proofs",
        reach=f"≤ {_PROOF_SECONDS:.0f} s, ≤ 1 connection",
        reached=max(seconds) <= _PROOF_SECONDS and more <= 1,
    )


def _identities(club: Club) -> Row:
    _done(club, f"scale web {_SERVERS - 1}")
    counts = {name: len({club.says(server, ask) for server in club.all}) for name, ask in _IDENTITIES.items()}
    return Row(
        what=f"{club.stack.name}: {', '.join(counts)} among {_SERVERS} servers",
        ours=", ".join(map(str, counts.values())),
        against=f"{len(club.all)} servers",
        result="all distinct" if set(counts.values()) == {_SERVERS} else "**not distinct**",
        reach=f"{_SERVERS} of each",
        reached=set(counts.values()) == {_SERVERS},
    )
