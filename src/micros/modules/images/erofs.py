"""The root file system as an EROFS image, which the kernel reads in pieces of any place: beside squashfs, or instead of it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from micros.lang import Config, Module, Range, check, option
from micros.modules.system import Artefact

HIGHEST = {"lz4hc": 12, "lzma": 9, "zstd": 22, "deflate": 9}
"""Strength of each compression that mkfs.erofs(1) takes."""


class Erofs(Module, at="images.erofs"):
    """How the image is made."""

    compression: Literal["lzma", "zstd", "deflate", "lz4hc", "none"] = option(
        default="lzma", doc="Compression; lzma makes the smallest image, lz4hc the one that is read fastest."
    )
    level: Annotated[int, Range(0, 22)] = option(default=0, doc="Strength of the compression; 0 is the strongest usual one.")
    cluster_size: Literal[4, 8, 16, 32, 64, 128, 256, 512, 1024] = option(
        default=128, doc="KiB that are compressed together: what is read at least, wherever something is read."
    )

    @check
    def level_exists(self, config: Config) -> str | None:
        """Each compression has its own levels."""
        highest = HIGHEST.get(self.compression, 0)
        if self.level <= highest:
            return None
        return f"images.erofs.level is {self.level}, {self.compression} takes " + (f"1 to {highest}" if highest else "none")

    def options(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {"compression": self.compression, "level": self.level, "cluster_size": self.cluster_size}


class ErofsArtefact(Module, at="system.build"):
    """The image by itself."""

    erofs_image: Artefact = option(
        default=Artefact("micros.plan.artefacts.erofs:image"),
        doc="the root file system as an EROFS image; storage.root.fs_type makes it the one that boots",
    )
