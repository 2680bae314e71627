"""Inodes and directories of a squashfs image, in one pass over a tree.

Directories are written children first, since a directory's list names the places of its inodes; inode numbers are
given out in the same order beforehand, since a directory's inode names its parent's number (squashfs.rst 3.3, 3.4).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.base.tree import Device, Directory, File, Symlink
from micros.formats.squashfs_blocks import EMPTY
from micros.formats.squashfs_layout import METADATA_BYTES, NOTHING, MetadataTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from micros.base.digest import Digest
    from micros.base.tree import Entry, Tree
    from micros.formats.squashfs_blocks import Layout
    from micros.formats.squashfs_layout import XattrTable

_DIR, _REG, _SYMLINK, _BLOCK, _CHAR, _FIFO, _LDIR, _LREG = 1, 2, 3, 4, 5, 6, 8, 9
_DEVICE_TYPES = {"b": _BLOCK, "c": _CHAR, "p": _FIFO}

# every inode begins: type, mode, uid index, gid index (u16 each), time, inode number
_REG_INODE = struct.Struct("<4H6I")
_LREG_INODE = struct.Struct("<4H2I3Q4I")
_DIR_INODE = struct.Struct("<4H4I2HI")
_LDIR_INODE = struct.Struct("<4H6I2HI")
_SYMLINK_INODE = struct.Struct("<4H4I")
_DEVICE_INODE = struct.Struct("<4H4I")
_FIFO_INODE = struct.Struct("<4H3I")
_INDEX = struct.Struct("<3I")
_HEADER = struct.Struct("<3I")
_ENTRY = struct.Struct("<HhHH")
_HEADER_ENTRIES = 256
_MOST_IDS = 65536
_LARGEST_ID = 0xFFFF_FFFF

Child = tuple[bytes, "Entry"]
Row = tuple[bytes, int, int, int, int]
"""Name, start of the inode's block, offset in it, inode number, basic type: a line of a directory."""


