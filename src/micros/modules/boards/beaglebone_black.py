"""The BeagleBone Black: a TI AM3358, started by U-Boot on the card."""

from __future__ import annotations

from micros.lang import Config, Module, defines, option
from micros.modules.boards.boards import Boards
from micros.modules.boards.facts import Board, BoardKernel, PackageFile
from micros.modules.boards.loaders import extlinux

DEVICE_TREE = "am335x-boneblack.dtb"
U_BOOT = "usr/lib/u-boot/am335x_boneblack"


class BeagleboneBlack(Module, at="boards.beaglebone_black"):
    """The BeagleBone Black. It reads a card rather than its own flash while the button beside the card is held."""

    enable: bool = option(default=False, doc="Make the system's card start a BeagleBone Black.")

    @defines(Boards.chosen, when=enable)
    def board(self, config: Config) -> list[Board]:
        """Its row. The processor's own program reads MLO from a FAT file system (AM335x reference manual, 26.1.8.5), which
        reads u-boot.img beside it.
        """
        return [
            Board(
                option="boards.beaglebone_black.enable",
                name="BeagleBone Black",
                machines=("armv7l",),
                kernel=BoardKernel(
                    "linux-image-armmp",
                    device_trees=(DEVICE_TREE,),
                    modules=("ti_cpsw", "ti_cpsw_new", "davinci_mdio"),
                    initrd_modules=("sdhci_omap", "tps65217"),
                ),
                console="ttyS0,115200",
                files={name: PackageFile("u-boot-omap", f"{U_BOOT}/{name}") for name in ("MLO", "u-boot.img")},
                texts=extlinux(DEVICE_TREE),
            )
        ]
