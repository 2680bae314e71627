"""Starting a machine from a CD, a stick or a disk, by BIOS or UEFI, with nothing but the medium."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from micros.machine import machine_named
from micros.run.qemu import PACKAGES
from tests.vm.firmware import heard_from

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from micros.debian.tools import Toolbox

FIRMWARE = {
    "x86_64": ("ovmf", "OVMF/OVMF_CODE_4M.fd", "OVMF/OVMF_VARS_4M.fd"),
    "aarch64": ("qemu-efi-aarch64", "AAVMF/AAVMF_CODE.fd", "AAVMF/AAVMF_VARS.fd"),
}
BOARDS = {"x86_64": ["-M", "q35,smm=off", "-cpu", "qemu64"], "aarch64": ["-M", "virt", "-cpu", "max"]}
DRIVES = {
    "cd": ("readonly=on", "ide-cd,bus=ide.{}"),
    "disk": ("snapshot=on", "ide-hd,bus=ide.{}"),
    "stick": ("snapshot=on", "usb-storage"),
    "scsi-cd": ("readonly=on", "scsi-cd"),
}


class Player:
    """A machine into which media are put; `directory` is its own, and holds them."""

    def __init__(self, toolbox: Toolbox, directory: Path, machine: str = "x86_64") -> None:
        self._machine = machine_named(machine)
        self._toolbox = toolbox
        self._directory = directory
        self._root = toolbox.root([PACKAGES[self._machine.qemu]])

    def boot(
        self,
        firmware: str,
        media: Sequence[tuple[str, Path]],
        until: Sequence[bytes],
        *,
        first: int = 0,
        typed: Sequence[tuple[bytes, bytes]] = (),
    ) -> str:
        """The console of a boot from one of these media, each with what it is put into."""
        argv = [self._machine.qemu, *BOARDS[self._machine.name], "-accel", "tcg", "-m", "768", "-nodefaults", "-no-user-config"]
        argv += ["-display", "none", "-no-reboot", "-serial", "stdio", "-device", "qemu-xhci", "-device", "virtio-scsi-pci"]
        readable: list[Path] = []
        if firmware == "uefi":
            package, code, variables = FIRMWARE[self._machine.name]
            files = self._toolbox.root([package]) / "usr/share"
            shutil.copy(files / variables, self._directory / "variables.fd")
            readable = [files / code]
            argv += ["-drive", f"if=pflash,format=raw,readonly=on,file={files / code}"]
            argv += ["-drive", f"if=pflash,format=raw,file={self._directory / 'variables.fd'}"]
        for number, (place, path) in enumerate(media):
            access, device = DRIVES[place]
            argv += ["-drive", f"if=none,id=medium{number},format=raw,{access},file={path}"]
            argv += ["-device", f"{device.format(number)},drive=medium{number}" + (",bootindex=0" if number == first else "")]
        command = self._toolbox.sandbox(self._root).command(
            self._root, argv, readable=readable, writable=[self._directory], environment={"TMPDIR": str(self._directory)}
        )
        return heard_from(command, until, typed=typed).decode(errors="replace")
