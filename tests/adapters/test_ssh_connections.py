"""Connections and commands over real SSH: pinned, bounded in time and output, warm."""

import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.errors import HostKeyMismatch, RemoteFailed, ServerUnreachable
from bot.domain.fleet import Recipe
from bot.lab.hosts import Hosts
from bot.ssh.connections import Connections
from bot.ssh.servers import SshServers
from bot.ssh.shell import Script, Shell
from tests.adapters.conftest import NETWORK
from tests.adapters.servers_worlds import RealServers

PATIENCE = 1.0
SESSIONS_ALLOWED = 10
"""On one connection, by an sshd that nobody told another number (MaxSessions)."""


class Bench(RealServers):
    """Real servers, and what runs scripts on them, with little patience."""

    def _boot(self) -> None:
        self.hosts.create(self.master.id, self.master.address)
        self.hosts.boot(self.master.id)
        self.keys[self.master.id] = self.shown_keys(self.master)
        self.connections = Connections(lambda _spec, server: self.keys[server.id], patience=PATIENCE)
        self.shell = Shell(self.connections)

    def run(self, functions: str, *call: str, seconds: int = 10, **values: str) -> bytes:
        script = Script(what="a test", functions=functions, calls=[call], values=values, seconds=seconds)
        return self.shell.run(self.spec, self.master, script)


@pytest.fixture
def bench(hosts: Hosts) -> Iterator[Bench]:
    made = Bench(hosts, NETWORK)
    yield made
    made.servers.close()
    made.connections.close()


def seconds_of(do: Callable[[], object]) -> float:
    began = time.monotonic()
    do()
    return time.monotonic() - began


def test_a_server_whose_host_key_nobody_has_seen_is_not_trusted(bench: Bench) -> None:
    bench.keys[bench.master.id] = ()
    with pytest.raises(ServerUnreachable, match="no host key seen yet"):
        bench.run("", "true")


def test_a_server_without_an_address_is_not_there_yet(bench: Bench) -> None:
    with pytest.raises(ServerUnreachable, match="has no address yet"):
        bench.servers.reach(bench.spec, replace(bench.master, address=""))


def test_on_a_server_with_a_changed_host_key_nothing_runs(bench: Bench, tmp_path: Path) -> None:
    key = (
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0tK3uXCZqZxXd3qiOWr7LWw9pArinEt2/fywr9nkU6"  # another server's
    )
    bench.keys[bench.master.id] = (key,)
    with pytest.raises(HostKeyMismatch, match="nothing was run"):
        bench.run("", "touch", str(tmp_path / "ran"))
    assert not (tmp_path / "ran").exists()


def test_one_known_key_among_others_is_enough(bench: Bench) -> None:
    rsa = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7"
    bench.keys[bench.master.id] = ("no key", rsa, *bench.keys[bench.master.id])
    assert bench.run("", "echo", "hello") == b"hello\n"


def test_a_key_that_does_not_exist_is_named(bench: Bench) -> None:
    spec = replace(bench.spec, ssh=replace(bench.spec.ssh, key_file="/nowhere/key"))
    with pytest.raises(ServerUnreachable, match=r"The SSH key /nowhere/key cannot be used"):
        bench.servers.reach(spec, bench.master)


