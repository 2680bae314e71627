"""The card of a board: what its processor starts, a partition for the loader, the root.

raw   what a board's processor reads at a fixed place, before the first partition
boot  FAT   firmware, loader and its menu, kernels, initrds, device trees
root        the squashfs
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from micros.lang import Config, Module, check, lazy, option
from micros.modules.boards.boards import Boards
from micros.modules.images.disk import EspLabel, Label, Mib
from micros.modules.system import Artefact


class SdImage(Module, at="images.sd"):
    """The layout of sd_image; boards.* say what is on it."""

    size: Mib | None = option(default=None, default_text="as needed", doc="Size of the card in MiB.", example=512)
    boot_size: Mib | None = option(default=None, default_text="as needed", doc="Size of the boot partition in MiB.")
    boot_label: EspLabel = option(default="BOOT", doc="Name of the boot partition's file system.")
    root_label: Label = option(default="root", doc="Name of the root's partition.")

    @check
    def labels_differ(self, config: Config) -> str | None:
        """Two partitions of one name cannot be told apart."""
        is_bad = self.boot_label == self.root_label
        return f"images.sd: two partitions have the label {self.root_label}" if is_bad else None

    def layout(self, config: Config) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "boards": [asdict(board) for board in config[Boards].chosen],
            "table": next((board.table for board in config[Boards].chosen), "mbr"),
            "size": self.size or 0,
            "boot": {"label": self.boot_label, "size": self.boot_size or 0},
            "root": {"label": self.root_label},
        }


class SdImageArtefact(Module, at="system.build"):
    """The image by itself."""

    sd_image: Artefact = option(
        default=lazy(lambda config: Artefact("micros.plan.artefacts.card:image", config[SdImage].layout(config))),
        default_text="of boards.* and images.sd",
        doc="a card that starts the boards of boards.*",
    )
