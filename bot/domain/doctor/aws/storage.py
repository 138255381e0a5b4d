"""Disks, the keys they are encrypted with, images and snapshots."""

from collections.abc import Iterator

from bot.domain.doctor.aws.facts import AwsFacts, Key, Volume
from bot.domain.doctor.finding import Finding, Severity
from bot.domain.fleet import FleetSpec

_ENABLED = "Enabled"


def root_device(facts: AwsFacts, _spec: FleetSpec) -> Iterator[Finding]:
    """The root device: only of a volume can an image be made."""
    if not facts.root_on_disk:
        yield Finding(
            check="root-device",
            pitfall=22,
            severity=Severity.BLOCKS,
            what="The master's root device is an instance store, of which AWS makes no image.",
            where=facts.master,
            remedy="Move the master to a server whose root device is an EBS volume.",
        )


def instance_store(facts: AwsFacts, _spec: FleetSpec) -> Iterator[Finding]:
    """Instance store: what no image holds."""
    if facts.instance_store:
        yield Finding(
            check="instance-store",
            pitfall=22,
            severity=Severity.WARNS,
            what=f"A {facts.type} has disks of its own (instance store); what lies on them is in no image, "
            "so a clone starts without it.",
            where=facts.master,
            remedy="See with `lsblk` whether they are in use; keep there only what may be lost.",
        )


def volumes(facts: AwsFacts, _spec: FleetSpec) -> Iterator[Finding]:
    """Data volumes: each clone gets a copy, which may outlive it or may not be what others see."""
    for volume in facts.volumes:
        if volume.others:
            yield _shared(volume)
        elif not volume.root:
            yield _copied(volume)


def _shared(volume: Volume) -> Finding:
    return Finding(
        check="shared-volume",
        pitfall=22,
        severity=Severity.BLOCKS,
        what=f"The volume at {volume.device} is shared with {', '.join(volume.others)}; a clone gets a copy "
        "of its own, which the others never see, and a copy of a disk that others write may be damaged.",
        where=volume.id,
        remedy="Detach it from the master, or share these files in another way.",
    )


def _copied(volume: Volume) -> Finding:
    left = " The copy is kept and paid when its clone ends." if volume.kept else ""
    return Finding(
        check="data-volume",
        pitfall=22,
        severity=Severity.WARNS,
        what=f"Beside its root, the master has a volume of {volume.gib} GiB at {volume.device}; the image "
        f"holds it too, and every clone gets a copy.{left}",
        where=volume.id,
        remedy="If clones need it not, detach it while the image is made"
        + ("; else set its DeleteOnTermination." if volume.kept else "."),
    )


def keys(facts: AwsFacts, _spec: FleetSpec) -> Iterator[Finding]:
    """Keys of encrypted volumes: who may not use one starts no clone."""
    for key in facts.keys:
        if key.state != _ENABLED:
            yield _unusable(key)
        elif key.own:
            yield _to_be_granted(key)


def _unusable(key: Key) -> Finding:
    return Finding(
        check="encryption-key",
        pitfall=38,
        severity=Severity.BLOCKS,
        what=f"A volume of the master is encrypted with a key that is {key.state}, so that no clone can "
        "start.",
        where=key.id,
        remedy="Enable the key, or copy the volume to another one.",
    )


def _to_be_granted(key: Key) -> Finding:
    return Finding(
        check="encryption-key",
        pitfall=38,
        severity=Severity.WARNS,
        what="A volume of the master is encrypted with a key of the account; clones end at once if the bot "
        "may not use it.",
        where=key.id,
        remedy="Allow the bot's role kms:CreateGrant, kms:Decrypt, kms:DescribeKey, "
        "kms:GenerateDataKeyWithoutPlaintext and kms:ReEncrypt* on this key.",
    )


def images(facts: AwsFacts, spec: FleetSpec) -> Iterator[Finding]:
    """An image that was deleted while clones live that were made from it."""
    for clone, image in facts.imageless.items():
        yield Finding(
            check="deleted-image",
            pitfall=36,
            severity=Severity.WARNS,
            what=f"The clone's image {image} was deregistered or disabled, so that nobody can start its "
            "equal.",
            where=clone,
            remedy=f"Bake a new one (`/clone bake {spec.name}`), then replace the clone.",
        )


def forgotten_snapshots(facts: AwsFacts, spec: FleetSpec) -> Iterator[Finding]:
    """Snapshots that were left of images that are gone."""
    return (_forgotten("snapshot", each, spec) for each in facts.forgotten_snapshots)


def forgotten_volumes(facts: AwsFacts, spec: FleetSpec) -> Iterator[Finding]:
    """Volumes that were left of clones that are gone."""
    return (_forgotten("volume", each, spec) for each in facts.forgotten_volumes)


def _forgotten(kind: str, which: str, spec: FleetSpec) -> Finding:
    return Finding(
        check=f"forgotten-{kind}",
        pitfall=47,
        severity=Severity.WARNS,
        what=f"A {kind} of {spec.name} belongs to no image or server any more, and costs.",
        where=which,
        remedy="Delete it, unless somebody keeps it on purpose.",
    )
