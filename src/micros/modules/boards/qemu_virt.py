"""QEMU's board `virt`, started from its card by UEFI, which U-Boot has too."""

from __future__ import annotations

from micros.lang import Config, Module, defines, option
from micros.machine import machine_named
from micros.modules.boards.boards import Boards
from micros.modules.boards.facts import Board, BoardKernel
from micros.modules.boards.loaders import systemd_boot
from micros.modules.system import Platform

MACHINES = ("aarch64", "armv7l", "riscv64")


class QemuVirt(Module, at="boards.qemu_virt"):
    """QEMU's board for ARM and RISC-V. `micros run` needs no card: it hands kernel and root over."""

    enable: bool = option(default=False, doc="Make the system's card start QEMU's board `virt`.")

    @defines(Boards.chosen, when=enable)
    def board(self, config: Config) -> list[Board]:
        """Its row."""
        host = machine_named(config[Platform].host)
        files, menu = systemd_boot(host)
        return [
            Board(
                option="boards.qemu_virt.enable",
                name="QEMU virt",
                machines=MACHINES,
                kernel=BoardKernel(
                    host.kernel,
                    modules=("virtio_net", "virtio_rng"),
                    initrd_modules=("virtio_pci", "virtio_mmio", "virtio_blk"),
                ),
                console=host.console,
                files=files,
                texts=menu,
                qemu="virt",
                booted=True,
            )
        ]
