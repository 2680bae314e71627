"""`micros run FILE`: build, boot in QEMU, give the terminal to the guest, or run one command in it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from micros.cli.build import built, summary
from micros.cli.loading import builder
from micros.cli.session import is_terminal, not_negative, session
from micros.debian.tools import Toolbox
from micros.run.qemu import Guest
from micros.run.vm import Vm, interactive

if TYPE_CHECKING:
    import argparse

    from micros.cli.session import Session
    from micros.plan import Artefacts, Builder

LOGIN_PROMPT = b" login:"


def options(parser: argparse.ArgumentParser) -> None:
    """This verb's arguments."""
    parser.add_argument("file", metavar="FILE", help="file that describes the system, or FILE:name")
    parser.add_argument("--timeout", type=not_negative, metavar="SECONDS", default=120.0, help="how long a boot may take (120)")
    parser.add_argument("-c", "--command", metavar="COMMAND", help="run this in the guest as root, print its output, power off")


def run(arguments: argparse.Namespace) -> int:
    """Build and boot."""
    with session(arguments) as current:
        extra = [{"virtualisation": {"agent": True}}] if arguments.command is not None else []
        plan = builder(current, arguments, extra)
        artefacts = built(current, plan)
        summary(current, artefacts)
        guest = _guest(current, plan, artefacts)
        with tempfile.TemporaryDirectory(prefix="micros-") as name:
            qemu = _qemu(current, guest, Path(name))
            if arguments.command is not None:
                return _command(guest, qemu, Path(name), arguments)
            if is_terminal():
                with current.phase("guest"):
                    status = interactive(guest, qemu)
                current.say(f"times: {current.times()}")
                return status
            return _to_prompt(current, guest, qemu, Path(name), arguments.timeout)


def _guest(current: Session, plan: Builder, artefacts: Artefacts) -> Guest:
    store, described = current.store, plan.plan
    return Guest(
        machine=plan.machine,
        kernel=store.path(artefacts.files["kernel"]),
        initrd=store.path(artefacts.files["initrd"]),
        root=store.path(artefacts.files["root.squashfs"]),
        cmdline=described.cmdline,
        memory_mib=described.memory_mib,
        cores=described.cores,
        forwards=described.forwards,
    )


PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv64": "qemu-system-riscv",
}
"""Debian's package of each emulator."""


def _qemu(current: Session, guest: Guest, directory: Path) -> list[str]:
    """How to start QEMU: the host's if there is one, else the archive's, isolated."""
    program = guest.machine.qemu
    found = shutil.which(program)
    if found is not None:
        return [found]
    current.say(f"this host has no {program}: bringing it from the archive")
    toolbox = Toolbox(current.scheduler, current.settings)
    with current.phase("bring QEMU"):
        root = toolbox.root([PACKAGES[program]])
    sandbox = toolbox.sandbox(root)
    return sandbox.command(
        root,
        [program],
        readable=[guest.kernel, guest.initrd, guest.root],
        writable=[directory],
        devices=[Path("/dev/kvm")] if Path("/dev/kvm").exists() else [],
        network=True,
    )


def _to_prompt(current: Session, guest: Guest, qemu: list[str], directory: Path, timeout: float) -> int:
    """Without a terminal: boot, show the log up to the login prompt, stop."""

    def show(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    with Vm(guest, qemu, directory, echo=show) as vm:
        current.say(f"booting with {vm.accelerator} ({vm.reason})")
        vm.wait_for_console(LOGIN_PROMPT, timeout=timeout)
        current.phases["boot to login"] = vm.seconds
    current.say(f"\ntimes: {current.times()}")
    return 0


def _command(guest: Guest, qemu: list[str], directory: Path, arguments: argparse.Namespace) -> int:
    """Run one command in the guest: its output on standard output, its exit status as ours."""
    echo = (lambda data: sys.stderr.buffer.write(data)) if arguments.verbose else None
    with Vm(guest, qemu, directory, echo=echo) as vm:
        vm.wait_for_agent(timeout=arguments.timeout)
        status, output = vm.run(arguments.command, timeout=arguments.timeout)
        sys.stdout.buffer.write(output)
        sys.stdout.buffer.flush()
        vm.run("poweroff", timeout=arguments.timeout)
        vm.wait_for_end(timeout=arguments.timeout)
    return status
