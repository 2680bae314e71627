"""Machines for tests of your own, in pytest or anywhere else:

    from micros.testing import machine

    with machine(kiosk) as guest:
        guest.wait_for_service("web")
        assert "hello" in guest.succeed("wget -qO- http://localhost/")

The system is built as `micros build` builds it, with the default store and the lock beside its file, and booted with the
guest's agent on. docs/testing.md shows more.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from micros import launch
from micros.debian.lock import lock_beside
from micros.debian.universe import Settings
from micros.run.driver import TIMEOUT_SECONDS, Driver
from micros.run.segment import Segment
from micros.run.steps import Steps
from micros.store.keeping import using
from micros.store.scheduler import Scheduler
from micros.store.store import Store, default_root
from micros.system import MicrosSystem, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Driver", "Lab", "machine", "machines"]

AGENT = {"virtualisation": {"agent": True}}
ON_SEGMENT = {"boot": {"kernel_modules": ["virtio_net"]}}


@contextlib.contextmanager
def machine(
    described: MicrosSystem | str | Path,
    *,
    timeout: float = TIMEOUT_SECONDS,
    lock: Path | None = None,
    store: Path | None = None,
    offline: bool = False,
    accept_expired: bool = False,
) -> Iterator[Driver]:
    """Build and boot a system, an object or a file (`kiosk.py`, `kiosk.py:name`): its driver, until the `with` ends.

    `timeout` is how many seconds the boot may take; `lock` and `store` are paths other than the default ones; `offline`
    uses no network; `accept_expired` pins releases past their Valid-Until. Steps and times are told on standard
    error. Raises what a build raises, and what a verb of the driver raises.
    """
    settings = Settings(offline=offline, accept_expired=accept_expired)
    with _lab(timeout, store, settings) as lab, lab.driver(described, lock=lock) as guest:
        yield guest


@contextlib.contextmanager
def machines(
    *described: MicrosSystem | str | Path,
    timeout: float = TIMEOUT_SECONDS,
    lock: Path | None = None,
    store: Path | None = None,
    offline: bool = False,
    accept_expired: bool = False,
) -> Iterator[tuple[Driver, ...]]:
    """As `machine`, for several systems, which share an Ethernet segment: `eth1` of each. Their drivers, in order."""
    with _lab(timeout, store, Settings(offline=offline, accept_expired=accept_expired)) as lab, contextlib.ExitStack() as stack:
        drivers = [lab.driver(one, on_segment=True, lock=lock) for one in described]
        for driver in drivers:
            stack.callback(driver.crash)
            driver.power_on()
        for driver in drivers:
            driver.start()
        yield tuple(drivers)


@contextlib.contextmanager
def _lab(timeout: float, root: Path | None, settings: Settings) -> Iterator[Lab]:
    store = Store(root.absolute() if root is not None else default_root())
    scheduler = Scheduler(store)
    try:
        with using(store), Lab.of(scheduler, settings, Steps(_tell), timeout=timeout) as lab:
            yield lab
    finally:
        scheduler.close()
        store.close()


def _tell(step: object) -> None:
    sys.stderr.write(f"{step}\n")


class Lab:
    """Where machines of one test come from; `Lab.of` makes one."""

    def __init__(
        self,
        scheduler: Scheduler,
        settings: Settings,
        steps: Steps,
        segment: Segment,
        directory: Path,
        *,
        timeout: float,
        echo: Callable[[bytes], object] | None,
    ) -> None:
        self.steps = steps
        self._scheduler = scheduler
        self._settings = settings
        self._segment = segment
        self._directory = directory
        self._timeout = timeout
        self._echo = echo
        self._names: set[str] = set()

    @classmethod
    @contextlib.contextmanager
    def of(
        cls,
        scheduler: Scheduler,
        settings: Settings,
        steps: Steps,
        *,
        timeout: float = TIMEOUT_SECONDS,
        echo: Callable[[bytes], object] | None = None,
    ) -> Iterator[Lab]:
        """A lab with an Ethernet segment and a directory for sockets, as long as the `with` lasts."""
        with launch.directory_for_sockets() as directory, Segment(directory) as segment:
            yield cls(scheduler, settings, steps, segment, directory, timeout=timeout, echo=echo)

    def driver(
        self, described: MicrosSystem | str | Path, *, name: str = "", on_segment: bool = False, lock: Path | None = None
    ) -> Driver:
        """Build a system: a driver that will boot it. Without others, its name is the host's, and its lock beside its file."""
        # Imported late, as everywhere: they bring the whole module tree and the archive.
        from micros.modules import Networking
        from micros.plan.builder import Builder

        one = described if isinstance(described, MicrosSystem) else load(str(described))[0]
        one = one.extend(AGENT, *([ON_SEGMENT] if on_segment else []))
        name = self._distinct(name or one.config[Networking].host_name)
        if lock is None and one.file is not None:
            lock = lock_beside(one.file)
        with self.steps.step(f"{name}: build"):
            plan = Builder(one.plan(), self._scheduler, lock, self._settings)
            artefacts = plan.build()
            plan.save_lock()
        directory = self._directory / str(len(self._names))  # short: see launch.LONGEST_DIRECTORY
        directory.mkdir()
        guest = launch.guest_of(plan, artefacts, directory)
        if on_segment:
            guest = replace(guest, card=self._segment.card())
        emulator = launch.emulator(self._scheduler, self._settings, guest, directory)
        return Driver(guest, emulator, steps=self.steps, name=name, timeout=self._timeout, echo=self._echo)

    def _distinct(self, name: str) -> str:
        """The name, or with a number where another machine has it."""
        found = next(one for one in (name, *(f"{name}{number}" for number in range(2, 1000))) if one not in self._names)
        self._names.add(found)
        return found
