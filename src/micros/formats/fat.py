"""FAT12, FAT16 and FAT32 file systems (Microsoft FAT specification, August 2005; names: see fat_names.py).

    boot sector ... | FAT | the same FAT | root directory (12, 16) | cluster 2 | cluster 3 | ...
    FAT32: sector 1 is FSInfo, 6 and 7 are copies of 0 and 1; the root directory is a chain of clusters

Everything lies in one piece, in the tree's order, and has the date on which FAT's calendar begins. Modes and owners have no
place in the format and are left out.
"""

from __future__ import annotations

import struct
import sys
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from micros.base.errors import Kind, MicrosError, Problem, error
from micros.base.sparse import write_sparse
from micros.base.tree import Directory, File
from micros.formats.contents import pieces
from micros.formats.fat_names import RECORD_BYTES, aliases, long_name, problems_of, records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from micros.base.digest import Digest
    from micros.base.step import Blobs, Job
    from micros.base.tree import Tree

_LARGEST_FILE = 0xFFFF_FFFF
_LARGEST_DIRECTORY = 1 << 21
_CLUSTERS = {12: (1, 4084), 16: (4085, 65524), 32: (65525, 0x0FFF_FFF5)}
"""How many clusters make a FAT of this kind: nothing but their number tells the kinds apart."""
_CLUSTER_BYTES = (4096, 8192, 16384, 32768, 2048, 1024, 512)
"""Sizes of clusters, the preferred ones first: 4 KiB is what memory and flash are divided into."""
_LARGEST_CLUSTER = max(_CLUSTER_BYTES)
_FAT32_FROM_BYTES = 512 << 20
_FAT16_FROM_BYTES = 4300800
_DATE = 1 << 5 | 1
"""1980-01-01."""
_VOLUME, _DIRECTORY, _ARCHIVE = 0x08, 0x10, 0x20
_LARGEST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where the parts of a file system lie, in sectors unless the name says otherwise."""

    bits: int
    sector_bytes: int
    sectors: int
    cluster_sectors: int
    reserved: int
    fat_sectors: int
    root_records: int
    """Places in the root directory of FAT12 and FAT16; 0 for FAT32."""

    @classmethod
    def of(cls, bits: int, sectors: int, sector_bytes: int, cluster_bytes: int, root_records: int) -> Geometry:
        """The parts of a file system of this kind and size, with FATs as small as can be."""
        reserved = 32 if bits == 32 else 1
        per_sector = sector_bytes // RECORD_BYTES
        root = 0 if bits == 32 else -(-max(root_records, 512) // per_sector) * per_sector
        cluster_sectors = cluster_bytes // sector_bytes
        clusters = max(0, sectors - reserved - root // per_sector) // cluster_sectors
        fat_sectors = -(-(clusters + 2) * bits // (8 * sector_bytes))
        reserved += -(reserved + 2 * fat_sectors + root // per_sector) % cluster_sectors  # clusters lie as memory and flash do
        return cls(bits, sector_bytes, sectors, cluster_sectors, reserved, fat_sectors, root)

    @property
    def root_at(self) -> int:
        """The first sector after the FATs."""
        return self.reserved + 2 * self.fat_sectors

    @property
    def data_at(self) -> int:
        """The first sector of cluster 2."""
        return self.root_at + self.root_records * RECORD_BYTES // self.sector_bytes

    @property
    def clusters(self) -> int:
        """How many clusters there are."""
        return max(0, self.sectors - self.data_at) // self.cluster_sectors

    @property
    def cluster_bytes(self) -> int:
        """Size of a cluster."""
        return self.cluster_sectors * self.sector_bytes

    def offset(self, cluster: int) -> int:
        """Where a cluster begins, in bytes; 0 is the root directory of FAT12 and FAT16."""
        sector = self.root_at if not cluster else self.data_at + (cluster - 2) * self.cluster_sectors
        return sector * self.sector_bytes


@dataclass(slots=True)
class _Node:
    """A file or directory on its way into the file system."""

    path: str
    entry: File | Directory
    children: dict[str, _Node] = field(default_factory=dict)
    size: int = 0
    cluster: int = 0
    """The first one; 0 for what has none."""


@dataclass(frozen=True, slots=True)
class Volume:
    """What a file system is to be like."""

    size_bytes: int = 0
    """A multiple of `sector_bytes`; 0: as large as the contents need, rounded up to `align_bytes`."""
    sector_bytes: int = 512
    """512 to 4096, the disk's own."""
    bits: int = 0
    """12, 16 or 32; 0: as is usual for the size."""
    label: str = ""
    """At most 11 characters, capitals."""
    volume_id: int | None = None
    """Serial number of 32 bits; made of the contents where it is not given."""
    align_bytes: int = 1 << 20


