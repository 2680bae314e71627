"""ISO 9660 file systems (ECMA-119, 4th edition) with Rock Ridge (rock_ridge.py), and what starts from them (iso_boot.py).

block 0    system area; as a disk its boot record and partition table
block 16   primary volume descriptor | boot record | end of descriptors | boot catalogue
           path tables, little-endian and big-endian | directories | further fields of Rock Ridge
           files, each content once | ESP

A file that the ESP holds too lies there only: its record names the place within the ESP. All dates are fixed, but for that of
the volume's last change: systems take it for its UUID, so it is made of the volume's identity.
"""

from __future__ import annotations

import os
import struct
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from micros.base.errors import Kind, error
from micros.base.sparse import write_sparse
from micros.base.tree import File
from micros.formats.contents import blob_pieces, pieces
from micros.formats.fat import Volume as FatVolume
from micros.formats.fat import places
from micros.formats.iso_boot import boot_record, catalogue, disk_tables, with_boot_info
from micros.formats.iso_names import volume_label
from micros.formats.iso_tree import BLOCK_BYTES, blocks, content, directories, path_table, root_record
from micros.formats.rock_ridge import both

if TYPE_CHECKING:
    from collections.abc import Mapping

    from micros.base.digest import Digest
    from micros.base.step import Job
    from micros.formats.iso_tree import Node

NAMESPACE = uuid.UUID("f0a4c0b6-1f0e-5c0b-9d7c-0a8b4b6f2d31")
"""Of the UUIDs of volumes as disks."""
_FIRST_DESCRIPTOR = 16
_MOST_BLOCKS = 0xFFFF_FFFF
_CREATED = b"1980010100000000\0"
_NO_DATE = b"0" * 16 + b"\0"
_TAIL_BYTES = 32 << 10
"""What the end keeps free for the other copy of the GPT, and against drives that read ahead."""
_LARGEST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Volume:
    """What an ISO is to be like."""

    label: str
    """Capitals, digits and `_`, at most 32."""
    bios: str = ""
    """Path of isolinux.bin in the tree, for BIOSes to start."""
    as_disk: bool = True
    """Whether it has a partition table, and starts from disks too."""
    esp: Mapping[str, Any] = field(default_factory=dict)
    """The ESP's `fat.Volume`."""
    most_bytes: int = 0
    """What the image must not exceed; 0: nothing."""


def write(job: Job) -> Digest:
    """Step program: an ISO. Parameters as `Volume` has them.

    Inputs: `tree`; `identity`, whatever tells this volume from others of the same label; `esp`, the file system that UEFI reads,
    and `esp-tree`, what it was made of; `mbr`, a disk's boot code, which looks for isolinux.

    Raises errors of kind `usage` (a label), `bad-tree` and `does-not-fit`, with bytes.
    """
    out = job.scratch / "image.iso"
    with out.open("xb") as stream:
        write_iso(job, stream, Volume(**job.parameters))
    return job.put_file(out)


def write_iso(job: Job, out: BinaryIO, volume: Volume) -> None:
    """Write an ISO of the inputs of `write` into an empty file."""
    _Writer(job, volume).write(out)