class Inodes:
    """The inode, directory, id and export tables of a tree."""

    count: int
    """Inodes, the root's among them."""
    root: int
    """Reference of the root's inode: start of its block << 16 | offset in it."""
    inode_table: bytes
    directory_table: bytes
    id_table: bytes
    """User and group ids, u32 each, not yet cut into blocks."""
    export_table: bytes
    """Inode references by number, u64 each, not yet cut into blocks."""

    def __init__(
        self,
        tree: Tree,
        layouts: Mapping[Digest, Layout],
        xattrs: XattrTable,
        mtime: int,
        compress: Callable[[bytes], bytes],
    ) -> None:
        self._layouts = layouts
        self._xattrs = xattrs
        self._mtime = mtime
        self._inodes = MetadataTable(compress)
        self._lists = MetadataTable(compress)
        self._ids: dict[int, int] = {}
        self._references: list[int] = []
        children, order = _by_directory(tree)
        numbers = {}
        number = 0
        for path in order:
            number += sum(type(entry) is not Directory for _, entry in children[path]) + 1
            numbers[path] = number
        rows: dict[str, list[Row]] = {path: [] for path in order}
        for path in order:
            own = rows.pop(path)
            own += self._leaves(path, children.pop(path))
            entry = tree[path] if path else Directory()
            assert isinstance(entry, Directory)
            parent, _, name = path.rpartition("/")
            above = numbers[parent] if path else number + 1
            row = self._directory(_encoded(name), entry, own, numbers[path], above)
            if path:
                rows[parent].append(row)
        self.count = number
        self.root = self._references[-1]
        self.inode_table = self._inodes.finish()
        self.directory_table = self._lists.finish()
        self.id_table = struct.pack(f"<{len(self._ids)}I", *self._ids)
        self.export_table = struct.pack(f"<{number}Q", *self._references)

    def _id(self, number: int) -> int:
        """The index of a user or group id."""
        if not 0 <= number <= _LARGEST_ID:
            raise error(Kind.DOES_NOT_FIT, f"the user or group id {number} does not fit Linux's 32 bits")
        index = self._ids.setdefault(number, len(self._ids))
        if index >= _MOST_IDS:
            raise error(Kind.DOES_NOT_FIT, f"squashfs has room for {_MOST_IDS} user and group ids")
        return index

    def _leaves(self, path: str, children: list[Child]) -> list[Row]:
        """Write the inodes of what is not a directory in a directory."""
        rows: list[Row] = []
        table, references, layouts, ids, mtime = self._inodes, self._references, self._layouts, self._ids, self._mtime
        starts, pending = table.starts, table.pending
        pack = _REG_INODE.pack
        number = len(references)
        for name, entry in children:
            if isinstance(entry, Directory):
                continue
            number += 1
            start, offset = starts[-1], len(pending)
            basic = _REG
            if isinstance(entry, File):
                digest, size, mode, uid, gid, xattrs = entry
                layout = layouts[digest] if size else EMPTY
                at, sizes, fragment, inside, sparse = layout
                if xattrs or sparse or (at + size) >> 32 or uid not in ids or gid not in ids:
                    pending += self._large_file(entry, layout, number)
                else:
                    pending += pack(2, mode & 0o7777, ids[uid], ids[gid], mtime, number, at, fragment, inside, size)
                    pending += sizes
            else:
                basic, inode = self._special(entry, number, f"{path}/{_decoded(name)}".lstrip("/"))
                pending += inode
            if len(pending) >= METADATA_BYTES:
                table.flush()
            references.append(start << 16 | offset)
            rows.append((name, start, offset, number, basic))
        return rows

    def _large_file(self, entry: File, layout: Layout, number: int) -> bytes:
        """A file's inode, extended where it has to be."""
        uid, gid = self._id(entry.uid), self._id(entry.gid)
        start, sizes, fragment, offset, sparse = layout
        common = (entry.mode & 0o7777, uid, gid, self._mtime, number)
        if not (entry.xattrs or sparse or (start + entry.size) >> 32):
            return _REG_INODE.pack(_REG, *common, start, fragment, offset, entry.size) + sizes
        # a file of nothing but holes would count as empty to some readers: mksquashfs leaves one byte too
        sparse = min(sparse, entry.size - 1) if entry.size else 0
        xattr = self._xattrs.number(entry.xattrs)
        return _LREG_INODE.pack(_LREG, *common, start, entry.size, sparse, 1, fragment, offset, xattr) + sizes

    def _special(self, entry: Entry, number: int, path: str) -> tuple[int, bytes]:
        """The basic type and the inode of a symbolic link, device or FIFO."""
        uid, gid = self._id(entry.uid), self._id(entry.gid)
        if isinstance(entry, Symlink):
            target = _encoded(entry.target)
            if not 0 < len(target) < 4096 or b"\0" in target:
                raise error(Kind.BAD_TREE, f"the target of the symbolic link /{path} is not of 1 to 4095 bytes without NUL")
            head = _SYMLINK_INODE.pack(_SYMLINK, 0o777, uid, gid, self._mtime, number, 1, len(target))
            return _SYMLINK, head + target
        assert isinstance(entry, Device)
        kind = _DEVICE_TYPES.get(entry.type)
        if kind is None or not (0 <= entry.major < 4096 and 0 <= entry.minor < 1 << 20):
            raise error(Kind.BAD_TREE, f"/{path} is not a device Linux has: {entry.type} {entry.major}:{entry.minor}")
        common = (kind, entry.mode & 0o7777, uid, gid, self._mtime, number, 1)
        if kind == _FIFO:
            return kind, _FIFO_INODE.pack(*common)
        device = entry.minor & 0xFF | entry.major << 8 | (entry.minor & ~0xFF) << 12
        return kind, _DEVICE_INODE.pack(*common, device)

    def _directory(self, name: bytes, entry: Directory, rows: list[Row], number: int, parent: int) -> Row:
        """Write a directory's list and its inode."""
        rows.sort()
        links = 2 + sum(row[4] == _DIR for row in rows)
        data, headers = _listing(rows)
        begin = len(self._lists.pending)
        first = len(self._lists.starts) - 1
        start, offset = self._lists.append(data)
        size = len(data) + 3  # for `.` and `..`, which are not there (squashfs_fs.h)
        xattr = self._xattrs.number(entry.xattrs)
        common = (entry.mode & 0o7777, self._id(entry.uid), self._id(entry.gid), self._mtime, number)
        if size <= 0xFFFF and xattr == NOTHING and len(data) <= METADATA_BYTES:
            inode = _DIR_INODE.pack(_DIR, *common, start, links, size, offset, parent)
        else:
            index: list[bytes] = []
            block = 0
            for at, first_name in headers:
                if (begin + at) // METADATA_BYTES > block:
                    block = (begin + at) // METADATA_BYTES
                    place = self._lists.starts[first + block]
                    index.append(_INDEX.pack(at, place, len(first_name) - 1) + first_name)
            head = _LDIR_INODE.pack(_LDIR, *common, links, size, start, parent, len(index), offset, xattr)
            inode = head + b"".join(index)
        at_block, at_offset = self._inodes.append(inode)
        self._references.append(at_block << 16 | at_offset)
        return name, at_block, at_offset, number, _DIR


def _listing(rows: list[Row]) -> tuple[bytes, list[tuple[int, bytes]]]:
    """A directory's list (squashfs.rst 3.4), and where each of its headers is with the name that follows it."""
    data = bytearray()
    headers: list[tuple[int, bytes]] = []
    pack = _ENTRY.pack
    at = count = base = 0
    block = -1
    for name, start, offset, number, basic in rows:
        if start != block or count == _HEADER_ENTRIES or not -32768 <= number - base <= 32767:
            if count:
                _HEADER.pack_into(data, at, count - 1, block, base)
            at, count, base, block = len(data), 0, number, start
            headers.append((at, name))
            data += bytes(_HEADER.size)
        data += pack(offset, number - base, basic, len(name) - 1)
        data += name
        count += 1
    if count:
        _HEADER.pack_into(data, at, count - 1, block, base)
    return bytes(data), headers


def _by_directory(tree: Tree) -> tuple[dict[str, list[Child]], list[str]]:
    """What is in each directory, and the directories with every one after those below it; the root's path is ''."""
    children: dict[str, list[Child]] = {"": []}
    above, siblings = "", children[""]
    for path, entry in tree.items():
        if type(entry) is Directory:
            children[path] = []
        cut = path.rfind("/")
        parent = path[:cut] if cut > 0 else ""
        if parent != above:
            above, siblings = parent, children[parent]
        siblings.append((path[cut + 1 :].encode("utf-8", "surrogateescape"), entry))
    return children, sorted(children, reverse=True)


def _encoded(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")
