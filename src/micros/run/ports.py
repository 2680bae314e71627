"""Ports of this machine: why one cannot be had, and who has it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from micros.base.errors import Kind, MicrosError, error

_LISTENS = {"tcp": "0A", "udp": "07"}
"""States in /proc/net (proc_pid_net(5))."""


def refused(protocol: str, name: str, address: str, port: int, option: str, problem: OSError) -> MicrosError:
    """The error for a port (`tcp` or `udp`) that cannot be bound, of kind `busy`, `usage` or `system`."""
    what = f"{name} cannot be served on port {port} of {address}"
    match problem.errno:
        case errno.EADDRINUSE:
            owner = holder(protocol, port)
            by = f" by {owner}" if owner else ""
            return error(Kind.BUSY, f"{what}: it is taken{by}", hint=f"choose another with {option}, or end what has it")
        case errno.EACCES:
            hint = f"ports below 1024 are root's: choose another with {option}, or see sysctl net.ipv4.ip_unprivileged_port_start"
            return error(Kind.USAGE, f"{what}: not allowed", hint=hint)
        case errno.EADDRNOTAVAIL:
            return error(Kind.USAGE, f"{what}: this machine has no such address", hint="`ip address` lists those it has")
    return error(Kind.SYSTEM, f"{what}: {problem.strerror}")


def holder(protocol: str, port: int) -> str:
    """Name and process id of the program that has a port, as far as its user may know; else nothing."""
    inodes = set(_inodes(protocol, port))
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found = {os.readlink(entry) for entry in (process / "fd").iterdir()}
            if inodes & found:
                return f"{(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:  # another user's, or gone meanwhile
            continue
    return ""


def _inodes(protocol: str, port: int) -> list[str]:
    found = []
    for table in (Path(f"/proc/net/{protocol}"), Path(f"/proc/net/{protocol}6")):
        lines = table.read_text().splitlines()[1:] if table.exists() else []
        for fields in (line.split() for line in lines):
            if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == _LISTENS[protocol]:
                found.append(f"socket:[{fields[9]}]")
    return found
