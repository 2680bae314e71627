"""`micros run FILE`: build, boot in QEMU, give the terminal to the guest, or run one command in it."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

from micros import launch
from micros.cli.build import built, summary
from micros.cli.loading import builder
from micros.cli.session import not_negative, session
from micros.run import terminal
from micros.run.vm import Vm, booted

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from micros.base.errors import MicrosError
    from micros.cli.session import Session
    from micros.run.qemu import Emulator, Guest

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
        with launch.directory_for_sockets() as directory:
            guest = launch.guest_of(plan, artefacts, directory)
            emulator = _emulator(current, guest, directory)
            ready = plan.plan.ready_text.encode()

            def again(problem: MicrosError) -> None:
                current.say(f"{problem}\nbooting once more")

            if arguments.command is not None:
                return booted(lambda: _command(guest, emulator, arguments), again)
            if terminal.is_terminal():
                return _interactive(current, guest, emulator, ready)
            return booted(lambda: _to_prompt(current, guest, emulator, ready, arguments.timeout), again)


def _emulator(current: Session, guest: Guest, directory: Path) -> Emulator:
    """How to start QEMU; that it must be brought is said, and timed."""
    if launch.is_on_host(guest.machine):
        return launch.emulator(current.scheduler, current.settings, guest, directory)
    current.say(f"this host has no {guest.machine.qemu}: bringing it from the archive")
    with current.phase("bring QEMU"):
        return launch.emulator(current.scheduler, current.settings, guest, directory)


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
    current.say("\nthe system is up; there is no terminal to give it, so this run ends (`-c COMMAND` runs one in it)")
    current.say(f"times: {current.times()}")
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
