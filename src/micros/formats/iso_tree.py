"""Directories of ISO 9660 (ECMA-119, 9.1 and 9.4) with Rock Ridge: records of 34 bytes, a name, and fields.

length u8 | 0 | block | size | date | flags | 0 0 | volume u16 | name's length u8 | name, made even | fields, made even

A record lies within one block. A file of several extents has a record for each. Directories may lie deeper than eight levels,
which ECMA-119 does not allow and every reader takes.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from micros.base.errors import Kind, MicrosError, Problem, error
from micros.base.tree import Directory, File
from micros.formats import rock_ridge
from micros.formats.iso_names import iso_names, order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from micros.base.tree import Entry, Tree

BLOCK_BYTES = 2048
EXTENT_BYTES = 0xFFFF_F800
"""The largest extent of whole blocks: its size is a number of 32 bits."""
_MOST_DIRECTORIES = 0xFFFF
_DATE = bytes([80, 1, 1, 0, 0, 0, 0])
"""1980-01-01, as on our FAT file systems (ECMA-119, 9.1.5)."""
_DIRECTORY, _MORE_EXTENTS = 0x02, 0x80
_LARGEST_RECORD = 254


@dataclass(slots=True)
class Node:
    """An entry on its way into the volume."""

    path: str
    entry: Entry
    parent: Node | None = None
    size: int = 0
    block: int = 0
    iso_name: bytes = b"\0"
    children: list[Node] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    """Of a directory: what it says of itself, of the one above and of each child."""

    @property
    def name(self) -> str:
        """Its name in its directory."""
        return self.path.rpartition("/")[2]

    @property
    def links(self) -> int:
        """How many names lead to it: to a directory `.` and each `..` too."""
        below = sum(isinstance(child.entry, Directory) for child in self.children)
        return 2 + below if isinstance(self.entry, Directory) else 1


@dataclass(slots=True)
class Record:
    """One name in a directory."""

    node: Node
    name: bytes
    parts: list[list[bytes]]
    """Its fields: those in the record, then those of each area."""
    areas: list[int] = field(default_factory=list)
    """Where the areas are, in bytes."""

    def fields(self, part: int) -> bytes:
        """The fields of one part, the last of which says where the next are."""
        found = b"".join(self.parts[part])
        if part + 1 == len(self.parts):
            return found
        return found + rock_ridge.continued(*divmod(self.areas[part], BLOCK_BYTES), self.part_bytes(part + 1))

    def part_bytes(self, part: int) -> int:
        """Size of a part."""
        return sum(map(len, self.parts[part])) + (rock_ridge.CE_BYTES if part + 1 < len(self.parts) else 0)

    @property
    def size(self) -> int:
        """Bytes of one of its records, all of which are alike."""
        return even(_bare_bytes(self.name) + self.part_bytes(0))

    def written(self) -> Iterator[bytes]:
        """A record for each extent."""
        is_directory = isinstance(self.node.entry, Directory)
        starts = range(0, 1 if is_directory else max(self.node.size, 1), EXTENT_BYTES)
        for at in starts:
            size = blocks(self.node.size) * BLOCK_BYTES if is_directory else min(EXTENT_BYTES, self.node.size - at)
            flags = _DIRECTORY if is_directory else _MORE_EXTENTS if at != starts[-1] else 0
            yield record(self.name, self.node.block + at // BLOCK_BYTES if size else 0, size, flags, self.fields(0))


def record(name: bytes, block: int, size: int, flags: int, fields: bytes = b"") -> bytes:
    """The bytes of one record."""
    head = rock_ridge.both(block) + rock_ridge.both(size) + _DATE + bytes([flags, 0, 0]) + struct.pack("<H", 1)
    data = head + struct.pack(">H", 1) + bytes([len(name)]) + name + bytes((len(name) + 1) % 2) + fields
    return bytes([even(2 + len(data)), 0]) + data + bytes(len(data) % 2)


def root_record(root: Node) -> bytes:
    """What the volume's descriptor says of the root (ECMA-119, 8.4.18)."""
    return record(b"\0", root.block, blocks(root.size) * BLOCK_BYTES, _DIRECTORY)


