"""Which suites of Debian 13 the mirror serves whole: a cache may keep an index of another day than its release."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from micros.base.errors import Kind, MicrosError
from micros.debian import SUITES
from micros.debian.universe import Settings, Universe
from micros.machine import machine_named

if TYPE_CHECKING:
    from micros.store.scheduler import Scheduler
    from tests.conftest import Command, Outcome

STABLE = tuple(name.replace("trixie", "stable") for name in SUITES)
"""The same suites by their other names, which a cache may keep of another, older day."""


def settings_of(scheduler: Scheduler, machine: str) -> Settings:
    """Settings that a machine's packages are found with: the usual ones, or those of the suites by their other names."""
    try:
        Universe(scheduler, machine_named(machine), None, Settings()).closure(["busybox-static"])
    except MicrosError as problem:
        if {part.kind for part in problem.problems} != {Kind.DIGEST_MISMATCH}:
            raise
        return Settings(suites=STABLE, accept_expired=True)
    return Settings()


def run(micros: Command, settings: Settings, verb: str, *words: str) -> Outcome:
    """Run `micros` with packages of these suites."""
    more = [
        "--set",
        f"debian.suites={json.dumps(list(settings.suites))}",
        *(["--accept-expired"] if settings.accept_expired else []),
    ]
    return micros(verb, *words, *more)
