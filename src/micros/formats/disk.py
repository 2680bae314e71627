"""Disk images: partitions side by side behind a GPT or an MBR.

    table | partition 1 | ... | partition n | with a GPT its other copy

Every partition begins at a multiple of 1 MiB. UUIDs are made of the contents and labels, so equal contents give equal bytes,
and two versions of one system can be told apart on one machine.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

from micros.base.errors import Kind, MicrosError, Note, Problem, error
from micros.base.sparse import write_sparse
from micros.formats.contents import blob_pieces
from micros.formats.gpt import Partition, table_sectors, tables
from micros.formats.mbr import MbrPartition, mbr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from micros.base.digest import Digest
    from micros.base.step import Job

ALIGN_BYTES = 1 << 20
MBR_BYTES = 512
NAMESPACE = uuid.UUID("7a0c7a52-3a4e-5b1c-9a63-3f3d5c2e8d10")
"""Of the UUIDs that are made here (RFC 9562, 5.5)."""
_SECTOR_BYTES = (512, 4096)


@dataclass(frozen=True, slots=True)
class Slot:
    """What a partition is to be."""

    label: str
    guid: str
    """Type in a GPT."""
    mbr_type: int
    """Type in an MBR."""
    size_bytes: int = 0
    """0: as large as the contents, rounded up to 1 MiB."""
    uuid: str = ""
    """Made of the contents where it is not given."""
    attributes: int = 0
    active: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A partition with its place."""

    slot: Slot
    content: Digest | None
    uuid: uuid.UUID
    at_bytes: int
    size_bytes: int


def partition_uuid(label: str, content: Digest | None) -> uuid.UUID:
    """The UUID of a partition of this label with this content; None is a blank one."""
    return uuid.uuid5(NAMESPACE, f"{content or 'blank'}/{label}")


def signature_of(identity: uuid.UUID) -> int:
    """The signature of an MBR's disk that holds the partition of this UUID; Linux takes 0 for none."""
    return identity.int >> 96 or 1


def partuuid(table: str, identity: uuid.UUID, number: int) -> str:
    """What Linux calls a partition, counted from 1, of a disk named after that partition (root=PARTUUID=...)."""
    return str(identity) if table == "gpt" else f"{signature_of(identity):08x}-{number:02x}"


def cmdline(job: Job) -> Digest:
    """Step program: a kernel command line that names the root partition.

    Input `root`: its content. Parameters: `text`; `table`, `label` and `number` of the partition, as in the disk image.
    """
    given = job.parameters
    name = partuuid(given["table"], partition_uuid(given["label"], job.inputs["root"]), given["number"])
    return job.put(f"{given['text']} root=PARTUUID={name}".lstrip().encode() + b"\n")


def write(job: Job) -> Digest:
    """Step program: a raw disk image.

    Inputs: contents of partitions by label; a partition without one is blank. Parameters: `table` (gpt or mbr), `sector_bytes`
    (512 or 4096), `size_bytes` (0: as needed), `partitions` in order, fields as `Slot` has them, and `identity`: the label of
    the partition after which an MBR's disk is named; and `blobs`: for inputs that are no partitions, the byte at which each lies,
    between the table and the first partition.
    """
    given: dict[str, Any] = {"table": "gpt", "sector_bytes": 512, "size_bytes": 0, "identity": "", "blobs": {}, **job.parameters}
    slots = [Slot(**fields) for fields in given["partitions"]]
    placed, size = place(job, slots, given["table"], given["sector_bytes"], given["size_bytes"])
    first = (1 + table_sectors(given["sector_bytes"])) * given["sector_bytes"] if given["table"] == "gpt" else MBR_BYTES
    blobs = _blobs(job, given["blobs"], first)
    out = job.scratch / "disk.img"
    with out.open("xb") as stream:
        contents = [(one.at_bytes, f"the partition {one.slot.label}", one.content) for one in placed if one.content is not None]
        for at, name, content in sorted([*blobs, *contents]):
            stream.seek(at)
            for piece in blob_pieces(f"the content of {name}", content, job):
                write_sparse(stream, piece)
        stream.truncate(size)
        _write_table(stream, placed, size, given["table"], given["sector_bytes"], given["identity"])
    return job.put_file(out)


