"""Booting a disk the way a machine does: UEFI of the archive in the archive's QEMU, nothing but the disk handed over."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from micros.launch import PACKAGES
from micros.machine import machine_named

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
        self._code = firmware / code
        self._variables = directory / "variables.fd"
        shutil.copy(firmware / variables, self._variables)
        self._machine = machine_named(machine)
        self._root = toolbox.root([PACKAGES[self._machine.qemu]])
        self._sandbox = toolbox.sandbox(self._root)
        self._directory = directory

    def boot(self, disk: Path, until: Sequence[bytes], *, kind: str = "raw", device: str = "virtio-blk-pci") -> bytes:
        """The console of a boot from a disk, up to where all of these texts have come, or time is over."""
        is_pc = self._machine.name == "x86_64"
        board, processor = (self._machine.board, "max") if not is_pc else ("q35,smm=off", "qemu64")
        argv = [self._machine.qemu, "-M", board, "-accel", "tcg", "-cpu", processor, "-m", "512", "-nodefaults"]
        argv += ["-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"]
        argv += ["-drive", f"if=pflash,format=raw,readonly=on,file={self._code}"]
        argv += ["-drive", f"if=pflash,format=raw,file={self._variables}"]
        argv += ["-drive", f"if=none,id=disk,format={kind},snapshot=on,file={disk}", "-device", f"{device},drive=disk"]
        command = self._sandbox.command(
            self._root,
            argv,
            readable=[self._code],
            writable=[self._directory],
            environment={"TMPDIR": str(self._directory)},  # of what `snapshot=on` writes
        )
        return heard_from(command, until)


def heard_from(command: Sequence[str], until: Sequence[bytes], seconds: float = BOOT_SECONDS) -> bytes:
    """What a QEMU says on its standard output, up to where all of these texts have come, or time is over; it is ended then."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert process.stdout is not None
    deadline = time.monotonic() + seconds
    heard = b""
    try:
        while time.monotonic() < deadline and not all(text in heard for text in until):
            if select.select([process.stdout], [], [], 1)[0]:
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    break
                heard += data
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return heard