def test_a_file_that_is_no_key_is_named(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key")
    spec = replace(bench.spec, ssh=replace(bench.spec.ssh, key_file=str(tmp_path / "key")))
    with pytest.raises(ServerUnreachable, match=str(tmp_path / "key")):
        bench.servers.reach(spec, bench.master)


def test_a_server_that_does_not_know_the_key_says_so(bench: Bench) -> None:
    keys = bench.path(bench.master, f"home/{bench.hosts.user}/.ssh/authorized_keys")
    keys.write_text("")
    with pytest.raises(ServerUnreachable, match="does not let"):
        bench.servers.reach(bench.spec, bench.master)


def test_the_bots_own_ssh_configuration_and_agent_do_not_matter(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text(
        "Host *\n  HostName 127.0.0.9\n  User nobody\n  ProxyCommand false\n"
    )
    asked: list[object] = []
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent"))
        agent.listen()
        agent.setblocking(False)  # noqa: FBT003 (the library's own signature)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
        bench.servers.reach(
            replace(bench.spec, ssh=replace(bench.spec.ssh, key_file=str(bench.hosts.key_file))), bench.master
        )
        with pytest.raises(BlockingIOError):
            asked.append(agent.accept())
    assert not asked


def test_a_port_where_nothing_listens_is_told(bench: Bench) -> None:
    spec = replace(bench.spec, ssh=replace(bench.spec.ssh, port=9))
    with pytest.raises(ServerUnreachable, match="cannot be reached over SSH"):
        bench.servers.reach(spec, bench.master)


def test_something_that_is_no_ssh_is_told_in_time(bench: Bench) -> None:
    with socket.create_server((f"{NETWORK}.9", 0)) as silent:
        spec = replace(bench.spec, ssh=replace(bench.spec.ssh, port=silent.getsockname()[1]))
        there = replace(bench.master, address=f"{NETWORK}.9")
        script = Script(what="a test", functions="", calls=[("true",)])
        began = time.monotonic()
        with pytest.raises(ServerUnreachable):
            bench.shell.run(spec, there, script)
        assert time.monotonic() - began < 3 * PATIENCE


def test_a_server_that_hangs_is_given_up_in_time(bench: Bench) -> None:
    bench.run("", "true")
    bench.hosts.freeze(bench.master.id)
    try:
        began = time.monotonic()
        with pytest.raises(ServerUnreachable):
            bench.run("", "true")
        assert time.monotonic() - began < 4 * PATIENCE
    finally:
        bench.hosts.thaw(bench.master.id)
    assert bench.run("", "echo", "back") == b"back\n"


def test_a_server_that_hangs_in_the_middle_is_given_up_in_time(bench: Bench) -> None:
    bench.run("", "true")
    threading.Timer(0.5, bench.hosts.freeze, [bench.master.id]).start()
    began = time.monotonic()
    try:
        with pytest.raises(ServerUnreachable, match="did not finish within 6 s"):
            bench.run("", "sleep", "60", seconds=1)
        assert time.monotonic() - began < 7
    finally:
        bench.hosts.thaw(bench.master.id)


def test_a_command_that_takes_too_long_is_ended_on_the_server_too(bench: Bench) -> None:
    began = time.monotonic()
    with pytest.raises(RemoteFailed, match="took longer than 1 s"):
        bench.run('nap() { echo $$ >"$R/nap"; sleep 60; }', "nap", seconds=1)
    assert time.monotonic() - began < 3
    assert not is_alive(int(bench.path(bench.master, "nap").read_text()))


def test_what_is_worth_something_in_part_is_kept_when_the_time_is_up(bench: Bench) -> None:
    nap = "nap() { echo first; sleep 60; echo second; }"
    script = Script(what="a test", functions=nap, calls=[("nap",)], seconds=1, whole=False)
    assert bench.shell.run(bench.spec, bench.master, script) == b"first\n"


def is_alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_after_a_reboot_the_connection_is_opened_again(bench: Bench) -> None:
    bench.run("", "true")
    bench.hosts.shut_down(bench.master.id)
    bench.hosts.boot(bench.master.id)
    assert bench.run("", "echo", "back") == b"back\n"


def test_a_warm_connection_is_used_again(bench: Bench) -> None:
    say = 'say() { printf "%s" "$SSH_CONNECTION"; }'
    assert bench.run(say, "say") == bench.run(say, "say")


def test_many_threads_share_one_connection(bench: Bench) -> None:
    # A session that takes longer to open than this ends the connection for all.
    patient = Connections(lambda _spec, server: bench.keys[server.id], patience=30)
    shell = Shell(patient)

    def ask(number: int) -> bytes:
        script = Script(what="a test", functions="", calls=[("echo", str(number))])
        return shell.run(bench.spec, bench.master, script)

    with patient.line(bench.spec, bench.master) as line:
        transport = line.transport()
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(ask, range(64)))
        assert answers == [f"{n}\n".encode() for n in range(64)]
        assert line.transport() is transport
    patient.close()


def test_who_is_refused_together_with_others_waits_and_closes_nothing(bench: Bench) -> None:
    with bench.connections.line(bench.spec, bench.master) as line:
        transport = line.transport()
        held = [transport.open_session() for _ in range(SESSIONS_ALLOWED)]
        with ThreadPoolExecutor(8) as pool:
            answers = [pool.submit(bench.run, "", "echo", "x") for _ in range(8)]
            time.sleep(0.3)
            still_open = [channel for channel in held if not channel.closed]
            for channel in held:
                channel.close()
            assert [answer.result() for answer in answers] == [b"x\n"] * 8
        assert len(still_open) == SESSIONS_ALLOWED
        assert line.transport() is transport


def test_only_as_many_idle_connections_are_kept_as_wanted(bench: Bench) -> None:
    few = Connections(lambda _spec, server: bench.keys[server.id], patience=PATIENCE, keep=1)
    script = Script(what="a test", functions="", calls=[("true",)])
    for name in [replace(bench.master, id=f"i-{n}") for n in range(3)]:
        bench.keys[name.id] = bench.keys[bench.master.id]
        Shell(few).run(bench.spec, name, script)
    assert len(few) == 1
    few.close()
    assert len(few) == 0


def test_an_endless_answer_is_refused(bench: Bench) -> None:
    with pytest.raises(RemoteFailed, match="i-master answers without end"):
        bench.run("", "yes", seconds=30)


def test_a_noisy_command_does_not_get_stuck(bench: Bench) -> None:
    noise = "noise() { head -c 8000000 /dev/zero | tr '\\0' x >&2; echo done; }"
    assert bench.run(noise, "noise") == b"done\n"


def test_a_service_that_keeps_the_output_open_does_not_hold_up_the_bot(bench: Bench) -> None:
    start = "start() { sleep 30 & echo $! ; }"
    began = time.monotonic()
    process = int(bench.run(start, "start"))
    assert time.monotonic() - began < 5
    os.kill(process, 9)


def test_a_failing_command_tells_in_one_line_what_it_said(bench: Bench) -> None:
    with pytest.raises(RemoteFailed, match=r"^i-master: a test failed: first second$"):
        bench.run("moan() { printf 'first\\n\\nsecond\\n' >&2; return 3; }", "moan")


def test_what_a_login_prints_is_not_taken_for_an_answer(bench: Bench) -> None:
    enter = bench.path(bench.master, "usr/local/bin/enter")
    enter.write_text(enter.read_text().replace("exec /bin/sh -c", "echo Welcome to web; exec /bin/sh -c"))
    assert bench.run("", "echo", "hello") == b"hello\n"


def test_a_login_without_a_shell_is_told(bench: Bench) -> None:
    enter = bench.path(bench.master, "usr/local/bin/enter")
    enter.write_text("#!/bin/sh\necho This account is closed. >&2\nexit 1\n")
    with pytest.raises(RemoteFailed, match=r"no shell \(This account is closed\.\)"):
        bench.run("", "true")


def test_sudo_without_a_password_is_used_where_the_fleet_says_so(bench: Bench) -> None:
    sudo = bench.path(bench.master, "usr/local/bin/sudo")
    sudo.write_text('#!/bin/sh\n[ "$1" = -n ] || exit 9\nshift\nAS_ROOT=yes exec "$@"\n')
    sudo.chmod(0o755)
    spec = replace(bench.spec, ssh=replace(bench.spec.ssh, sudo=True))
    for needs_root, said in ((True, b"yes\n"), (False, b"no\n")):
        script = Script(
            what="a test", functions='who() { echo "${AS_ROOT:-no}"; }', calls=[("who",)], root=needs_root
        )
        assert bench.shell.run(spec, bench.master, script) == said


def test_a_refused_sudo_is_told(bench: Bench) -> None:
    sudo = bench.path(bench.master, "usr/local/bin/sudo")
    sudo.write_text("#!/bin/sh\necho sudo: a password is required >&2\nexit 1\n")
    sudo.chmod(stat.S_IRWXU)
    spec = replace(bench.spec, ssh=replace(bench.spec.ssh, sudo=True))
    with pytest.raises(RemoteFailed, match="a password is required"):
        bench.servers.prepare(spec, bench.master, Recipe(services=("site",)))


def test_a_service_whose_name_is_none_is_refused(bench: Bench) -> None:
    for name in ("-x", "a b", "$(touch x)", "a;b", ""):
        with pytest.raises(RemoteFailed, match="service"):
            bench.servers.prepare(bench.spec, bench.master, Recipe(services=(name,)))


def test_a_health_page_that_nobody_serves_has_no_status(bench: Bench) -> None:
    nobody = replace(bench.spec, health=replace(bench.spec.health, port=9))
    assert bench.servers.facts(nobody, bench.master, Recipe()).health == 0


@pytest.mark.parametrize(
    ("answer", "status"),
    [(b"HTTP/1.1 503 No\r\n\r\n", 503), (b"", 0), (b"SSH-2.0-x\n", 0), (b"HTTP/1.1 abc x\n", 0)],
)
def test_the_health_page_has_the_status_that_it_answers(bench: Bench, answer: bytes, status: int) -> None:
    with socket.create_server((bench.master.address, 0)) as page:

        def serve() -> None:
            with page.accept()[0] as visitor:
                visitor.recv(4096)
                visitor.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        spec = replace(bench.spec, health=replace(bench.spec.health, port=page.getsockname()[1]))
        assert bench.servers.facts(spec, bench.master, Recipe()).health == status


def test_a_health_page_that_never_answers_is_given_up(bench: Bench) -> None:
    with socket.create_server((bench.master.address, 0)) as silent:
        spec = replace(bench.spec, health=replace(bench.spec.health, port=silent.getsockname()[1]))
        assert seconds_of(lambda: bench.servers.facts(spec, bench.master, Recipe())) < 9


def test_closing_twice_is_safe(bench: Bench) -> None:
    servers = SshServers(lambda _spec, server: bench.keys[server.id])
    servers.reach(bench.spec, bench.master)
    servers.close()
    servers.close()
