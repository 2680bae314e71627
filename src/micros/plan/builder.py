"""Building what a plan describes: packages by the lock, then the steps of an artefact."""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, error
from micros.base.tree import File
from micros.debian.lock import Pins, lock_text, read_lock
from micros.debian.tools import SANDBOX_PACKAGE, tools_tree
from micros.debian.universe import Closure, Settings, Universe
from micros.machine import host_machine, machine_named
from micros.plan.files import read_source
from micros.plan.modules import check_built_in, check_modules
from micros.plan.rules import check
from micros.store.disk import write_durably
from micros.store.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from micros.base.digest import Digest
    from micros.machine import Machine
    from micros.plan.described import SystemPlan
    from micros.store.scheduler import Scheduler

FileSteps = dict[str, "Digest | Step"]
"""The files of an artefact, by name in a result directory: blobs, or the steps that make them. A step that makes a tree
makes a directory, or, under an empty name, files beside the others."""


@dataclass(frozen=True, slots=True)
class Artefacts:
    """What was built, as digests of blobs; `files` maps the names in a result directory."""

    files: dict[str, Digest]
    kept: tuple[Digest, ...]
    """Packages and their trees, which a pin keeps besides, so that the next build needs no network."""
    programs: frozenset[str] = frozenset()
    """Those of the files that can be run."""


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
        self._closures: dict[tuple[str, tuple[str, ...]], Closure] = {}

    @cached_property
    def variants(self) -> list[Builder]:
        """Builders of the system for each machine of `SystemPlan.platforms`, or this one alone. They share pins."""
        return [self if plan.machine == self.plan.machine else self._variant(plan) for plan in self.plan.variants] or [self]

    def _variant(self, plan: SystemPlan) -> Builder:
        other = Builder(plan, self._scheduler, None, self._settings)
        other._pins = self._pins
        return other

    @property
    def root(self) -> Closure:
        """The packages of the root file system, and the kernel's."""
        return self._closure("", self._root_names)

    @property
    def _root_names(self) -> tuple[str, ...]:
        return (*self.plan.packages, *self.plan.module_packages, *([self.plan.kernel] if self.plan.kernel else []))

    @property
    def initrd(self) -> Closure:
        """The packages of the initrd. Raises an error of kind `usage` where there is none."""
        if not self.plan.initrd_shell:
            raise error(Kind.USAGE, "this system has no initrd", hint="see boot.initrd.enable and boot.is_container")
        return self._closure("initrd", (self.plan.initrd_shell,))

    @property
    def loader(self) -> Closure:
        """The package of what the firmware starts."""
        return self.boot_packages(self.plan.efi_stub)

    def boot_packages(self, *names: str) -> Closure:
        """Packages of boot loaders, for the machine the system is for."""
        return self._closure("boot", names)

    def loader_files(self, package: str) -> Digest:
        """The tree of a package of a board's firmware."""
        return self._closure("boot", (package,)).trees[package]

    def tools(self, *packages: str) -> Step:
        """A tree with programs for the machine that builds, to be run in the sandbox."""
        return tools_tree(self._closure("tools", (*packages, SANDBOX_PACKAGE), host_machine()))

    def _closure(self, group: str, names: tuple[str, ...], machine: Machine | None = None, *, update: bool = False) -> Closure:
        """The packages of one group of the lock: `` for the root, `initrd`, `boot`, and `tools` of the machine that builds."""
        known = (group, names)
        if known in self._closures and not update:
            return self._closures[known]
        machine = machine or self.machine
        key = machine.debian + (f":{group}" if group else "")
        settings = replace(self._settings, suites=self.plan.suites, components=self.plan.components)
        kept = () if group else self.plan.kept
        parts = {} if group else self.plan.parts
        universe = Universe(self._scheduler, machine, self._pins.get(key), settings, kept=kept, parts=parts)
        if update:
            universe.update()
        found = universe.closure(names, install=self.plan.install if not group else "slim")
        self._pins[key] = universe.lock
        self._closures[known] = found
        return found

    def pin(self, *, update: bool = False) -> None:
        """Find the packages of every group of the lock; with `update`, those the archive has today."""
        self._closure("", self._root_names, update=update)
        if self.plan.initrd_shell:
            self._closure("initrd", (self.plan.initrd_shell,), update=update)
        for key in [key for key in self._pins if update and key.partition(":")[2] in ("boot", "tools")]:
            machine, _, group = key.partition(":")
            self._closure(group, self._pins[key].requests, machine_named(machine), update=True)
        for other in self.variants:
            if other is not self:
                other.pin(update=update)

    def _all_closures(self) -> list[Closure]:
        return [
            closure for each in {id(one): one for one in (self, *self.variants)}.values() for closure in each._closures.values()
        ]

    def unmet(self) -> list[str]:
        """What files of the packages ask for and no package gives, for people."""
        # Boot loaders have libraries of their own, beside themselves.
        loaders = {id(closure) for (group, _), closure in self._closures.items() if group == "boot"}
        return sorted({str(need) for closure in self._all_closures() if id(closure) not in loaders for need in closure.unmet})

    @property
    def time(self) -> int:
        """When the pinned archive was released, in seconds since 1970: the system is not older."""
        own = [pins for key, pins in self._pins.items() if key.partition(":")[2] not in ("boot", "tools")]
        return max((record["date"] for pins in own for record in pins.releases.values()), default=0)

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

    def sources(self, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Digest]:
        """Step inputs: the user's files that these declared entries have their contents from, brought into the store.

        Raises an error of kind `bad-file` for one that has changed since it was read for the plan.
        """
        wanted = sorted({entry["blob"] for entry in entries.values() if "blob" in entry})
        for digest in wanted:
            name = self.plan.sources[digest]
            if not self.store.use(digest) and self.store.add_bytes(read_source(Path(name), ())) != digest:
                raise error(Kind.BAD_FILE, f"{name} has changed while the system was built", hint="build again")
        return {f"blob:{digest}": digest for digest in wanted}

    def run(self, step: Step) -> Digest:
        """The result of one step."""
        return self._scheduler.run(step)

    def build(self) -> Artefacts:
        """The plan's artefact. Raises errors of kind `bad-rules` before it makes anything."""
        if self.plan.rules is not None:
            check(self, self.plan.rules)
        module, _, function = self.plan.artefact.plan.partition(":")
        steps_of: Callable[[Builder], FileSteps] = getattr(importlib.import_module(module), function)
        try:
            files = steps_of(self)
            steps = {name: value for name, value in files.items() if isinstance(value, Step)}
            made = dict(zip(steps, self._scheduler.run_all(steps.values()), strict=True))
        except MicrosError as problem:
            raise self._located(problem) from None
        digests: dict[str, Digest] = {}
        programs: set[str] = set()
        for name, value in files.items():
            if isinstance(value, Step) and value.output == "tree":
                below = f"{name}/" if name else ""
                entries = {below + path: entry for path, entry in self.store.tree(made[name]).items() if isinstance(entry, File)}
                digests |= {path: entry.digest for path, entry in entries.items()}
                programs |= {path for path, entry in entries.items() if entry.mode & 0o100}
            else:
                digests[name] = made[name] if isinstance(value, Step) else value
        closures = self._all_closures()
        kept = [digest for closure in closures for digest in closure.trees.values()]
        kept += [offer.sha256 for closure in closures for offer in closure.packages]
        return Artefacts(digests, tuple(kept), frozenset(programs))

    def _located(self, problem: MicrosError) -> MicrosError:
        """The error with the places that set sizes, where something does not fit: steps know of none."""
        return MicrosError(
            *(
                replace(one, notes=(*one.notes, *self.plan.sizes)) if one.kind == Kind.DOES_NOT_FIT else one
                for one in problem.problems
            )
        )

    @cached_property
    def kernel(self) -> tuple[str, Digest]:
        """The package that holds the kernel, among those the request brought, and its tree."""
        trees = self.root.trees
        if not self.plan.kernel:
            raise error(Kind.USAGE, "a container has no kernel", hint="see boot.is_container")
        for name in trees:
            is_kernel = name == self.plan.kernel or name.startswith("linux-image-")
            if is_kernel and any(path.startswith("boot/vmlinu") for path in self.store.tree(trees[name])):
                return name, trees[name]
        raise error(Kind.UNKNOWN_PACKAGE, f"the package {self.plan.kernel} brings no kernel", hint="see boot.kernel_package")

    @property
    def kernel_image(self) -> Digest:
        """The kernel itself."""
        return self._kernel_file[1]

    @property
    def kernel_release(self) -> str:
        """What `uname -r` says, by the kernel's file."""
        return self._kernel_file[0].partition("-")[2]

    @cached_property
    def _kernel_file(self) -> tuple[str, Digest]:
        entries = self.store.tree(self.kernel[1])
        return next((path, e.digest) for path, e in entries.items() if path.startswith("boot/vmlinu") and isinstance(e, File))

    @cached_property
    def module_trees(self) -> dict[str, Digest]:
        """The trees that hold kernel modules, by package: the kernel's first. Every module that is asked for is there.

        Raises an error of kind `unknown-module` that says who asked for one that is not.
        """
        plan, store = self.plan, self.store
        trees = {self.kernel[0]: self.kernel[1]} | {name: self.root.trees[name] for name in plan.module_packages}
        check_modules([*plan.kernel_modules, *plan.initrd_modules], plan.module_places, store, [*map(store.tree, trees.values())])
        if not plan.initrd_shell:
            check_built_in(plan.initrd_loaded, store, store.tree(self.kernel[1]))
        return trees

    def warnings(self) -> list[str]:
        """Firmware that chosen modules may ask for and no package brings, for people."""
        if not self.plan.kernel:
            return []
        names = sorted({*self.plan.kernel_modules, *self.plan.initrd_modules})
        sources = self.module_trees | {name: self.root.trees[name] for name in self.plan.firmware}
        parameters = {"modules": names, "firmware": list(self.plan.firmware)}
        step = Step("micros.formats.kmod:missing_firmware", sources, parameters, "firmware that is missing")
        missing: dict[str, list[str]] = json.loads(self.store.read(self._scheduler.run_all([step])[0]))
        return [f"the module {name} may ask for firmware that no package of hardware.firmware brings: {', '.join(files)}"
                for name, files in missing.items()]  # fmt: skip
