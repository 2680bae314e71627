"""From what was built to a QEMU that can boot it: the host's, or the archive's in the sandbox."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.debian.tools import Toolbox
from micros.run.qemu import PACKAGES, Emulator, Guest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from micros.debian.universe import Settings
    from micros.machine import Machine
    from micros.plan.builder import Artefacts, Builder
    from micros.store.scheduler import Scheduler

LONGEST_DIRECTORY = 80
"""A socket's whole path has at most 107 bytes (unix(7))."""


@contextlib.contextmanager
def directory_for_sockets() -> Iterator[Path]:
    """A directory that vanishes: the user's temporary one, unless a socket's path would be too long there."""
    place = None if len(os.fsencode(tempfile.gettempdir())) < LONGEST_DIRECTORY else "/tmp"
    with tempfile.TemporaryDirectory(prefix="micros-", dir=place) as name:
        yield Path(name)


def guest_of(plan: Builder, artefacts: Artefacts, directory: Path) -> Guest:
    """What to boot: the artefacts where the store keeps them, on a machine as the system describes it.

    Its disks are files that the description names, or are made in the directory. Raises an error of kind `usage` for a system
    without a kernel.
    """
    store, described = plan.store, plan.plan
    if not described.kernel:
        hint = "build oci_image or docker_image for a container engine"
        raise error(Kind.USAGE, "a container has no kernel that a virtual machine could boot", hint=hint)
    return Guest(
        machine=plan.machine,
        kernel=store.path(artefacts.files["kernel"]),
        initrd=store.path(artefacts.files["initrd"]) if "initrd" in artefacts.files else None,
        root=store.path(next(digest for name, digest in artefacts.files.items() if name.startswith("root."))),
        cmdline=described.cmdline,
        memory_mib=described.memory_mib,
        cores=described.cores,
        agent=described.agent,
        network=described.network,
        disks=tuple(_disk(directory / f"disk{number}", *disk) for number, disk in enumerate(described.disks)),
    )


def _disk(temporary: Path, mebibytes: int, kept: str) -> Path:
    """The file of a disk, made where it is not there yet: as long as it should be, with nothing in it."""
    path = Path(kept).absolute() if kept else temporary
    try:
        if not path.exists():
            with path.open("wb") as stream:
                stream.truncate(mebibytes << 20)
    except OSError as problem:
        raise error(Kind.BAD_FILE, f"cannot make the disk {path}: {problem.strerror}", hint="see virtualisation.disks") from None
    return path


def is_on_host(machine: Machine) -> bool:
    """Whether the host has the machine's emulator, so that none must be brought."""
    return shutil.which(machine.qemu) is not None


def emulator(scheduler: Scheduler, settings: Settings, guest: Guest, directory: Path) -> Emulator:
    """How to start QEMU for a guest; its sockets are made in the directory."""
    program = guest.machine.qemu
    found = shutil.which(program)
    argv = [found] if found is not None else _isolated(scheduler, settings, guest, directory)
    return Emulator(tuple(argv), directory, scheduler.store.root / "kvm-is-dead")


def _isolated(scheduler: Scheduler, settings: Settings, guest: Guest, directory: Path) -> list[str]:
    """The archive's QEMU."""
    program = guest.machine.qemu
    toolbox = Toolbox(scheduler, settings)
    root = toolbox.root([PACKAGES[program]])
    return toolbox.sandbox(root).command(
        root,
        [program],
        readable=guest.inputs,
        writable=[directory, *guest.disks, *([guest.card.segment.parent] if guest.card else [])],
        devices=[Path("/dev/kvm")] if Path("/dev/kvm").exists() else [],
        network=True,
    )