def place(
    job: Job, slots: Sequence[Slot], table: Literal["gpt", "mbr"], sector_bytes: int, size_bytes: int
) -> tuple[list[Placed], int]:
    """Where each partition lies, and the size of the disk.

    Raises errors of kind `does-not-fit`, with bytes, for a content larger than its partition and for a disk too small.
    """
    if sector_bytes not in _SECTOR_BYTES or size_bytes % sector_bytes or table not in ("gpt", "mbr"):
        raise error(Kind.USAGE, f"no disk has a table {table} and {size_bytes} bytes in sectors of {sector_bytes}")
    placed: list[Placed] = []
    problems: list[Problem] = []
    at = ALIGN_BYTES
    for slot in slots:
        content = job.inputs.get(slot.label)
        held = 0 if content is None else _size(job, content)
        size = slot.size_bytes or _aligned(max(held, 1))
        if held > size or size % sector_bytes:
            text = f"the partition {slot.label} has {size} bytes in sectors of {sector_bytes}, its content {held}"
            problems.append(Problem(Kind.DOES_NOT_FIT, text, hint="make it larger, or give it no size"))
        identity = uuid.UUID(slot.uuid) if slot.uuid else partition_uuid(slot.label, content)
        placed.append(Placed(slot, content, identity, at, size))
        at = _aligned(at + size)
    backup = table_sectors(sector_bytes) * sector_bytes if table == "gpt" else 0
    end = placed[-1].at_bytes + placed[-1].size_bytes if placed else ALIGN_BYTES
    if size_bytes and end + backup > size_bytes:
        parts = [f"{one.size_bytes:>14} bytes  {one.slot.label}" for one in placed]
        parts += [f"{end + backup - sum(one.size_bytes for one in placed):>14} bytes  partition table and alignment"]
        message = f"the disk has {size_bytes} bytes, its partitions need {end + backup}"
        notes = tuple(Note(None, part) for part in parts)
        problems.append(Problem(Kind.DOES_NOT_FIT, message, notes, "make it larger, or give it no size"))
    if problems:
        raise MicrosError(*problems)
    return placed, size_bytes or _aligned(end + backup)


def _blobs(job: Job, places: Mapping[str, int], first: int) -> list[tuple[int, str, Digest]]:
    """What lies before the partitions, in order. Raises errors of kind `does-not-fit` for what runs into something else."""
    found: list[tuple[int, str, Digest]] = []
    problems: list[Problem] = []
    end, before = first, "the partition table"
    for name, at in sorted(places.items(), key=lambda item: item[1]):
        if at < end:
            text = f"{name} lies at byte {at}, where {before} ends at byte {end}"
            problems.append(Problem(Kind.DOES_NOT_FIT, text))
        end, before = at + _size(job, job.inputs[name]), name
        found.append((at, name, job.inputs[name]))
    if end > ALIGN_BYTES:
        text = f"{before} ends at byte {end}, the first partition begins at byte {ALIGN_BYTES}"
        problems.append(Problem(Kind.DOES_NOT_FIT, text))
    if problems:
        raise MicrosError(*problems)
    return found


def _write_table(stream: BinaryIO, placed: Sequence[Placed], size: int, table: str, sector_bytes: int, identity: str) -> None:
    places = [(one.at_bytes // sector_bytes, one.size_bytes // sector_bytes) for one in placed]
    if table == "gpt":
        partitions = [
            Partition(one.slot.label, uuid.UUID(one.slot.guid), one.uuid, *where, attributes=one.slot.attributes)
            for one, where in zip(placed, places, strict=True)
        ]
        disk = uuid.uuid5(NAMESPACE, "/".join(str(one.uuid) for one in placed))
        head, tail = tables(partitions, size // sector_bytes, sector_bytes, disk)
        stream.seek(0)
        stream.write(head)
        stream.seek(size - len(tail))
        stream.write(tail)
        return
    named = next((one.uuid for one in placed if one.slot.label == identity), None)
    entries = [MbrPartition(one.slot.mbr_type, *where, active=one.slot.active) for one, where in zip(placed, places, strict=True)]
    stream.seek(0)
    stream.write(mbr(entries, signature_of(named or uuid.uuid5(NAMESPACE, "/".join(str(one.uuid) for one in placed)))))


def _aligned(count: int) -> int:
    return -(-count // ALIGN_BYTES) * ALIGN_BYTES


def _size(job: Job, digest: Digest) -> int:
    with job.open(digest) as stream:
        return stream.seek(0, os.SEEK_END)
