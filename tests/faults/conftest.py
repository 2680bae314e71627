"""A small system, a small mirror of all it needs, and the command that builds with a store of its own."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from micros.store.keeping import verify
from micros.store.store import Store
from tests.conftest import Command, Outcome
from tests.debian.small_mirror import SmallMirror
from tests.faults.faulty_mirror import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.faulty_mirror import FaultyMirror

SUITES = ("trixie", "trixie-updates", "trixie-security")
PACKAGES = ("busybox", "busybox-static", "runit", "linux-image-cloud-amd64")

SYSTEM = 'platform.host = "x86_64-linux"\nnetworking.firewall.enable = false\n'
"""Without a firewall, whose programs are no part of the small mirror."""


class Box:
    """`lock` resolves, downloads, unpacks and slims all packages of the small system."""

    def __init__(self, root: Path, mirror: SmallMirror, server: FaultyMirror) -> None:
        self.root = root
        self.mirror = mirror
        self.server = server
        self.command = Command(root / "store", root)
        self.command.write("box.toml", SYSTEM)

    def arguments(self, *more: str, url: str = "") -> list[str]:
        """The arguments of `lock`, the verb first."""
        return ["lock", "box.toml", "--json", "--mirror", url or self.server.url, "--keyring", str(self.mirror.keyring), *more]

    def lock(self, *more: str, url: str = "", **environment: str) -> Outcome:
        """Run `micros lock`."""
        return self.command(*self.arguments(*more, url=url), **direct(environment))

    def lock_after(self, prelude: str, *more: str) -> Outcome:
        """Run `micros lock` in a process that did something else first."""
        return self.command.after(prelude, *self.arguments(*more), **direct({}))

    def failed(self, done: Outcome, *kinds: str) -> str:
        """Check that a command failed with one of these kinds, wrote no lock and left a whole store; what it said."""
        assert done.status == 1, done.err
        assert done.kinds[0] in kinds, done.err
        if self.command.store.exists():
            store = Store(self.command.store)
            try:
                assert verify(store, repair=False)[1] == []
            finally:
                store.close()
        return done.err

    def fails(self, *kinds: str, more: tuple[str, ...] = (), url: str = "", **environment: str) -> str:
        """`lock` fails with one of these kinds; what it said."""
        return self.failed(self.lock(*more, url=url, **environment), *kinds)

    def heals(self) -> None:
        """With a mirror that behaves again, the same command succeeds with no manual step."""
        self.server.faults.clear()
        self.mirror.publish(suites=SUITES, age_seconds=60)
        done = self.lock(*(["--update"] if (self.root / "micros.lock").exists() else []))
        assert done.status == 0, done.err
        done = self.command("store", "verify")
        assert done.status == 0, done.out


def direct(environment: dict[str, str]) -> dict[str, str]:
    """The environment in which nothing but the small mirror is asked, and not by way of a proxy."""
    return {"no_proxy": "*", "NO_PROXY": "*", "MICROS_SECURITY_MIRROR": ""} | environment


@contextlib.contextmanager
def small_disk(root: Path) -> Iterator[Callable[[str], None]]:
    """A file system of its own below `root`; what is yielded gives it another size, and empties it first."""
    disk = root / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(disk)], check=True)

    def remount(options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(disk)], check=True)

    try:
        yield remount
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    mirror = SmallMirror(tmp_path)
    for name in PACKAGES:
        mirror.add(name, {f"usr/bin/{name}": name.encode() * 50})
    mirror.publish(suites=SUITES)
    with serving(mirror.root) as server:
        yield Box(tmp_path, mirror, server)
