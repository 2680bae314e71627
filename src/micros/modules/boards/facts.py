"""What is known of a board: the row that its module gives to `Boards.chosen`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

CMDLINE = "@cmdline@"
"""Stands in a text of the boot partition for the kernel's command line, which says where the root is."""


@dataclass(frozen=True, slots=True)
class BoardKernel:
    """A kernel that a board can start."""

    package: str
    device_trees: tuple[str, ...] = ()
    """Globs of names of files that its package has below /usr/lib/linux-image-<release>."""
    modules: tuple[str, ...] = ()
    """Modules in the root that are loaded when the hardware asks for them."""
    initrd_modules: tuple[str, ...] = ()
    """Modules that reach the card, loaded when the hardware asks for them."""


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file of a package for the board's firmware."""

    package: str
    path: str
    """Below /."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes before the first partition, which the processor's own program reads."""

    file: PackageFile
    at_bytes: int


@dataclass(frozen=True, slots=True)
class Board:
    """One board."""

    option: str
    """What chooses it."""
    name: str
    """As people call it."""
    machines: tuple[str, ...]
    """Systems that run on it."""
    kernel: BoardKernel
    console: str
    """Kernel name of its serial port, with its speed."""
    files: Mapping[str, PackageFile] = field(default_factory=dict)
    """Firmware by path on the boot partition."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Texts by path on the boot partition, with CMDLINE in those that carry it."""
    blobs: tuple[Blob, ...] = ()
    table: Literal["mbr", "gpt"] = "mbr"
    qemu: str | None = None
    """QEMU's name of the board."""
    booted: bool = False
    """Whether a test boots its card in QEMU."""
    limits: str = ""
    """What does not work, for people."""

    @property
    def proof(self) -> str:
        """What shows that its card works, for people."""
        return f"booted in QEMU ({self.qemu})" if self.booted else "built, not booted"
