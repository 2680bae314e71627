"""Where the root file system is, and what of it can be written."""

from __future__ import annotations

from typing import Annotated, Literal

from micros.lang import Module, Range, option


class Root(Module, at="storage.root"):
    """The read-only root. /run, /tmp and /var are memory; /var starts as the image has it."""

    device: str = option(default="/dev/vda", doc="Block device that holds the squashfs; `root=` overrides it.")
    fs_type: str = option(default="squashfs", doc="File system of the root.")
    options: list[str] = option(default=["ro"], doc="Mount options.")
    kernel_modules: list[str] = option(default=["virtio_blk"], doc="Drivers of the disk.")
    compression: Literal["zstd", "xz", "gzip"] = option(default="zstd", doc="Compression of the image.")
    level: Annotated[int, Range(0, 22)] = option(default=0, doc="Strength of the compression; 0 is the strongest usual one.")
