"""What the doctor's look at a master costs that has 50,000 files, against one plain find over them."""

import resource
import subprocess
import time
import tracemalloc
from pathlib import Path

from bot.domain.doctor.server import examine_server
from bot.lab.hosts import Hosts
from bot.lab.tools import find_tools
from bot.ssh.doctor.script import inspecting
from bot.ssh.shell import source
from tests.adapters.servers_worlds import PAGES, RealServers
from tests.benchmarks.table import Row

FILES = 50_000
_NETWORK = "127.201.7"
_SECONDS, _CPU_SECONDS, _MEGABYTES = 5.0, 2.0, 50.0
_TYPES = ("php", "jpg", "html", "js", "css", "config.php")


def measure(folder: Path) -> list[Row]:
    """Look once over SSH for the time and memory, and once without for the server's CPU time."""
    hosts = Hosts(folder / "looking", find_tools(folder / "tools"))
    try:
        real = RealServers(hosts, _NETWORK)
        try:
            return _looked(real)
        finally:
            real.servers.close()
    finally:
        hosts.close()


def _looked(real: RealServers) -> list[Row]:
    write_pages(real.path(real.master, PAGES))
    real.servers.reach(real.spec, real.master)
    tracemalloc.start()
    began = time.perf_counter()
    examine_server(real.servers.inspect(real.spec, real.master), real.spec)
    seconds = time.perf_counter() - began
    megabytes = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    script = source(inspecting(real.spec, root=False), root=str(real.path(real.master, "/")), mark="m")
    cpu, least = _cpu(["sh", "-s"], script), _cpu(["find", str(real.path(real.master, PAGES)), "-size", "0"])
    reached = seconds <= _SECONDS and cpu <= _CPU_SECONDS and megabytes <= _MEGABYTES
    return [
        Row(
            what=f"doctor looks at a master with {FILES:,} files",
            ours=f"{seconds:.1f} s, {cpu:.1f} CPU-seconds there, {megabytes:.0f} MB more here",
            against=f"{least:.2f} CPU-seconds (find -size 0)",
            result="once",
            reach=f"≤ {_SECONDS:.0f} s, ≤ {_CPU_SECONDS:.0f} CPU-seconds, ≤ {_MEGABYTES:.0f} MB",
            reached=reached,
        )
    ]


def write_pages(folder: Path) -> None:
    """Fill a folder as a site does that has grown for years: a thousand folders of fifty files."""
    for number in range(FILES):
        page = folder / f"{number // 2500}/{number // 50}/{number}.{_TYPES[number % len(_TYPES)]}"
        if number % 50 == 0:
            page.parent.mkdir(parents=True)
        page.write_text("<?php echo 'a page of the club';\n" * 20)


def _cpu(command: list[str], typed: str = "") -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, input=typed.encode(), stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
