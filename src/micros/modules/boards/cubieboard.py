"""The Cubieboard: an Allwinner A10, started by U-Boot on the card."""

from __future__ import annotations

from micros.lang import Config, Module, defines, option
from micros.modules.boards.boards import Boards
from micros.modules.boards.facts import Blob, Board, BoardKernel, PackageFile
from micros.modules.boards.loaders import extlinux

DEVICE_TREE = "sun4i-a10-cubieboard.dtb"
SPL_AT_BYTES = 8 << 10
"""Where the processor's own program looks for U-Boot's first part on a card (linux-sunxi.org, Boot process)."""


class Cubieboard(Module, at="boards.cubieboard"):
    """Cubietech's first board."""

    enable: bool = option(default=False, doc="Make the system's card start a Cubieboard.")

    @defines(Boards.chosen, when=enable)
    def board(self, config: Config) -> list[Board]:
        """Its row."""
        return [
            Board(
                option="boards.cubieboard.enable",
                name="Cubieboard",
                machines=("armv7l",),
                kernel=BoardKernel(
                    "linux-image-armmp",
                    device_trees=(DEVICE_TREE,),
                    modules=("sun4i_emac", "mdio_sun4i", "ahci_sunxi"),
                    initrd_modules=("sunxi_mmc", "i2c_mv64xxx", "axp20x_regulator"),
                ),
                console="ttyS0,115200",
                texts=extlinux(DEVICE_TREE),
                blobs=(Blob(PackageFile("u-boot-sunxi", "usr/lib/u-boot/Cubieboard/u-boot-sunxi-with-spl.bin"), SPL_AT_BYTES),),
                qemu="cubieboard",
                booted=True,
            )
        ]
