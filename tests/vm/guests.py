"""Booting artefacts that were built before, in ways `micros run` does not: another command line, more devices, a keyboard."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from micros.debian.tools import Toolbox
from micros.machine import host_machine
from micros.run.qemu import PACKAGES, Emulator, Guest
from micros.run.vm import Vm
from tests.conftest import Command

PATIENCE_SECONDS = 180.0
"""How long a boot may take on a busy machine."""


class Console:
    """A guest and a keyboard for its console."""

    def __init__(self, vm: Vm, keys: int) -> None:
        self.vm = vm
        self._keys = keys

    def type(self, text: str) -> None:
        os.write(self._keys, text.encode())

    def monitor(self, *commands: str) -> None:
        """Commands for QEMU itself (Ctrl-A C changes to its monitor and back)."""
        self.type("\x01c" + "".join(f"{command}\n" for command in commands) + "\x01c")

    def expect(self, text: str) -> None:
        """Wait until the console has shown a text."""
        self.vm.wait_for_console(text.encode(), timeout=PATIENCE_SECONDS)

    @property
    def log(self) -> str:
        return self.vm.log.decode(errors="replace")


class Machine:
    """The artefacts of one build, to be booted again and again."""

    def __init__(self, micros: Command, toolbox: Toolbox, directory: Path, output: str) -> None:
        result = micros.directory / output
        initrd = result / "initrd"
        self.guest = Guest(
            host_machine(),
            result / "kernel",
            initrd if initrd.exists() else None,
            result / "root.squashfs",
            (result / "cmdline").read_text().strip(),
        )
        self._toolbox = toolbox
        self._directory = directory

    @contextmanager
    def boot(self, words: str = "", *, initrd: Path | None = None, device: tuple[str, ...] = ()) -> Iterator[Console]:
        """Boot with more words on the kernel's command line, another initrd, more arguments of QEMU."""
        machine = self.guest.machine
        guest = replace(self.guest, initrd=initrd or self.guest.initrd, cmdline=f"{self.guest.cmdline} {words}")
        root = self._toolbox.root([PACKAGES[machine.qemu]])
        argv = self._toolbox.sandbox(root).command(
            root,
            [machine.qemu, *device],
            readable=guest.inputs,
            writable=[self._directory],
            devices=[Path("/dev/kvm")] if Path("/dev/kvm").exists() else [],
            network=True,
        )
        reading, writing = os.pipe()
        try:
            with Vm(guest, Emulator(tuple(argv), self._directory, self._directory / "note"), keyboard=reading) as vm:
                yield Console(vm, writing)
        finally:
            os.close(reading)
            os.close(writing)
