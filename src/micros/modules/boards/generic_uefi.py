"""Any PC or ARM server with UEFI, from a disk, a stick or a card."""

from __future__ import annotations

from micros.lang import Config, Module, defines, option
from micros.machine import machine_named
from micros.modules.boards.boards import Boards
from micros.modules.boards.facts import Board, BoardKernel
from micros.modules.boards.loaders import systemd_boot
from micros.modules.boot.kernel import Boot
from micros.modules.system import Platform

KERNELS = {"x86_64": "linux-image-amd64", "aarch64": "linux-image-arm64"}
"""Debian's kernels with the drivers of real machines."""
NETWORK_CARDS = ("e1000e", "igb", "igc", "r8169", "virtio_net")
MEDIA = ("ahci", "mmc_block", "nvme", "sd_mod", "sdhci_acpi", "sdhci_pci", "uas", "usb_storage", "virtio_blk", "virtio_pci",
         "xhci_pci")  # fmt: skip


class GenericUefi(Module, at="boards.generic_uefi"):
    """A machine that UEFI starts, with the usual disks and network cards."""

    enable: bool = option(default=False, doc="Make the system's card start any machine with UEFI.")

    @defines(Boards.chosen, when=enable)
    def board(self, config: Config) -> list[Board]:
        """Its row."""
        host = machine_named(config[Platform].host)
        files, menu = systemd_boot(host)
        return [
            Board(
                option="boards.generic_uefi.enable",
                name="machine with UEFI",
                machines=tuple(KERNELS),
                kernel=BoardKernel(KERNELS.get(host.name, host.kernel), modules=NETWORK_CARDS, initrd_modules=MEDIA),
                console=host.console,
                files=files,
                texts=menu,
                table="gpt",
                qemu=host.board,
                booted=True,
            )
        ]

    @defines(Boot.kernel_params, when=enable)
    def screen(self, config: Config) -> list[str]:
        """The screen shows the kernel's messages too; the console that is named last is the system's own."""
        return ["console=tty0"]
