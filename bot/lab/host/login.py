"""How one logs in to a host: its sshd's configuration, the session's environment, the lab's key."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bot.domain.errors import ConfigError
from bot.lab.tools import Tools

PORT = 2222
_ENTER = r'command="exec \"$HOST_ROOT\"/usr/local/bin/enter",no-pty'


@dataclass(frozen=True, slots=True)
class Place:
    """Where a host is: its id, its address, its disk."""

    host: str
    address: str
    disk: Path


def this_user() -> str:
    """Name the account that runs the lab: without root, sshd lets in nobody else."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise ConfigError(
            f"The lab runs under user id {os.geteuid()}, which has no account here, so sshd would "
            "not let it in: run it as a user that `id -un` can name."
        ) from None


def environment(place: Place, user: str, programs: Path, tools: Tools) -> dict[str, str]:
    """Give sessions and services of a host what they find in their environment."""
    if ":" in str(place.disk):
        raise ConfigError(f"The lab cannot work in a folder with a colon in its name: {place.disk}.")
    folders = [place.disk / "usr/local/bin", programs, *tools.path]
    path = ":".join([*map(str, folders), "/usr/bin", "/bin", "/usr/sbin", "/sbin"])
    return {
        "HOME": str(place.disk / "home" / user),
        "PATH": path,
        "LANG": "C.UTF-8",
        "HOST_ID": place.host,
        "HOST_ADDRESS": place.address,
        "HOST_ROOT": str(place.disk),
        "HOST_PATH": path,
    }


def sshd_config(place: Place, user: str, variables: Mapping[str, str], tools: Tools) -> str:
    """Write the sshd_config of one host."""
    keys = str(place.disk / "home" / user / ".ssh" / "authorized_keys").replace("%", "%%")
    lines = [
        f"ListenAddress {place.address}:{PORT}",
        f"HostKey {_quoted(str(place.disk / 'etc/ssh/ssh_host_ed25519_key'))}",
        f"AuthorizedKeysFile {_quoted(keys)}",
        "AuthenticationMethods publickey",
        "PermitRootLogin prohibit-password",
        "PasswordAuthentication no",
        "KbdInteractiveAuthentication no",
        "UsePAM no",
        # Above the folder may be any folder, /tmp included.
        "StrictModes no",
        "PidFile none",
        "PermitTTY no",
        "PermitUserRC no",
        "PrintMotd no",
        "PrintLastLog no",
        "UseDNS no",
        "X11Forwarding no",
        "AllowAgentForwarding no",
        "AllowTcpForwarding local",
        # It costs 0.1 s per login, and loopback has no eavesdroppers.
        "KexAlgorithms -sntrup761x25519-sha512*",
        "LogLevel VERBOSE",
        "SetEnv " + " ".join(_quoted(f"{name}={value}") for name, value in variables.items()),
        *tools.sshd_options,
    ]
    if tools.sftp_server:
        lines.append(f"Subsystem sftp {_quoted(str(tools.sftp_server))}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    if '"' in text or "\\" in text or "\n" in text:
        raise ConfigError(f"The lab cannot work in a folder with quotes or backslashes in its name: {text}.")
    return f'"{text}"'


def authorized_key(public_key: str) -> str:
    """Write the line that lets the lab's key in, on whichever host the line is found."""
    return f"{_ENTER} {public_key}\n"
