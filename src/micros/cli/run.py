"""`micros run FILE`: build, boot in QEMU, give the terminal to the guest, or run one command in it."""

from __future__ import annotations

import math
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.errors import Kind, MicrosError, error
from micros.cli.build import built, summary
from micros.cli.loading import builder
from micros.cli.session import not_negative, session
from micros.debian.tools import Toolbox
from micros.run import terminal
from micros.run.qemu import Emulator, Guest
from micros.run.vm import Vm

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from micros.cli.session import Session
    from micros.plan.builder import Artefacts, Builder

LONGEST_DIRECTORY = 80
"""A socket's whole path has at most 107 bytes (unix(7))."""
_BOOT = "boot"
"""The phase from QEMU's start until the system is up."""


def options(parser: argparse.ArgumentParser) -> None:
    """This verb's arguments."""
    parser.add_argument("file", metavar="FILE", help="file that describes the system, or FILE:name")
    parser.add_argument(
        "--timeout",
        type=not_negative,
        metavar="SECONDS",
        default=120.0,
        help="how long the boot may take, and with -c the command (120)",
    )
    parser.add_argument("-c", "--command", metavar="COMMAND", help="run this in the guest as root, print its output, power off")


def run(arguments: argparse.Namespace) -> int:
    """Build and boot."""
    with session(arguments) as current:
        extra = [{"virtualisation": {"agent": True}}] if arguments.command is not None else []
        plan = builder(current, arguments, extra)
        artefacts = built(current, plan)
        summary(current, artefacts)
        with tempfile.TemporaryDirectory(prefix="micros-", dir=_place_of_socket()) as name:
            guest = _guest(current, plan, artefacts, Path(name))
            emulator = _emulator(current, guest, Path(name))
            ready = plan.plan.ready_text.encode()
            if arguments.command is not None:
                return _repeated(current, lambda: _command(guest, emulator, arguments))
            if terminal.is_terminal():
                return _interactive(current, guest, emulator, ready)
            return _repeated(current, lambda: _to_prompt(current, guest, emulator, ready, arguments.timeout))


def _place_of_socket() -> str | None:
    """Where the agent's socket is made: the user's temporary directory, unless a socket's path would be too long there."""
    return None if len(os.fsencode(tempfile.gettempdir())) < LONGEST_DIRECTORY else "/tmp"


def _repeated(current: Session, boot: Callable[[], int]) -> int:
    """Boot, and once more where the kernel died before user space: under emulation that happens by itself, rarely."""
    try:
        return boot()
    except MicrosError as problem:
        if problem.kind != Kind.EARLY_PANIC:
            raise
        current.say(f"{problem}\nbooting once more")
    return boot()


def _guest(current: Session, plan: Builder, artefacts: Artefacts, directory: Path) -> Guest:
    store, described = current.store, plan.plan
    return Guest(
        machine=plan.machine,
        kernel=store.path(artefacts.files["kernel"]),
        initrd=store.path(artefacts.files["initrd"]) if "initrd" in artefacts.files else None,
        root=store.path(artefacts.files["root.squashfs"]),
        cmdline=described.cmdline,
        memory_mib=described.memory_mib,
        cores=described.cores,
        forwards=described.forwards,
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


PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv64": "qemu-system-riscv",
}
"""Debian's package of each emulator."""


def _emulator(current: Session, guest: Guest, directory: Path) -> Emulator:
    """How to start QEMU: the host's if there is one, else the archive's, isolated."""
    program = guest.machine.qemu
    found = shutil.which(program)
    argv = [found] if found is not None else _brought(current, guest, directory)
    return Emulator(tuple(argv), directory, current.store.root / "kvm-is-dead")


def _brought(current: Session, guest: Guest, directory: Path) -> list[str]:
    """The archive's QEMU, run isolated."""
    program = guest.machine.qemu
    current.say(f"this host has no {program}: bringing it from the archive")
    toolbox = Toolbox(current.scheduler, current.settings)
    with current.phase("bring QEMU"):
        root = toolbox.root([PACKAGES[program]])
    sandbox = toolbox.sandbox(root)
    return sandbox.command(
        root,
        [program],
        readable=guest.inputs,
        writable=[directory, *guest.disks],
        devices=[Path("/dev/kvm")] if Path("/dev/kvm").exists() else [],
        network=True,
    )


def _interactive(current: Session, guest: Guest, emulator: Emulator, ready: bytes) -> int:
    """Give the guest this terminal until it powers off or the user leaves; QEMU's exit status."""

    def show(data: bytes) -> None:
        terminal.show(data)
        if _BOOT not in current.phases and ready in vm.log:
            current.phases[_BOOT] = vm.seconds

    vm = Vm(guest, emulator, echo=show, keyboard=0)
    current.say(f"booting with {vm.accelerator} ({vm.reason}); `poweroff` in the guest ends it, Ctrl-A X leaves QEMU at once")
    with current.phase("guest"), vm, terminal.raw(0):
        status = vm.wait_for_end(timeout=math.inf)
    current.say(f"\ntimes: {current.times()}")
    return status


def _to_prompt(current: Session, guest: Guest, emulator: Emulator, ready: bytes, timeout: float) -> int:
    """Without a terminal: boot, show the log until the system is up, stop."""
    with Vm(guest, emulator, echo=terminal.show) as vm:
        current.say(f"booting with {vm.accelerator} ({vm.reason})")
        vm.wait_for_console(ready, timeout=timeout)
        current.phases[_BOOT] = vm.seconds
    current.say(f"\ntimes: {current.times()}")
    return 0


def _command(guest: Guest, emulator: Emulator, arguments: argparse.Namespace) -> int:
    """Run one command in the guest: its output on standard output, its exit status as ours."""
    echo = (lambda data: sys.stderr.buffer.write(data)) if arguments.verbose else None
    with Vm(guest, emulator, echo=echo) as vm:
        vm.wait_for_agent(timeout=arguments.timeout)
        status, output = vm.run(arguments.command, timeout=arguments.timeout)
        sys.stdout.buffer.write(output)
        sys.stdout.buffer.flush()
        vm.power_off(timeout=arguments.timeout)
    return status
