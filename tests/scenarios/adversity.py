"""What goes wrong in trials of the campaign, by name: with AWS, or with one new clone."""

import random
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from bot.lab.aws.faults import Fate, Fault, Faults, Kind
from bot.lab.host.disk import make_key
from bot.lab.lab import Lab

MUTATING = ("RunInstances", "RegisterTargets", "CreateTags", "DeregisterTargets", "TerminateInstances")
ANY_CALL = (*MUTATING, "CreateImage", "CreateRule", "DescribeInstances", "DescribeTargetHealth")
Trouble = Callable[[Faults, random.Random, tuple[str, ...]], None]
Sabotage = Callable[[Lab, str], None]


def _some_calls(kind: Kind) -> Trouble:
    def strike(faults: Faults, dice: random.Random, _: tuple[str, ...]) -> None:
        for action in dice.sample(ANY_CALL, 3):
            faults.add(Fault(action=action, kind=kind, times=dice.choice((1, 1, 2))))

    return strike


def _many_calls(kind: Kind, times: int, code: str = "", status: int = 400) -> Trouble:
    def strike(faults: Faults, _: random.Random, __: tuple[str, ...]) -> None:
        faults.add(Fault(action="*", kind=kind, times=times, share=0.3, code=code, status=status))

    return strike


def _doom(fate: Fate) -> Trouble:
    return lambda faults, _, __: faults.doom(fate)


AWS_TROUBLES: Mapping[str, Trouble] = {
    "30 % throttled": _many_calls(Kind.ERROR, 6, "RequestLimitExceeded", 503),
    "500s": _many_calls(Kind.ERROR, 3, "InternalError", 500),
    "503s": _many_calls(Kind.UNAVAILABLE, 3, status=503),
    "connections reset": _many_calls(Kind.RESET, 3),
    "answers lost": _some_calls(Kind.LOST),
    "answers truncated": _some_calls(Kind.TRUNCATED),
    "no capacity in a subnet": lambda f, _, subnets: f.no_capacity(subnets[0]),
    "one server left in a subnet": lambda f, dice, subnets: f.no_capacity(dice.choice(subnets), free=1),
    "no capacity anywhere": lambda f, _, __: f.no_capacity(),
    "one server left anywhere": lambda f, _, __: f.no_capacity(free=1),
    "a quota": lambda f, dice, _: f.quota(dice.choice((0, 1))),
    "new servers not found for a while": lambda f, _, __: f.not_found_for(1.5),
    "targets not known yet": lambda f, _, __: f.error("RegisterTargets", "InvalidTarget", times=2),
    "a server that stays pending": _doom(Fate.PENDING),
    "a server that ends at once": _doom(Fate.ENDED),
    "a server that is silent": _doom(Fate.SILENT),
}

SLOWS = "30 % throttled"
LOSES_ANSWERS = frozenset({"answers lost", "answers truncated", "connections reset"})
"""Somebody asks again for what may have been done."""

APP = "srv/site/app.py"
WELL = "HTTPStatus.OK if well"


def _change(lab: Lab, clone: str, file: str, old: str, new: str) -> None:
    path = lab.hosts.disk(clone) / file
    path.write_text(path.read_text().replace(old, new))


def _instead(lab: Lab, clone: str, program: str, script: str) -> None:
    """Put a script in the place of a program of the clone's."""
    path = lab.hosts.disk(clone) / "usr/local/bin" / program
    if path.exists():
        path.rename(path.with_name(f"{program}.real"))
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def _rsync_then(lab: Lab, clone: str, spoil: str) -> None:
    """Let copies seem to succeed, and spoil them. There is something to copy."""
    _edit(lab, clone)
    real = next(str(folder / "rsync") for folder in _programs(lab) if (folder / "rsync").exists())
    script = f'case "$*" in *--server*) exec {real} "$@" ;; esac\n{real} "$@" || exit\n'
    _instead(lab, clone, "rsync", f'{script}cd "$HOST_ROOT/var/www/html" && {spoil}\nexit 0')


def _edit(lab: Lab, clone: str) -> None:
    (lab.hosts.disk(lab.site.master) / "var/www/html/news.html").write_text(f"news for {clone}")


def _programs(lab: Lab) -> tuple[Path, ...]:
    return (*lab.tools.path, Path("/usr/bin"), Path("/usr/local/bin"))


def _copy_nothing(lab: Lab, clone: str) -> None:
    """Though there is something new on the master."""
    _edit(lab, clone)
    _instead(lab, clone, "rsync", "exit 0")


def _answer(new: str) -> Sabotage:
    return lambda lab, clone: _change(lab, clone, APP, WELL, new)


def _lie_about_half(lab: Lab, clone: str) -> None:
    _answer("HTTPStatus.OK if True")(lab, clone)
    _rsync_then(lab, clone, "rm -f front.html")


def _keep_database(lab: Lab, clone: str) -> None:
    keep = 'case "$1 $2" in "stop sitedb"|"disable sitedb"|"mask sitedb") exit 0 ;; esac'
    _instead(lab, clone, "systemctl", f'{keep}\nexec "$0.real" "$@"')


def _share_host_key(lab: Lab, clone: str) -> None:
    key = lab.hosts.disk(lab.site.master) / "etc/ssh/ssh_host_ed25519_key.pub"
    (lab.hosts.disk(clone) / "etc/ssh/ssh_host_rsa_key.pub").write_text(key.read_text())


def show_another_key(lab: Lab, clone: str) -> None:
    """Let its console show a host key that it does not have."""
    console = lab.folder / "hosts" / clone / "console.log"
    with TemporaryDirectory(dir=lab.folder) as folder:
        make_key(Path(folder) / "another", "another")
        another = (Path(folder) / "another.pub").read_text().split()[1]
    console.write_text(re.sub(r"ssh-ed25519 \S+", f"ssh-ed25519 {another}", console.read_text()))


CLONE_TROUBLES: Mapping[str, Sabotage] = {
    "its health page answers 500": _answer("HTTPStatus.INTERNAL_SERVER_ERROR if well"),
    "its health page takes 7 s": _answer("__import__('time').sleep(7) or HTTPStatus.OK if well"),
    "its health page takes 3 s": _answer("__import__('time').sleep(3) or HTTPStatus.OK if well"),
    "its health page lies, half of the content is there": _lie_about_half,
    "it asks another database": lambda lab, c: _change(lab, c, "etc/site.conf", "3307", "3999"),
    "its own database keeps running": _keep_database,
    "it has the master's host key": _share_host_key,
    "nothing is copied": _copy_nothing,
    "a file is missing after the copy": lambda lab, c: _rsync_then(lab, c, "rm -f robots.txt"),
    "a file is torn after the copy": lambda lab, c: _rsync_then(lab, c, "printf x >>front.html"),
    "a file appears after the copy": lambda lab, c: _rsync_then(lab, c, "printf x >stray.html"),
    "its sshd is gone": lambda lab, c: lab.hosts.shut_down(c),
    "it hangs": lambda lab, c: lab.hosts.freeze(c),
    "it shows another host key": show_another_key,
}
"""None of these clones may serve."""
SLUGGISH = "its health page takes 3 s"
"""It may be registered, and the load balancer does not wait that long."""
