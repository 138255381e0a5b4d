"""What administrators do to a server, and what the doctor must say of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Seed:
    """A pitfall, as an administrator made it."""

    pitfall: int
    """Its number in the list of pitfalls."""
    where: str
    """The unit, path or user that the doctor must name."""
    typed: str
    """What was typed at root's prompt."""


@dataclass(frozen=True, slots=True)
class LookAlike:
    """Something harmless that looks like a pitfall."""

    why: str
    """Why it is harmless."""
    typed: str
    untold: str = ""
    """The place that no finding may name, not even as a warning."""


def put(path: str, text: str, *, mode: str = "") -> str:
    """Write a file with an editor."""
    ended = text.strip("\n")
    written = f"mkdir -p \"$(dirname {path})\" && cat >{path} <<'ADMIN'\n{ended}\nADMIN\n"
    return written + (f"chmod {mode} {path}\n" if mode else "")


def script(path: str, *lines: str) -> str:
    """Write a shell script that can be run."""
    return put(path, "\n".join(["#!/bin/sh", *lines]), mode="755")


def unit(name: str, command: str, *, more: str = "", folder: str = "/etc/systemd/system") -> str:
    """Write a service, start it now and at every boot."""
    text = f"[Unit]\nDescription={name}\n[Service]\nExecStart={command}\n{more}\n"
    text += "[Install]\nWantedBy=multi-user.target\n"
    return put(f"{folder}/{name}.service", text) + f"systemctl enable --quiet --now {name}\n"


def timer(name: str, command: str, *, when: str = "*-*-* 03:00:00") -> str:
    """Write a timer and the service that it starts."""
    clock = f"[Timer]\nOnCalendar={when}\n[Install]\nWantedBy=timers.target\n"
    service = f"[Service]\nType=oneshot\nExecStart={command}\n"
    folder = "/etc/systemd/system"
    files = put(f"{folder}/{name}.timer", clock) + put(f"{folder}/{name}.service", service)
    return files + f"systemctl enable --quiet --now {name}.timer\n"


def packaged(name: str, port: int, *, address: str = "127.0.0.1") -> str:
    """What is left of installing a package whose service listens: its unit, running."""
    program = f"/usr/bin/{name}"
    listen = f"import socket as s,time; l=s.create_server(('{address}',{port})); time.sleep(9e9)"
    written = put(program, f"#!/usr/bin/python3\n{listen}", mode="755")
    return written + unit(name, program, folder="/usr/lib/systemd/system")