def write(job: Job) -> Digest:
    """Step program: input `tree`; parameters as `Volume` has them."""
    out = job.scratch / "image.fat"
    with out.open("w+b") as stream:
        write_fat(job.tree(job.inputs["tree"]), job, stream, Volume(**job.parameters))
    return job.put_file(out)


def write_fat(tree: Tree, blobs: Blobs, out: BinaryIO, volume: Volume) -> Geometry:
    """Write a tree's file system into an empty file.

    Raises errors of kind `bad-tree` (an entry or a name that FAT does not know), `clash` (names that differ in case alone),
    `does-not-fit` (a file of 4 GiB, a size too small), `usage` (a label), `damaged` (a content that is not what the tree says).
    """
    root = _nodes(tree)
    label = _label(volume.label)
    _directory_sizes(root, label)
    nodes = list(_walk(root))
    geometry = _geometry(nodes, volume)
    used = _allocate(nodes, geometry)
    serial = int(tree.digest[:8], 16) if volume.volume_id is None else volume.volume_id
    out.truncate(geometry.sectors * geometry.sector_bytes)
    _write_head(out, geometry, label, serial, geometry.clusters - used)
    _write_fats(out, geometry, nodes, used)
    for node in nodes:
        if isinstance(node.entry, Directory):
            _seek(out, geometry, node.cluster)
            out.write(_directory(node, root, label))
        elif node.size:
            _seek(out, geometry, node.cluster)
            for piece in pieces(f"/{node.path}", node.entry, blobs):
                write_sparse(out, piece)
    out.seek(0, 2)
    return geometry


def places(tree: Tree, volume: Volume) -> dict[Digest, int]:
    """Where `write_fat` puts each content, in bytes: those that are not empty lie in one piece."""
    root = _nodes(tree)
    _directory_sizes(root, _label(volume.label))
    nodes = list(_walk(root))
    geometry = _geometry(nodes, volume)
    _allocate(nodes, geometry)
    return {node.entry.digest: geometry.offset(node.cluster) for node in nodes if isinstance(node.entry, File) and node.size}


def _seek(out: BinaryIO, geometry: Geometry, cluster: int) -> None:
    out.seek(geometry.offset(cluster))


def _nodes(tree: Tree) -> _Node:
    """The tree as nodes, all of whose names FAT can hold."""
    root = _Node("", Directory())
    nodes = {"": root}
    problems: list[Problem] = []
    for path, entry in tree.items():
        parent, _, name = path.rpartition("/")
        if not isinstance(entry, File | Directory):
            problems.append(Problem(Kind.BAD_TREE, f"FAT has no {type(entry).__name__.lower()}s, as /{path} is one"))
            continue
        if isinstance(entry, File) and entry.size > _LARGEST_FILE:
            text = f"/{path} has {entry.size} bytes, a file on FAT at most {_LARGEST_FILE}"
            problems.append(Problem(Kind.DOES_NOT_FIT, text))
        size = entry.size if isinstance(entry, File) else 0
        nodes[path] = nodes[parent].children[name] = _Node(path, entry, size=size)
    for node in nodes.values():
        problems += problems_of("/" + node.path if node.path else "", node.children)
    if problems:
        raise MicrosError(*problems)
    return root


def _label(label: str) -> bytes:
    """A volume label as 11 bytes; nothing where there is none."""
    good = label.isascii() and label.isprintable() and label == label.upper() and not set(label) & set('"*+,./:;<=>?[\\]|')
    if not good or len(label) > 11 or label != label.strip():
        message = f"{label!r} cannot be the label of a FAT file system"
        raise error(Kind.USAGE, message, hint="at most 11 capital letters, digits, `-`, `_` and spaces")
    return label.encode("ascii").ljust(11) if label else b""


def _directory_sizes(root: _Node, label: bytes) -> None:
    for node in _walk(root):
        if isinstance(node.entry, Directory):
            extra = bool(label) if node is root else 2  # the label; `.` and `..`
            node.size = RECORD_BYTES * (extra + sum(map(records, node.children)))
            if node.size > _LARGEST_DIRECTORY:
                raise error(Kind.DOES_NOT_FIT, f"/{node.path} has too many entries for a FAT directory: {len(node.children)}")