class _Writer:
    """One volume: first where everything is, then the bytes."""

    def __init__(self, job: Job, volume: Volume) -> None:
        self.job = job
        self.volume = volume
        self.label = volume_label(volume.label)
        self.uuid = uuid.uuid5(NAMESPACE, job.read(job.inputs["identity"]).decode())
        self.directories = directories(job.tree(job.inputs["tree"]))
        self.files = [node for one in self.directories for node in one.children if isinstance(node.entry, File)]
        self.bios = next((node for node in self.files if node.path == volume.bios), None)
        if volume.bios and self.bios is None:
            raise error(Kind.MISSING_FILE, f"the ISO is to start /{volume.bios}, which it does not hold")
        self.esp = job.inputs.get("esp")
        self.esp_bytes = 0 if self.esp is None else _size(job, self.esp)
        self.contents: dict[Digest, Node] = {}
        """Whose place each content is, in the order they lie there."""
        self.esp_block = self._place_contents(self._place_directories())
        self.blocks = self.esp_block + blocks(self.esp_bytes) + blocks(_TAIL_BYTES)
        self._check_size()

    def _place_directories(self) -> int:
        """Give tables and directories their blocks; the first free one."""
        at = _FIRST_DESCRIPTOR + 2
        if self.starts:
            at += 2  # boot record and catalogue
        self.tables = at
        self.table_bytes = len(path_table(self.directories, "<"))
        at += 2 * blocks(self.table_bytes)
        for directory in self.directories:
            directory.block = at
            at += blocks(directory.size)
        offset = at * BLOCK_BYTES
        for record in (record for directory in self.directories for record in directory.records):
            for part in range(1, len(record.parts)):
                size = record.part_bytes(part)
                if offset % BLOCK_BYTES + size > BLOCK_BYTES:
                    offset = blocks(offset) * BLOCK_BYTES
                record.areas.append(offset)
                offset += size
        return blocks(offset)

    def _place_contents(self, at: int) -> int:
        """Give every file its block: one of its own, that of an equal one, or one in the ESP; the first free one."""
        shared = self._in_esp()
        inside: list[tuple[Node, int]] = []
        for node in self.files:
            assert isinstance(node.entry, File)
            digest = node.entry.digest
            if node is not self.bios and digest in shared:
                inside.append((node, shared[digest] // BLOCK_BYTES))
            elif digest in self.contents:
                node.block = self.contents[digest].block
            elif node.size:
                node.block = at
                at += blocks(node.size)
                self.contents[digest] = node
        for node, block in inside:
            node.block = at + block
        return at

    def _in_esp(self) -> dict[Digest, int]:
        """Contents that lie in the ESP at the beginning of a block, and where."""
        if self.esp is None:
            return {}
        found = places(self.job.tree(self.job.inputs["esp-tree"]), FatVolume(**self.volume.esp))
        return {digest: at for digest, at in found.items() if at % BLOCK_BYTES == 0}

    def _check_size(self) -> None:
        size = self.blocks * BLOCK_BYTES
        most = min(self.volume.most_bytes or size, _MOST_BLOCKS * BLOCK_BYTES)
        if size > most:
            parts = {f"/{node.path}": node.size for node in self.contents.values()} | {"ESP": self.esp_bytes}
            largest = sorted(parts.items(), key=lambda part: -part[1])[:_LARGEST_SHOWN]
            notes = [f"{count:>14} bytes  {name}" for name, count in largest]
            hint = "make images.iso.max_size larger, or leave it out"
            raise error(Kind.DOES_NOT_FIT, f"the ISO has {size} bytes, and may have {most}", notes=notes, hint=hint)

    @property
    def starts(self) -> bool:
        """Whether firmware finds something to start on it."""
        return self.bios is not None or self.esp is not None

    def write(self, out: BinaryIO) -> None:
        """Everything, from the beginning to the end."""
        out.seek(_FIRST_DESCRIPTOR * BLOCK_BYTES)
        out.write(self._primary_descriptor())
        if self.starts:
            out.write(boot_record(self.tables - 1))
        out.write(struct.pack("<B5sB", 0xFF, b"CD001", 1).ljust(BLOCK_BYTES, b"\0"))
        if self.starts:
            out.write(catalogue(self.bios.block if self.bios else None, self.esp_block if self.esp else None))
        for number, byte_order in enumerate("<>"):
            out.seek((self.tables + number * blocks(self.table_bytes)) * BLOCK_BYTES)
            out.write(path_table(self.directories, byte_order))
        for directory in self.directories:
            out.seek(directory.block * BLOCK_BYTES)
            out.write(content(directory))
            for record in directory.records:
                for part, at in enumerate(record.areas, 1):
                    out.seek(at)
                    out.write(record.fields(part))
        self._write_contents(out)
        out.truncate(self.blocks * BLOCK_BYTES)
        if self.volume.as_disk:
            self._write_tables(out)

    def _write_contents(self, out: BinaryIO) -> None:
        for node in self.contents.values():
            assert isinstance(node.entry, File)
            out.seek(node.block * BLOCK_BYTES)
            if self.bios is not None and node.block == self.bios.block:
                out.write(with_boot_info(self.job.read(node.entry.digest), node.block))
                continue
            for piece in pieces(f"/{node.path}", node.entry, self.job):
                write_sparse(out, piece)
        if self.esp is not None:
            out.seek(self.esp_block * BLOCK_BYTES)
            for piece in blob_pieces("the ESP", self.esp, self.job):
                write_sparse(out, piece)

    def _write_tables(self, out: BinaryIO) -> None:
        """The volume as a disk."""
        code = self.job.read(self.job.inputs["mbr"]) if "mbr" in self.job.inputs else b""
        esp = (self.esp_block, self.esp_bytes) if self.esp is not None else None
        size = self.blocks * BLOCK_BYTES
        head, tail = disk_tables(size, self.volume.label, self.uuid, esp, code, self.bios.block if self.bios else 0)
        out.seek(0)
        out.write(head)
        out.seek(size - len(tail))
        out.write(tail)

    def _primary_descriptor(self) -> bytes:
        """ECMA-119, 8.4."""
        little, big = self.tables, self.tables + blocks(self.table_bytes)
        one, block = (struct.pack("<H", count) + struct.pack(">H", count) for count in (1, BLOCK_BYTES))
        return b"".join(
            [
                struct.pack("<B5sBB32s", 1, b"CD001", 1, 0, b"LINUX".ljust(32)) + self.label,
                bytes(8) + both(self.blocks) + bytes(32) + one + one + block,
                both(self.table_bytes) + struct.pack("<II", little, 0) + struct.pack(">II", big, 0),
                root_record(self.directories[0]),
                b" " * 256 + b"MICROS".ljust(128) + b" " * 128 + b" " * 111,
                _CREATED + _changed(self.uuid) + _NO_DATE + _NO_DATE + b"\1",
            ]
        ).ljust(BLOCK_BYTES, b"\0")


def _changed(identity: uuid.UUID) -> bytes:
    """A date of this century that stands for a UUID (ECMA-119, 8.4.26.1): year, month, day, hour, minute, second, hundredths."""
    number, found = identity.int, ""
    for first, count, digits in ((2000, 100, 4), (1, 12, 2), (1, 28, 2), (0, 24, 2), (0, 60, 2), (0, 60, 2), (0, 100, 2)):
        number, value = divmod(number, count)
        found += f"{first + value:0{digits}}"
    return found.encode("ascii") + b"\0"


def _size(job: Job, digest: Digest) -> int:
    with job.open(digest) as stream:
        return stream.seek(0, os.SEEK_END)
