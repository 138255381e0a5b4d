"""Disks: what an image takes along, what a clone mounts, swap, and a database that writes meanwhile."""

import re
from collections.abc import Iterator

from bot.domain.doctor.facts import Mount, ServerFacts
from bot.domain.doctor.server.check import BLOCKS, WARNS, Check, Sign
from bot.domain.doctor.server.databases import running_databases
from bot.domain.doctor.server.recipe import may_differ
from bot.domain.fleet import FleetSpec

_DISKS = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "jfs", "reiserfs"})
_BY_NAME = re.compile(r"/dev/(sd|xvd|vd|hd|nvme)\w+")
_MADE_ANEW = re.compile(r"/(run|dev|proc|sys|tmp|var/tmp|var/lock|var/run|snap)(/|$)")
_OF_SYSTEM = re.compile(r"/|/boot(/.*)?|/efi|/run/.*|/snap/.*|/usr|/var/lib/(docker|containerd)/.*|none|swap")


def volumes(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Mounts that a clone would lack, or mount from the wrong disk."""
    for mount in facts.fstab:
        if may_differ(spec.recipe, mount.where) and mount.where != "/":
            continue
        if _BY_NAME.fullmatch(mount.device) and not _OF_SYSTEM.fullmatch(mount.where):
            what = (
                f"{mount.file} mounts {mount.where} from {mount.device}; on a clone that may be another disk."
            )
            yield Sign(BLOCKS, mount.where, what, "Mount it by UUID: `blkid` shows it.")
        elif "cloudconfig" in mount.options and mount.where not in {"none", "swap"}:
            what = f"{mount.where} is on instance store; an image holds nothing of it."
            yield Sign(WARNS, mount.where, what, "Keep there only what may be lost.")
    yield from _data(facts, spec)


def _data(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    planned = {mount.where for mount in facts.fstab}
    for mount in _disks(facts):
        if may_differ(spec.recipe, mount.where):
            continue
        if mount.where not in planned:
            what = f"{mount.where} was mounted by hand from {mount.device}; a clone would have it empty."
            yield Sign(BLOCKS, mount.where, what, "Put it into /etc/fstab by UUID, or unmount it.")
        else:
            what = f"{mount.where} is a disk of its own; every clone gets and pays a copy of it."
            yield Sign(WARNS, mount.where, what, "If clones do not need it, keep it out of the image.")


def _disks(facts: ServerFacts) -> Iterator[Mount]:
    for mount in facts.mounts:
        bound = "/dev/loop" in mount.device
        if mount.kind in _DISKS and not _OF_SYSTEM.fullmatch(mount.where) and not bound:
            yield mount


def network_mounts(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Mounts from other machines: clones write to the same place."""
    for mount in facts.mounts:
        shared = mount.kind.startswith(("nfs", "cifs", "smb", "fuse.sshfs", "fuse.s3fs", "ceph", "glusterfs"))
        if shared and mount.where != "/" and not may_differ(spec.recipe, mount.where):
            what = f"{mount.where} comes from {mount.device}; every clone would write there too."
            yield Sign(WARNS, mount.where, what, "If every server may, name it in recipe.everywhere.")


def swap(facts: ServerFacts, _spec: FleetSpec) -> Iterator[Sign]:
    """Swap: an image would hold what was in the master's memory."""
    planned = (mount.device for mount in facts.fstab if mount.kind == "swap")
    for place in dict.fromkeys((*facts.swaps, *planned)):
        if not place.startswith("/dev/zram"):
            what = f"{place} is swap; an image holds what was in the master's memory, passwords included."
            yield Sign(
                WARNS, place, what, "Run `swapoff -a && swapon -a` before the image is made, or encrypt it."
            )


def memory(facts: ServerFacts, spec: FleetSpec) -> Iterator[Sign]:
    """Folders that are memory: an image holds nothing of them."""
    for mount in facts.mounts:
        made_anew = _MADE_ANEW.match(mount.where) or may_differ(spec.recipe, mount.where)
        if mount.kind in {"tmpfs", "ramfs"} and not made_anew:
            what = f"{mount.where} is memory; on a clone it begins empty."
            remedy = "If the application fills it by itself, name it in recipe.everywhere."
            yield Sign(WARNS, mount.where, what, remedy)


def quiet(facts: ServerFacts, _spec: FleetSpec) -> Iterator[Sign]:
    """Databases that write while the image is made without a reboot."""
    for unit in running_databases(facts):
        what = f"{unit.name} writes while the image is made, which gives no guarantee for its files."
        remedy = (
            "Harmless where clones never start it; else name commands in `quiesce`, and `bake --quiesce`."
        )
        yield Sign(WARNS, unit.name, what, remedy)


VOLUMES = (
    Check("volumes", 22, volumes, ("mounts", "fstab")),
    Check("network-mounts", 22, network_mounts, ("mounts",)),
    Check("swap", 28, swap, ("swaps", "fstab")),
    Check("memory", 28, memory, ("mounts",)),
    Check("quiet", 23, quiet, ("units",)),
)
