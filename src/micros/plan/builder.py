"""Building what a plan describes: packages by the lock, then the steps of an artefact."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.base.tree import File
from micros.debian.lock import Pins, lock_text, read_lock
from micros.debian.universe import Closure, Settings, Universe
from micros.machine import machine_named
from micros.plan.files import read_source
from micros.store.disk import write_durably
from micros.store.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.base.digest import Digest
    from micros.plan.described import SystemPlan
    from micros.store.scheduler import Scheduler

FileSteps = dict[str, "Digest | Step"]
"""The files of an artefact, by name in a result directory: blobs, or the steps that make them."""


@dataclass(frozen=True, slots=True)
class Artefacts:
    """What was built, as digests of blobs; `files` maps the names in a result directory."""

    files: dict[str, Digest]
    kept: tuple[Digest, ...]
    """Packages and their trees, which a pin keeps besides, so that the next build needs no network."""


class Builder:
    """Builds one plan. `lock` is the path of the lock file, read if it is there; `save_lock` writes it."""

    def __init__(self, plan: SystemPlan, scheduler: Scheduler, lock: Path | None, settings: Settings) -> None:
        self.plan = plan
        self.machine = machine_named(plan.machine)
        self.store = scheduler.store
        self._scheduler = scheduler
        self._lock = lock
        self._pins: dict[str, Pins] = read_lock(lock) if lock is not None and lock.exists() else {}
        self._before = dict(self._pins)
        self._settings = settings
        self._closures: dict[str, Closure] = {}

    @property
    def root(self) -> Closure:
        """The packages of the root file system, and the kernel's."""
        return self._closure("", (*self.plan.packages, self.plan.kernel))

    @property
    def initrd(self) -> Closure:
        """The packages of the initrd."""
        return self._closure("initrd", (self.plan.initrd_shell,))

    def _closure(self, group: str, names: tuple[str, ...], *, update: bool = False) -> Closure:
        """The packages of one group of the lock: `` for the root, `initrd` for the initrd."""
        if group in self._closures and not update:
            return self._closures[group]
        key = self.machine.debian + (f":{group}" if group else "")
        kept = () if group else self.plan.kept
        universe = Universe(self._scheduler, self.machine, self._pins.get(key), self._settings, kept=kept)
        if update:
            universe.update()
        found = universe.closure(names, install=self.plan.install if not group else "slim")
        self._pins[key] = universe.lock
        self._closures[group] = found
        return found

    def pin(self, *, update: bool = False) -> None:
        """Find the packages of every group of the lock; with `update`, those the archive has today."""
        self._closure("", (*self.plan.packages, self.plan.kernel), update=update)
        self._closure("initrd", (self.plan.initrd_shell,), update=update)

    def unmet(self) -> list[str]:
        """What files of the packages ask for and no package gives, for people."""
        return sorted({str(need) for closure in self._closures.values() for need in closure.unmet})

    @property
    def time(self) -> int:
        """When the pinned archive was released, in seconds since 1970: the system is not older."""
        return max((record["date"] for pins in self._pins.values() for record in pins.releases.values()), default=0)

    def versions(self) -> dict[str, str]:
        """The pinned version of every package, by group and name."""
        return {f"{name} ({key})": offer.version for key, pins in self._pins.items() for name, offer in pins.packages.items()}

    def save_lock(self) -> bool:
        """Write the lock file if it changed; whether it did."""
        if self._lock is None or self._pins == self._before:
            return False
        text = lock_text(self._pins)
        try:
            write_durably(self._lock, text.encode(), self._lock.parent)
        except OSError as problem:
            raise error(Kind.BAD_FILE, f"cannot write {self._lock}: {problem.strerror}") from None
        return True

    def sources(self) -> list[Digest]:
        """The user's files, brought into the store. Raises an error of kind `bad-file` for one that has changed since it was
        read for the plan."""
        for digest, name in self.plan.sources.items():
            if not self.store.use(digest) and self.store.add_bytes(read_source(Path(name), ())) != digest:
                raise error(Kind.BAD_FILE, f"{name} has changed while the system was built", hint="build again")
        return sorted(self.plan.sources)

    def build(self) -> Artefacts:
        """The plan's artefact."""
        module, _, function = self.plan.artefact.plan.partition(":")
        steps_of: Callable[[Builder], FileSteps] = getattr(importlib.import_module(module), function)
        files = steps_of(self)
        steps = {name: value for name, value in files.items() if isinstance(value, Step)}
        made = dict(zip(steps, self._scheduler.run_all(steps.values()), strict=True))
        digests = {name: made[name] if isinstance(value, Step) else value for name, value in files.items()}
        closures = self._closures.values()
        kept = [digest for closure in closures for digest in closure.trees.values()]
        kept += [offer.sha256 for closure in closures for offer in closure.packages]
        return Artefacts(digests, tuple(kept))

    @cached_property
    def kernel(self) -> tuple[str, Digest]:
        """The package that holds the kernel, among those the request brought, and its tree."""
        trees = self.root.trees
        for name in trees:
            is_kernel = name == self.plan.kernel or name.startswith("linux-image-")
            if is_kernel and any(path.startswith("boot/vmlinu") for path in self.store.tree(trees[name])):
                return name, trees[name]
        raise error(Kind.UNKNOWN_PACKAGE, f"the package {self.plan.kernel} brings no kernel", hint="see boot.kernel")

    @cached_property
    def kernel_image(self) -> Digest:
        """The kernel itself."""
        entries = self.store.tree(self.kernel[1])
        return next(e.digest for path, e in entries.items() if path.startswith("boot/vmlinu") and isinstance(e, File))
