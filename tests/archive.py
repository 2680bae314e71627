"""Which suites of Debian 13 the mirror serves whole for an architecture."""

from __future__ import annotations

import functools
from typing import Any

from micros.base.errors import Kind, MicrosError
from micros.debian import SUITES
from micros.debian.universe import Settings, Universe
from micros.machine import machine_named
from micros.store.scheduler import Scheduler
from micros.store.store import Store, default_root

ALIASES = ("stable", "stable-updates", "stable-security")
"""The same suites by their other names, which a cache may keep of another, older day."""


@functools.cache
def suites_for(machine: str) -> list[str]:
    """Suites that a system for this machine can be built of: by code name, or where a cache mixes two days up, by alias.

    Those by alias may be past their Valid-Until: such a test says `accept_expired`.
    """
    store = Store(default_root())
    scheduler = Scheduler(store)
    try:
        Universe(scheduler, machine_named(machine), settings=Settings(suites=SUITES)).closure(["busybox"])
    except MicrosError as problem:
        if problem.kind not in (Kind.DOWNLOAD, Kind.DIGEST_MISMATCH):
            raise
        return list(ALIASES)
    else:
        return list(SUITES)
    finally:
        scheduler.close()
        store.close()


def archive_for(machine: str) -> dict[str, Any]:
    """What a description says of the archive so that it can be built for this machine here."""
    return {"debian": {"suites": suites_for(machine)}}
