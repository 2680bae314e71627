"""Structures of squashfs 4.0 that do not depend on files: superblock, metadata blocks, tables, extended attributes.

superblock | data and fragment blocks | inode table | directory table | fragment table | export table | id table
| xattr table        (little-endian; Linux Documentation/filesystems/squashfs.rst, fs/squashfs/squashfs_fs.h)
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.base.tree import Xattrs

METADATA_BYTES = 8192
"""Uncompressed bytes of a metadata block (squashfs.rst 3.1)."""
METADATA_UNCOMPRESSED = 0x8000
BLOCK_UNCOMPRESSED = 1 << 24
NOTHING = 0xFFFF_FFFF
"""No fragment, no extended attributes."""
NO_TABLE = 0xFFFF_FFFF_FFFF_FFFF

COMPRESSOR_IDS = {"gzip": 1, "xz": 4, "zstd": 6}
SUPERBLOCK = struct.Struct("<5I6H8Q")
"""96 bytes: magic, inodes, time, block size, fragments | compressor, log2 block size, flags, ids, 4, 0 |
root inode, bytes used, starts of the id, xattr, inode, directory, fragment and export table."""
MAGIC = 0x7371_7368
FLAG_DUPLICATES, FLAG_EXPORTABLE = 0x40, 0x80

FRAGMENT = struct.Struct("<QII")
_XATTR_ID = struct.Struct("<QII")
_XATTR_PREFIXES = {"user": 0, "trusted": 1, "security": 2}


class MetadataTable:
    """A run of metadata blocks that grows at its end; a place in it is known as soon as the byte before it is there."""

    def __init__(self, compress: Callable[[bytes], bytes]) -> None:
        self._compress = compress
        self._blocks: list[bytes] = []
        self.pending = bytearray()
        """The block being filled. Who appends to it directly calls `flush` before it asks for a place."""
        self.starts: list[int] = [0]
        """Where each block begins, in compressed bytes from the table's start; the last one is `pending`."""

    def append(self, data: bytes) -> tuple[int, int]:
        """Add data; returns the start of its block, in bytes from the table's start, and its offset in the block."""
        place = self.starts[-1], len(self.pending)
        self.pending += data
        if len(self.pending) >= METADATA_BYTES:
            self.flush()
        return place

    def flush(self) -> None:
        """Compress the blocks that are full."""
        while len(self.pending) >= METADATA_BYTES:
            self._write(bytes(self.pending[:METADATA_BYTES]))
            del self.pending[:METADATA_BYTES]

    def finish(self) -> bytes:
        """The whole table."""
        self.flush()
        if self.pending:
            self._write(bytes(self.pending))
            self.pending.clear()
        return b"".join(self._blocks)

    def _write(self, raw: bytes) -> None:
        packed = self._compress(raw)
        if len(packed) < len(raw):
            block = len(packed).to_bytes(2, "little") + packed
        else:
            block = (len(raw) | METADATA_UNCOMPRESSED).to_bytes(2, "little") + raw
        self._blocks.append(block)
        self.starts.append(self.starts[-1] + len(block))


def indexed_table(data: bytes, at: int, compress: Callable[[bytes], bytes]) -> tuple[bytes, int]:
    """A table of metadata blocks followed by the position of each, for a table that begins at byte `at` of the image.

    Returns the bytes and the position, in the image, of the list of positions, which is what the superblock names.
    """
    table = MetadataTable(compress)
    table.append(data)
    blocks = table.finish()
    starts = table.starts[:-1]
    return blocks + struct.pack(f"<{len(starts)}Q", *(at + start for start in starts)), at + len(blocks)


class XattrTable:
    """Sets of extended attributes, each written once (squashfs.rst 3.8)."""

    def __init__(self, compress: Callable[[bytes], bytes]) -> None:
        self._compress = compress
        self._values = MetadataTable(compress)
        self._numbers: dict[Xattrs, int] = {}
        self._ids = bytearray()

    def number(self, xattrs: Xattrs) -> int:
        """The index of a set. Raises an error of kind `bad-tree` for a name squashfs has no room for."""
        if not xattrs:
            return NOTHING
        known = self._numbers.get(xattrs)
        if known is not None:
            return known
        raw = b"".join(_xattr(name, value) for name, value in xattrs)
        names_bytes = sum(len(name.encode("utf-8", "surrogateescape")) + 1 for name, _ in xattrs)
        start, offset = self._values.append(raw)
        self._ids += _XATTR_ID.pack(start << 16 | offset, len(xattrs), names_bytes)
        return self._numbers.setdefault(xattrs, len(self._numbers))

    def finish(self, at: int) -> tuple[bytes, int]:
        """The table that begins at byte `at` of the image, and the position the superblock names."""
        if not self._numbers:
            return b"", NO_TABLE
        values = self._values.finish()
        ids = MetadataTable(self._compress)
        ids.append(bytes(self._ids))
        blocks = ids.finish()
        header_at = at + len(values) + len(blocks)
        starts = [at + len(values) + start for start in ids.starts[:-1]]
        header = struct.pack(f"<QII{len(starts)}Q", at, len(self._numbers), 0, *starts)
        return values + blocks + header, header_at


def _xattr(name: str, value: bytes) -> bytes:
    prefix, _, rest = name.partition(".")
    kind = _XATTR_PREFIXES.get(prefix)
    key = rest.encode("utf-8", "surrogateescape")
    if kind is None or not rest or len(key) > 255 or len(value) > 65536:
        hint = "squashfs keeps names below user., trusted. and security., with values of up to 64 KiB"
        raise error(Kind.BAD_TREE, f"squashfs cannot keep the extended attribute {name!r}", hint=hint)
    return struct.pack("<HH", kind, len(key)) + key + struct.pack("<I", len(value)) + value
