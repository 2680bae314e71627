"""The Pine A64+: an Allwinner A64, started by U-Boot on the card."""

from __future__ import annotations

from micros.lang import Config, Module, defines, option
from micros.modules.boards.boards import Boards
from micros.modules.boards.cubieboard import SPL_AT_BYTES
from micros.modules.boards.facts import Blob, Board, BoardKernel, PackageFile
from micros.modules.boards.loaders import extlinux

DEVICE_TREE = "sun50i-a64-pine64-plus.dtb"


class Pine64(Module, at="boards.pine64"):
    """Pine64's A64+, which has 1 or 2 GiB of memory."""

    enable: bool = option(default=False, doc="Make the system's card start a Pine A64+.")

    @defines(Boards.chosen, when=enable)
    def board(self, config: Config) -> list[Board]:
        """Its row."""
        return [
            Board(
                option="boards.pine64.enable",
                name="Pine A64+",
                machines=("aarch64",),
                kernel=BoardKernel(
                    "linux-image-arm64",
                    device_trees=(DEVICE_TREE,),
                    modules=("dwmac_sun8i",),
                    initrd_modules=("sunxi_mmc", "axp20x_rsb", "axp20x_regulator"),
                ),
                console="ttyS0,115200",
                texts=extlinux(DEVICE_TREE),
                blobs=(
                    Blob(
                        PackageFile("u-boot-sunxi", "usr/lib/u-boot/pine64_plus/u-boot-sunxi-with-spl.bin"),
                        SPL_AT_BYTES,
                    ),
                ),
            )
        ]
