"""Booting a disk the way a machine does: UEFI of the archive in the archive's QEMU, nothing but the disk handed over."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from micros.machine import machine_named
from micros.run.qemu import PACKAGES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from micros.debian.tools import Toolbox

BOOT_SECONDS = 200
FIRMWARE = {
    "x86_64": ("ovmf", "OVMF/OVMF_CODE_4M.fd", "OVMF/OVMF_VARS_4M.fd"),
    "aarch64": ("qemu-efi-aarch64", "AAVMF/AAVMF_CODE.fd", "AAVMF/AAVMF_VARS.fd"),
    "armv7l": ("qemu-efi-arm", "AAVMF/AAVMF32_CODE.fd", "AAVMF/AAVMF32_VARS.fd"),
    "riscv64": ("qemu-efi-riscv64", "qemu-efi-riscv64/RISCV_VIRT_CODE.fd", "qemu-efi-riscv64/RISCV_VIRT_VARS.fd"),
}
"""By machine: the package of its UEFI, the program and the variables below /usr/share."""


class Uefi:
    """A machine with UEFI; `directory` is its own, and holds its disks."""

    def __init__(self, toolbox: Toolbox, directory: Path, machine: str = "x86_64") -> None:
        package, code, variables = FIRMWARE[machine]
        firmware = toolbox.root([package]) / "usr/share"
        self.code = firmware / code
        self.variables = directory / "variables.fd"
        shutil.copy(firmware / variables, self.variables)
        self._machine = machine_named(machine)
        is_pc = self._machine.name == "x86_64"
        self.board: tuple[str, ...] = (
            ("-M", "q35,smm=off", "-cpu", "qemu64") if is_pc else ("-M", self._machine.board, "-cpu", "max")
        )
        self._root = toolbox.root([PACKAGES[self._machine.qemu]])
        self._sandbox = toolbox.sandbox(self._root)
        self._directory = directory

    def boot(self, disk: Path, until: Sequence[bytes], *, kind: str = "raw", device: str = "virtio-blk-pci") -> bytes:
        """The console of a boot from a disk, up to where all of these texts have come, or time is over."""
        argv = [self._machine.qemu, *self.board, "-accel", "tcg", "-m", "512", "-nodefaults", "-no-user-config"]
        argv += ["-display", "none", "-no-reboot", "-serial", "stdio"]
        argv += ["-drive", f"if=pflash,format=raw,readonly=on,file={self.code}"]
        argv += ["-drive", f"if=pflash,format=raw,file={self.variables}"]
        argv += ["-drive", f"if=none,id=disk,format={kind},snapshot=on,file={disk}", "-device", f"{device},drive=disk"]
        command = self._sandbox.command(
            self._root,
            argv,
            readable=[self.code, disk],
            writable=[self._directory],
            environment={"TMPDIR": str(self._directory)},  # of what `snapshot=on` writes
        )
        return heard_from(command, until)


def heard_from(
    command: Sequence[str], until: Sequence[bytes], seconds: float = BOOT_SECONDS, typed: Sequence[tuple[bytes, bytes]] = ()
) -> bytes:
    """What a QEMU says on its standard output, up to where all of these texts have come, or time is over; it is ended then.

    `typed`: what to wait for and what to type then, one after the other.
    """
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    assert process.stdin is not None
    deadline = time.monotonic() + seconds
    heard, pending, since = b"", list(typed), 0
    try:
        while time.monotonic() < deadline and not all(text in heard for text in until):
            if select.select([process.stdout], [], [], 1)[0]:
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    break
                heard += data
            if pending and pending[0][0] in heard[since:]:
                since = len(heard)
                os.write(process.stdin.fileno(), pending.pop(0)[1])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()
    return heard
