"""GUID partition tables (UEFI 2.10, 5.3) behind a protective MBR (5.2.3).

sector 0       protective MBR
sector 1       header: signature, CRCs, where the other header is, the first and last usable sector, the disk's GUID
from sector 2  128 entries of 128 bytes
...            partitions
at the end     the entries once more, then the other header in the last sector
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from micros.base.errors import Kind, MicrosError, Problem
from micros.formats.mbr import protective_mbr

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

_ENTRIES = 128
_ENTRY_BYTES = 128
_HEADER_BYTES = 92
_LONGEST_NAME_UNITS = 36


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition; places are in sectors."""

    label: str
    """At most 36 units of UTF-16."""
    type: UUID
    uuid: UUID
    first: int
    sectors: int
    attributes: int = 0
    """Bits of table 5.8; the upper 16 belong to the type."""

    @property
    def last(self) -> int:
        """Its last sector."""
        return self.first + self.sectors - 1


def table_sectors(sector_bytes: int) -> int:
    """Sectors of a header and its entries: what both ends of a disk give to the table, the MBR beside."""
    return 1 + _ENTRIES * _ENTRY_BYTES // sector_bytes


def tables(partitions: Sequence[Partition], sectors: int, sector_bytes: int, disk: UUID) -> tuple[bytes, bytes]:
    """The first and the last sectors of a disk of this size.

    Raises all of what cannot be: errors of kind `not-unique` (two partitions of one label or UUID), `does-not-fit` (a name, or
    a partition outside of what is usable) and `clash` (two partitions of one sector).
    """
    first, last = 1 + table_sectors(sector_bytes), sectors - table_sectors(sector_bytes) - 1
    _check(partitions, first, last)
    entries = b"".join(map(_entry, partitions)).ljust(_ENTRIES * _ENTRY_BYTES, b"\0")

    def header(own: int, other: int, entries_at: int) -> bytes:
        usable = (first, last, disk.bytes_le, entries_at, _ENTRIES, _ENTRY_BYTES, zlib.crc32(entries))
        fields = (b"EFI PART", 0x0001_0000, _HEADER_BYTES, 0, 0, own, other, *usable)
        data = struct.pack("<8sIIIIQQQQ16sQIII", *fields)
        return (data[:16] + struct.pack("<I", zlib.crc32(data)) + data[20:]).ljust(sector_bytes, b"\0")

    head = protective_mbr(sectors).ljust(sector_bytes, b"\0") + header(1, sectors - 1, 2) + entries
    return head, entries + header(sectors - 1, 1, last + 1)


def _entry(partition: Partition) -> bytes:
    """Table 5.6: type, GUID, first and last sector, attributes, name."""
    name = partition.label.encode("utf-16-le")
    ids = partition.type.bytes_le, partition.uuid.bytes_le
    return struct.pack("<16s16sQQQ72s", *ids, partition.first, partition.last, partition.attributes, name)


def _check(partitions: Sequence[Partition], first: int, last: int) -> None:
    problems: list[Problem] = []
    for number, one in enumerate(partitions):
        if len(one.label.encode("utf-16-le")) > 2 * _LONGEST_NAME_UNITS:
            text = f"the label {one.label!r} is longer than a GPT's {_LONGEST_NAME_UNITS} units of UTF-16"
            problems.append(Problem(Kind.DOES_NOT_FIT, text))
        if one.sectors < 1 or one.first < first or one.last > last:
            where = f"sectors {one.first} to {one.last}, of which {first} to {last} are usable"
            problems.append(Problem(Kind.DOES_NOT_FIT, f"the partition {one.label} lies outside of its disk: {where}"))
        for other in partitions[:number]:
            if one.label == other.label:
                problems.append(Problem(Kind.NOT_UNIQUE, f"two partitions have the label {one.label}"))
            if one.uuid == other.uuid:
                problems.append(Problem(Kind.NOT_UNIQUE, f"{other.label} and {one.label} have one UUID: {one.uuid}"))
            if one.first <= other.last and other.first <= one.last:
                problems.append(Problem(Kind.CLASH, f"the partitions {other.label} and {one.label} overlap"))
    if len(partitions) > _ENTRIES:
        problems.append(Problem(Kind.DOES_NOT_FIT, f"a GPT has room for {_ENTRIES} partitions, not for {len(partitions)}"))
    if problems:
        raise MicrosError(*problems)
