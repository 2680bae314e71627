"""Master boot records: the old partition table of four entries (UEFI 2.10, 5.2).

440 bytes of code, here: try the next disk | signature u32 | 0 u16 | 4 entries of 16 bytes | 55 AA
entry: active u8 | first sector as CHS | type u8 | last sector as CHS | first sector u32 | sectors u32
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from micros.base.errors import Kind, MicrosError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_PARTITIONS = 4
_LARGEST = 0xFFFF_FFFF
_PROTECTIVE_TYPE = 0xEE
_HEADS, _TRACK_SECTORS, _CYLINDERS = 255, 63, 1024
_CODE = b"\xcd\x18\xeb\xfe"
"""int 18h: the BIOS tries the next disk."""


@dataclass(frozen=True, slots=True)
class MbrPartition:
    """One entry; places are in sectors."""

    type: int
    first: int
    sectors: int
    active: bool = False


def mbr(partitions: Sequence[MbrPartition], signature: int) -> bytes:
    """The record, 512 bytes. Raises errors of kind `does-not-fit` for a fifth partition and for what 32 bits cannot hold."""
    problems: list[Problem] = []
    if len(partitions) > _MOST_PARTITIONS:
        text = f"an MBR has room for {_MOST_PARTITIONS} partitions, not for {len(partitions)}"
        problems.append(Problem(Kind.DOES_NOT_FIT, text, hint="use a GPT"))
    for number, one in enumerate(partitions, 1):
        if one.first + one.sectors - 1 > _LARGEST:
            text = f"partition {number} ends at sector {one.first + one.sectors - 1}, an MBR at {_LARGEST}"
            problems.append(Problem(Kind.DOES_NOT_FIT, text, hint="use a GPT"))
    if problems:
        raise MicrosError(*problems)
    entries = b"".join(_entry(one.active, one.type, one.first, one.sectors) for one in partitions)
    return _record(_CODE, signature, entries)


def protective_mbr(sectors: int, code: bytes = b"", signature: int = 0) -> bytes:
    """The record in front of a GPT: one partition that covers the disk, so that old tools leave it alone (5.2.3).

    With boot code, of at most 440 bytes, there is an empty entry that is active: some BIOSes start no disk without one.
    """
    active = struct.pack("<B3sB3sII", 0x80, b"", 0, b"", 0, 1) if code else b""
    return _record(code, signature, _entry(False, _PROTECTIVE_TYPE, 1, min(sectors - 1, _LARGEST)) + active)


def _record(code: bytes, signature: int, entries: bytes) -> bytes:
    return struct.pack("<440sIH64s2s", code, signature, 0, entries, b"\x55\xaa")


def _entry(active: bool, kind: int, first: int, sectors: int) -> bytes:
    fields = (0x80 if active else 0, _chs(first), kind, _chs(first + sectors - 1), first, sectors)
    return struct.pack("<B3sB3sII", *fields)


def _chs(sector: int) -> bytes:
    """A sector as cylinder, head and sector of 255 heads and 63 sectors a track; FE FF FF where it lies beyond."""
    track, within = divmod(sector, _TRACK_SECTORS)
    cylinder, head = divmod(track, _HEADS)
    if cylinder >= _CYLINDERS:
        return b"\xfe\xff\xff"
    return bytes([head, (within + 1) | cylinder >> 2 & 0xC0, cylinder & 0xFF])
