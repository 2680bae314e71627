"""What services ask themselves to know that they are ready."""

from __future__ import annotations


def listening(*ports: int) -> str:
    """Shell code that succeeds once something listens on each of these TCP ports, over IPv4 or IPv6."""
    return " && ".join(f"listens {port:04X}" for port in ports)


def sockets(*paths: str) -> str:
    """Shell code that succeeds once each of these sockets of the file system is there."""
    return " && ".join(f"[ -S {path} ]" for path in paths)
