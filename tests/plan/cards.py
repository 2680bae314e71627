"""What is on a card: its partition table, the files of its first partition, and what U-Boot and the processors' own programs
read of both.
"""

from __future__ import annotations

import re
import struct
import subprocess
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

SECTOR_BYTES = 512
EGON_SEED = 0x5F0A_6C39
DEVICE_TREE_MAGIC = b"\xd0\x0d\xfe\xed"
UIMAGE_MAGIC = b"\x27\x05\x19\x56"
KERNELS = {
    "armv7l": (0x24, b"\x18\x28\x6f\x01"),  # zImage: what U-Boot's bootz looks for
    "aarch64": (0x38, b"ARM\x64"),  # Documentation/arch/arm64/booting.rst
    "riscv64": (0x38, b"RSC\x05"),  # Documentation/arch/riscv/boot-image-header.rst
}
"""Where the image of a kernel says what it is."""


@dataclass(frozen=True)
class Partition:
    """A primary partition of an MBR."""

    type: int
    active: bool
    at_bytes: int
    size_bytes: int


class Card:
    """A card image; `mcopy` is the program of mtools."""

    def __init__(self, image: Path, mcopy: str) -> None:
        self.image = image
        self._mcopy = mcopy

    def read(self, at_bytes: int, count: int) -> bytes:
        with self.image.open("rb") as stream:
            stream.seek(at_bytes)
            return stream.read(count)

    @cached_property
    def partitions(self) -> list[Partition]:
        table = self.read(446, 66)
        assert table[64:] == b"\x55\xaa"
        found = []
        for at in range(0, 64, 16):
            flag, kind, first, count = struct.unpack("<B3xB3xII", table[at : at + 16])
            if count:
                found.append(Partition(kind, flag == 0x80, first * SECTOR_BYTES, count * SECTOR_BYTES))
        return found

    @property
    def identity(self) -> str:
        """What Linux calls the disk (root=PARTUUID=...)."""
        return f"{struct.unpack('<I', self.read(440, 4))[0]:08x}"

    def file(self, path: str) -> bytes:
        """A file of the first partition."""
        source = f"{self.image}@@{self.partitions[0].at_bytes}"
        return subprocess.run([self._mcopy, "-n", "-i", source, f"::{path}", "-"], capture_output=True, check=True).stdout

    @cached_property
    def menu(self) -> dict[str, str]:
        """The words of extlinux.conf."""
        lines = self.file("extlinux/extlinux.conf").decode().splitlines()
        return {name: value for name, _, value in (line.strip().partition(" ") for line in lines)}


def check_menu(card: Card, machine: str, compatible: bytes, loader: bytes) -> None:
    """What U-Boot finds by its menu is there, is what it takes, and lies in memory where its own addresses leave room."""
    assert b"extlinux/extlinux.conf" in loader
    kernel, initrd, tree = (card.file(card.menu[name]) for name in ("LINUX", "INITRD", "FDT"))
    at, magic = KERNELS[machine]
    assert kernel[at : at + 4] == magic
    assert initrd[:4] == b"\x28\xb5\x2f\xfd"  # zstd
    assert tree[:4] == DEVICE_TREE_MAGIC
    assert compatible in tree
    assert card.menu["DEFAULT"] == card.menu["LABEL"]
    words = card.menu["APPEND"].split()
    assert "console=ttyS0,115200" in words
    assert f"root=PARTUUID={card.identity}-02" in words
    places = {
        name: int(re.findall(rb"\0%b_addr_r=(0x[0-9A-Fa-f]+)\0" % name, loader)[0], 16)
        for name in (b"kernel", b"fdt", b"ramdisk")
    }
    ends = [(places[b"kernel"], len(kernel)), (places[b"fdt"], len(tree)), (places[b"ramdisk"], len(initrd))]
    for (start, size), (following, _) in zip(sorted(ends), sorted(ends)[1:], strict=False):
        assert start + size <= following


def check_allwinner(card: Card, loader: bytes) -> None:
    """The processor finds its first program at 8 KiB, whose sum is right; that finds the second at 40 KiB."""
    at = 8 << 10
    assert card.read(at, len(loader)) == loader
    assert at + len(loader) <= card.partitions[0].at_bytes
    assert loader[4:12] == b"eGON.BT0"
    checksum, length = struct.unpack_from("<II", loader, 12)
    words = struct.unpack_from(f"<{length // 4}I", loader)
    assert (sum(words) - checksum + EGON_SEED) & 0xFFFF_FFFF == checksum
    second = card.read(40 << 10, 64)
    if second[:4] == UIMAGE_MAGIC:
        assert zlib.crc32(second[:4] + bytes(4) + second[8:]) == struct.unpack_from(">I", second, 4)[0]
    else:
        assert second[:4] == DEVICE_TREE_MAGIC  # a flat image tree


def check_am335x(card: Card, first: bytes) -> None:
    """The processor finds MLO on an active FAT partition (AM335x technical reference manual, 26.1.8.5.5 and 26.1.9.2): a table
    of contents for other media, then size and address of the program.
    """
    boot = card.partitions[0]
    assert boot.active
    assert boot.type in (0x06, 0x0B, 0x0C, 0x0E)
    assert first[20:30] == b"CHSETTINGS"
    size, address = struct.unpack_from("<II", first, 512)
    assert address == 0x402F_0400
    assert size <= len(first) - 512 <= 109 << 10  # the processor's own memory
    assert card.file("u-boot.img")[:4] == DEVICE_TREE_MAGIC