def directories(tree: Tree) -> list[Node]:
    """The directories with what is in them, in the order of a path table: by level, then by the parent's place, then by name.

    Raises errors of kind `bad-tree` for extended attributes, and `does-not-fit` for too many directories.
    """
    problems = [
        Problem(Kind.BAD_TREE, f"/{path} has extended attributes, for which an ISO has no place")
        for path, entry in tree.items()
        if isinstance(entry, File | Directory) and entry.xattrs
    ]
    if problems:
        raise MicrosError(*problems)
    found: list[Node] = []
    pending = deque([_nodes(tree)])
    while pending:
        directory = pending.popleft()
        names = iso_names((node.name, isinstance(node.entry, Directory)) for node in directory.children)
        for node in directory.children:
            node.iso_name = names[node.name]
        directory.children.sort(key=lambda node: order(node.iso_name))
        found.append(directory)
        pending += [node for node in directory.children if isinstance(node.entry, Directory)]
    if len(found) > _MOST_DIRECTORIES:
        raise error(Kind.DOES_NOT_FIT, f"an ISO has room for {_MOST_DIRECTORIES} directories, not for {len(found)}")
    for directory in found:
        directory.records = [*_own_records(directory), *map(_record_of, directory.children)]
        directory.size = sum(count for count, _ in _packed(directory))
    return found


def content(directory: Node) -> bytes:
    """The bytes of a directory."""
    return b"".join(bytes(gap) + data for (_, gap), data in zip(_packed(directory), _each(directory), strict=True))


def path_table(every: list[Node], byte_order: str) -> bytes:
    """ECMA-119, 9.4: each directory with the number of its parent, counted from 1."""
    numbers = {id(one): number for number, one in enumerate(every, 1)}
    found = bytearray()
    for one in every:
        found += struct.pack(f"{byte_order}BBIH", len(one.iso_name), 0, one.block, numbers[id(one.parent or one)])
        found += one.iso_name + bytes(len(one.iso_name) % 2)
    return bytes(found)


def blocks(size: int) -> int:
    """Blocks that so many bytes take."""
    return -(-size // BLOCK_BYTES)


def even(size: int) -> int:
    """The next even number."""
    return size + size % 2


def _nodes(tree: Tree) -> Node:
    root = Node("", Directory())
    nodes = {"": root}
    for path, entry in tree.items():
        parent = nodes[path.rpartition("/")[0]]
        nodes[path] = Node(path, entry, parent, entry.size if isinstance(entry, File) else 0)
        parent.children.append(nodes[path])
    return root


def _own_records(directory: Node) -> list[Record]:
    """`.` and `..`; the root's begins with what says that there are fields at all, and whose."""
    above = directory.parent or directory
    own, other = ([rock_ridge.attributes(node.entry, node.links)] for node in (directory, above))
    if directory.parent is None:
        own = [rock_ridge.SP, *own, rock_ridge.ER]
    return [Record(directory, b"\0", [own]), Record(above, b"\1", [other])]


def _record_of(node: Node) -> Record:
    room = _LARGEST_RECORD - _bare_bytes(node.iso_name)
    return Record(node, node.iso_name, rock_ridge.split(rock_ridge.fields(node.name, node.entry, node.links), room))


def _bare_bytes(name: bytes) -> int:
    """Size of a record without fields."""
    return even(33 + len(name))


def _each(directory: Node) -> Iterator[bytes]:
    for one in directory.records:
        yield from one.written()


def _packed(directory: Node) -> Iterator[tuple[int, int]]:
    """For each record the bytes it takes, and how many of them are a gap before it, as none crosses the end of a block."""
    at = 0
    for one in directory.records:
        extents = 1 if isinstance(one.node.entry, Directory) else -(-max(one.node.size, 1) // EXTENT_BYTES)
        for _ in range(extents):
            gap = -at % BLOCK_BYTES if at % BLOCK_BYTES + one.size > BLOCK_BYTES else 0
            at += gap + one.size
            yield gap + one.size, gap
