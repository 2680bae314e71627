"""Suites that have a machine's packages here: a mirror may serve indices of another day than the release that it serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.base.errors import Kind, MicrosError
from micros.debian.universe import SUITES, Settings, Universe
from micros.machine import machine_named

if TYPE_CHECKING:
    from micros.store.scheduler import Scheduler
    from tests.conftest import Command, Outcome

STABLE = tuple(name.replace("trixie", "stable") for name in SUITES)


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
    prelude = "from micros.debian import universe; init = universe.Settings.__init__\n"
    prelude += f"init.__defaults__ = tuple({settings.suites!r} if d == universe.SUITES else d for d in init.__defaults__)"
    return micros.after(prelude, verb, *words, *(["--accept-expired"] if settings.accept_expired else []))
