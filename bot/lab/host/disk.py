"""A host's disk: made from the site's template, copied from or to an image, made its own at first boot."""

import shutil
import subprocess
from base64 import b64decode, b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from bot.lab.host.login import Place, authorized_key
from bot.lab.site.template import lay_out_site
from bot.lab.tools import Tools

PROGRAMS: Final = Path(str(files("bot.lab.host"))) / "bin"
_STAND_INS = (
    "systemctl", "hostname", "hostnamectl", "crontab", "systemd-machine-id-setup", "enter", "ssh",
    "cloud-init",
)  # fmt: skip
_FOLDERS = (
    "etc/ssh",
    "run",
    "tmp",
    "usr/local/bin",
    "var/lib/cloud",
    "var/log",
    "var/tmp",
)
_VANISHED = 24
"""How rsync says that files vanished while it read: they were not to last."""


def lay_out(disk: Path, user: str, public_key: str) -> None:
    """Make the disk of the hand-built server."""
    for folder in _FOLDERS:
        (disk / folder).mkdir(parents=True, exist_ok=True)
    for name in _STAND_INS:
        _install(PROGRAMS / name, disk / "usr/local/bin" / name)
    shutil.copyfile(PROGRAMS / "ssh_config", disk / "etc/ssh/ssh_config")
    keys = disk / "home" / user / ".ssh"
    keys.mkdir(mode=0o700, parents=True)
    (keys / "authorized_keys").write_text(authorized_key(public_key))
    (keys / "authorized_keys").chmod(0o600)
    lay_out_site(disk, user)


def _install(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o755)


def copy_running_disk(disk: Path, image: Path, tools: Tools) -> None:
    """Copy a disk as it is, while its host may be writing; what lives in memory (`run`) stays behind."""
    part = image.with_name(image.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.parent.mkdir(parents=True, exist_ok=True)
    command = [str(tools.rsync), "-aH", "--exclude=/run/*", f"{disk}/", f"{part}/"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode not in (0, _VANISHED):
        raise OSError(f"The disk {disk} could not be copied: {done.stderr.strip()}")
    part.rename(image)


def copy_image(image: Path, disk: Path) -> None:
    """Make a new host's disk."""
    disk.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["cp", "-a", "--reflink=auto", "--", str(image), str(disk)], check=True, capture_output=True
    )


def begin_boot(place: Place) -> str:
    """Clear what lived in memory; at first boot give the host its own name and key, as cloud-init does.

    Returns what the console shows.
    """
    shutil.rmtree(place.disk / "run", ignore_errors=True)
    (place.disk / "run").mkdir()
    instance = place.disk / "var/lib/cloud/instance-id"
    if not instance.exists() or instance.read_text() != f"{place.host}\n":
        make_host_key(place)
        (place.disk / "etc/hostname").write_text(f"{place.host}\n")
        instance.write_text(f"{place.host}\n")
    return _host_key_notice(place)


def make_host_key(place: Place) -> None:
    """Replace the host's SSH identity."""
    for old in (place.disk / "etc/ssh").glob("ssh_host_*"):
        old.unlink()
    make_key(place.disk / "etc/ssh/ssh_host_ed25519_key", f"root@{place.host}")


def make_key(path: Path, comment: str) -> None:
    """Make an ed25519 key without a passphrase, as ssh-keygen does."""
    key = Ed25519PrivateKey.generate()
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    path.with_name(f"{path.name}.pub").write_text(f"{public} {comment}\n")


def _host_key_notice(place: Place) -> str:
    public = (place.disk / "etc/ssh/ssh_host_ed25519_key.pub").read_text().strip()
    _kind, key, comment = public.split(" ", 2)
    fingerprint = b64encode(sha256(b64decode(key)).digest()).decode().rstrip("=")
    return (
        f"Cloud-init finished on {place.host} ({place.address}).\n"
        "cloud-init: -----BEGIN SSH HOST KEY FINGERPRINTS-----\n"
        f"cloud-init: 256 SHA256:{fingerprint} {comment} (ED25519)\n"
        "cloud-init: -----END SSH HOST KEY FINGERPRINTS-----\n"
        "-----BEGIN SSH HOST KEY KEYS-----\n"
        f"{public}\n"
        "-----END SSH HOST KEY KEYS-----\n"
        f"\n{place.host} login: \n"
    )
