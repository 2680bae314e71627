"""Booting from the network the way a machine does: nothing but a network card, and what starts from it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from micros.debian.tools import Toolbox
from tests.vm.firmware import heard_from


class Diskless:
    """A machine with a network card on QEMU's user network; `directory` is its own."""

    def __init__(self, toolbox: Toolbox, directory: Path) -> None:
        self._toolbox = toolbox
        self._directory = directory

    def boot(self, network: str, until: Sequence[bytes], served: Path, *more: str, rom: bool = True) -> bytes:
        """The console of a boot by BIOS. `network` is what the user network says, such as `bootfile=boot.ipxe`; QEMU hands out
        the files of `served` by TFTP. Without `rom`, there is no iPXE on the card.
        """
        root = self._toolbox.root(["ipxe-qemu", "qemu-system-x86"])
        argv = ["qemu-system-x86_64", "-M", "q35,smm=off,graphics=off", "-accel", "tcg", "-m", "512", "-nodefaults"]
        argv += ["-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio", "-device", "virtio-rng-pci"]
        argv += ["-netdev", f"user,id=net,tftp={served},{network}"]
        argv += ["-device", "virtio-net-pci,netdev=net" + ("" if rom else ",romfile="), *more]
        sandbox = self._toolbox.sandbox(root)
        command = sandbox.command(root, argv, readable=[served], writable=[self._directory], network=True)
        return heard_from(command, until)

    def boot_by_uefi(self, network: str, until: Sequence[bytes], served: Path) -> bytes:
        """The console of a boot by UEFI's own PXE, which starts a program."""
        firmware = self._toolbox.root(["ovmf"]) / "usr/share/OVMF"
        for name in ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"):
            shutil.copy(firmware / name, self._directory)
        flash = [f"if=pflash,format=raw,readonly=on,file={self._directory}/OVMF_CODE_4M.fd"]
        flash += [f"if=pflash,format=raw,file={self._directory}/OVMF_VARS_4M.fd"]
        drives = [word for drive in flash for word in ("-drive", drive)]
        return self.boot(network, until, served, *drives, "-cpu", "qemu64", rom=False)
