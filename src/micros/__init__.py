"""MicrOS: microscopic Linux systems from a page of typed Python."""

from __future__ import annotations

from micros.lang import after, before, default, force, lazy, merge, order, override, when
from micros.packages import pkgs
from micros.system import micros_system, system

__all__ = [
    "after",
    "before",
    "default",
    "force",
    "lazy",
    "merge",
    "micros_system",
    "order",
    "override",
    "pkgs",
    "system",
    "when",
]