def _walk(node: _Node) -> Iterator[_Node]:
    """A node, then what is below it, in order."""
    pending = [node]
    while pending:
        node = pending.pop()
        yield node
        pending += reversed(node.children.values())


def _needed(nodes: list[_Node], geometry: Geometry) -> int:
    """Clusters that the contents take. A directory of FAT32, as any chain, has at least one."""
    sizes = [max(node.size, 1) if isinstance(node.entry, Directory) else node.size for node in nodes]
    return sum(-(-size // geometry.cluster_bytes) for size in (sizes if geometry.bits == 32 else sizes[1:]))


def _geometry(nodes: list[_Node], volume: Volume) -> Geometry:
    """The parts of the file system, of the size that was given or that the contents need."""
    if volume.sector_bytes not in (512, 1024, 2048, 4096) or volume.size_bytes % volume.sector_bytes:
        raise error(Kind.USAGE, f"FAT has no {volume.size_bytes} bytes in sectors of {volume.sector_bytes}")
    size = volume.size_bytes or -(-sum(node.size for node in nodes) // volume.align_bytes) * volume.align_bytes
    while True:
        found = _usual(size, volume, nodes[0].size // RECORD_BYTES)
        missing = 1 if found is None else _needed(nodes, found) - found.clusters
        if found is not None and missing <= 0:
            return found
        if volume.size_bytes or (found is None and size > _LARGEST_CLUSTER * _CLUSTERS[volume.bits or 32][1]):
            raise _too_small(nodes, volume, found)
        missing_bytes = missing * found.cluster_bytes if found is not None else 1
        size += -(-missing_bytes // volume.align_bytes) * volume.align_bytes


def _usual(size: int, volume: Volume, root_records: int) -> Geometry | None:
    """The usual kind and cluster size for a file system of this size; None where no kind has it."""
    usual = 32 if size >= _FAT32_FROM_BYTES else 16 if size >= _FAT16_FROM_BYTES else 12
    kinds = [volume.bits] if volume.bits else sorted(_CLUSTERS, key=lambda bits: bits != usual)
    # A FAT of more than 2 million clusters, as 4 KiB give 8 GiB, is slow to look through.
    least = next(count for count in (4096, 8192, 16384, 32768) if size <= count << 21 or count == 32768)
    wanted = sorted(_CLUSTER_BYTES, key=lambda count: count < least)
    for bits in kinds:
        low, high = _CLUSTERS[bits]
        for cluster_bytes in wanted:
            if cluster_bytes < volume.sector_bytes:
                continue
            found = Geometry.of(bits, size // volume.sector_bytes, volume.sector_bytes, cluster_bytes, root_records)
            if low <= found.clusters <= high and found.sectors <= 0xFFFF_FFFF:
                return found
    return None


def _too_small(nodes: list[_Node], volume: Volume, found: Geometry | None) -> MicrosError:
    if found is None:
        kind = f"FAT{volume.bits}" if volume.bits else "FAT"
        size = volume.size_bytes or sum(node.size for node in nodes)
        return error(Kind.DOES_NOT_FIT, f"{kind} cannot have {size} bytes in sectors of {volume.sector_bytes}")
    needed, given = _needed(nodes, found) * found.cluster_bytes, found.clusters * found.cluster_bytes
    files = sorted((node for node in nodes if isinstance(node.entry, File)), key=lambda node: -node.size)
    notes = [f"{node.size:>12} bytes  /{node.path}" for node in files[:_LARGEST_SHOWN]]
    message = f"a FAT file system of {volume.size_bytes} bytes has room for {given}, its contents need {needed}"
    return error(Kind.DOES_NOT_FIT, message, notes=notes, hint="make it larger, or give no size")


def _allocate(nodes: list[_Node], geometry: Geometry) -> int:
    """Give every node its place, one after the other; how many clusters are used."""
    following = 2
    for node in nodes:
        is_directory = isinstance(node.entry, Directory)
        if node is nodes[0] and geometry.bits != 32:
            continue
        count = -(-max(node.size, int(is_directory)) // geometry.cluster_bytes)
        node.cluster = following if count else 0
        following += count
    return following - 2


def _write_head(out: BinaryIO, geometry: Geometry, label: bytes, serial: int, free: int) -> None:
    """The boot sector; for FAT32 FSInfo too, and copies of both."""
    boot = bytearray(geometry.sector_bytes)
    is_32 = geometry.bits == 32
    small = 0 if is_32 or geometry.sectors > 0xFFFF else geometry.sectors
    code = 0x5A if is_32 else 0x3E
    struct.pack_into("<3s8s", boot, 0, bytes([0xEB, code - 2, 0x90]), b"MicrOS  ")
    struct.pack_into(
        "<HBHBHHBHHHII", boot, 11,
        geometry.sector_bytes, geometry.cluster_sectors, geometry.reserved, 2, geometry.root_records, small, 0xF8,
        0 if is_32 else geometry.fat_sectors, 63, 255, 0, 0 if small else geometry.sectors,
    )  # fmt: skip
    if is_32:
        struct.pack_into("<IHHIHH", boot, 36, geometry.fat_sectors, 0, 0, 2, 1, 6)
    name = f"FAT{geometry.bits}".ljust(8).encode("ascii")
    struct.pack_into("<BBBI11s8s", boot, code - 26, 0x80, 0, 0x29, serial, label or b"NO NAME    ", name)
    boot[code : code + 4] = b"\xcd\x18\xeb\xfe"  # int 18h: let the BIOS try the next disk
    boot[510:512] = b"\x55\xaa"
    out.seek(0)
    out.write(boot)
    if is_32:
        info = bytearray(geometry.sector_bytes)
        struct.pack_into("<I", info, 0, 0x4161_5252)
        struct.pack_into("<III", info, 484, 0x6141_7272, free, 2 + geometry.clusters - free if free else 0xFFFF_FFFF)
        info[510:512] = b"\x55\xaa"
        out.write(info)
        out.seek(6 * geometry.sector_bytes)
        out.write(boot + info)


def _write_fats(out: BinaryIO, geometry: Geometry, nodes: list[_Node], used: int) -> None:
    """Both FATs. Everything is in one piece, so each cluster names the next, but for the last ones of a chain."""
    end = (1 << min(geometry.bits, 28)) - 1
    chain = array("I", range(1, used + 3))
    chain[0], chain[1] = end - 7, end  # the medium; clean and without errors
    firsts = [node.cluster for node in nodes if node.cluster] + [used + 2]
    for first in firsts[1:]:
        chain[first - 1] = end
    if geometry.bits == 12:
        chain.append(0)
        pairs = zip(chain[::2], chain[1::2], strict=False)
        data = b"".join((low | high << 12).to_bytes(3, "little") for low, high in pairs)
    else:
        table = chain if geometry.bits == 32 else array("H", chain)
        if sys.byteorder == "big":
            table.byteswap()
        data = table.tobytes()
    for number in range(2):
        out.seek((geometry.reserved + number * geometry.fat_sectors) * geometry.sector_bytes)
        out.write(data[: geometry.fat_sectors * geometry.sector_bytes])


def _directory(node: _Node, root: _Node, label: bytes) -> bytes:
    """The records of a directory."""
    found = bytearray()
    if node is root:
        found += _record(label, _VOLUME, 0, 0) if label else b""
    else:
        found += _record(b".".ljust(11), _DIRECTORY, node.cluster, 0)
        found += _record(b"..".ljust(11), _DIRECTORY, _parent_cluster(node, root), 0)
    names = aliases(node.children)
    for name, child in node.children.items():
        is_file = isinstance(child.entry, File)
        found += long_name(name, names[name])
        found += _record(names[name], _ARCHIVE if is_file else _DIRECTORY, child.cluster, child.size if is_file else 0)
    return bytes(found)


def _parent_cluster(node: _Node, root: _Node) -> int:
    """What `..` points to; the root is 0 for every kind."""
    parent = root
    parts = node.path.split("/")[:-1]
    for part in parts:
        parent = parent.children[part]
    return parent.cluster if parts else 0


def _record(name: bytes, attributes: int, cluster: int, size: int) -> bytes:
    """One record: name, attributes, dates, first cluster, size."""
    return struct.pack("<11sBBBHHHHHHHI", name, attributes, 0, 0, 0, _DATE, _DATE, cluster >> 16, 0, _DATE,
                       cluster & 0xFFFF, size)  # fmt: skip
