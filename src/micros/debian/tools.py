"""Programs that MicrOS brings for itself: packages of the archive, laid out below the store, run in the sandbox.

Their versions are pinned in `tools.lock` at the store's root, so that a store keeps its tools until it is asked to move.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.base.errors import Kind, MicrosError
from micros.debian.lock import Pins, lock_text, read_lock
from micros.debian.universe import Closure, Settings, Universe
from micros.machine import host_machine
from micros.store.disk import write_durably
from micros.store.sandbox import Sandbox, lay_out
from micros.store.step import Step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from micros.base.digest import Digest
    from micros.store.scheduler import Scheduler


SANDBOX_PACKAGE = "bubblewrap"
"""What the sandbox is made with, where the host has none."""


def tools_tree(closure: Closure) -> Step:
    """The step that makes one tree of tools and all they need, to be run in the sandbox."""
    inputs: dict[str, Digest | Step] = dict(closure.trees)
    links = {name: {"link": f"usr/{name}"} for name in ("bin", "sbin", "lib", "lib64")}
    return Step("micros.formats.compose:compose", inputs, {"files": links, "privileged": {"*": "strip"}}, "tools", "tree")


class Toolbox:
    """Tools for the machine this program runs on."""

    def __init__(self, scheduler: Scheduler, settings: Settings) -> None:
        self._scheduler = scheduler
        self._store = scheduler.store
        self._settings = settings
        self._lock = self._store.root / "tools.lock"

    def root(self, packages: Sequence[str]) -> Path:
        """A directory with these packages and what they need, bubblewrap among them."""
        return lay_out(self._store, self._store.tree(self._scheduler.run(self.tree(packages))))

    def tree(self, packages: Sequence[str]) -> Step:
        """The step that makes a tree of these packages and what they need, bubblewrap among them."""
        group = "+".join(sorted(packages))
        known = self._pins().get(group)
        universe, closure = self._closure(packages, known)
        if universe.lock != known:
            pins = self._pins() | {group: universe.lock}  # read again: another builder may have pinned other tools meanwhile
            write_durably(self._lock, lock_text(pins).encode(), self._store.scratch)
        return tools_tree(closure)

    def _pins(self) -> dict[str, Pins]:
        """What is pinned; nothing where the file is damaged: it is the store's own, and made anew."""
        try:
            return read_lock(self._lock) if self._lock.exists() else {}
        except MicrosError:
            return {}

    def _closure(self, packages: Sequence[str], pins: Pins | None) -> tuple[Universe, Closure]:
        """The pinned packages, or today's where the mirror has the pinned ones no more, or they are of other suites."""
        universe = Universe(self._scheduler, host_machine(), pins, self._settings)
        try:
            return universe, universe.closure([*packages, SANDBOX_PACKAGE])
        except MicrosError as problem:
            if pins is None or problem.kind not in (Kind.VANISHED, Kind.BAD_LOCK):
                raise
        return self._closure(packages, None)

    def sandbox(self, root: Path) -> Sandbox:
        """The host's bubblewrap if it has one, else that of a root made by `root`."""
        return Sandbox.of_host() or Sandbox.of_root(root)

    def run(self, package: str, argv: Sequence[str], *, readable: Sequence[Path] = (), writable: Sequence[Path] = ()) -> bytes:
        """The output of one program of a package. Bound paths keep their names."""
        root = self.root([package])
        sandbox = self.sandbox(root)
        return sandbox.run(sandbox.command(root, argv, readable=readable, writable=writable), what=argv[0])
