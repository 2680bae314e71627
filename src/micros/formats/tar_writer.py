"""A tree as a tar archive (POSIX.1-2017, pax; ustar interchange format): the same tree, the same bytes.

    member: [pax header block, its records]  header of 512 bytes  content, padded to 512 ... two empty blocks

What ustar has no room for (long or non-ASCII names, large numbers, extended attributes) stands in a pax header before the
member; extended attributes as `SCHILY.xattr.<name>`, which GNU tar, bsdtar and container engines read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.base.tree import Device, Directory, File, Symlink
from micros.formats.compress import LEVELS, stream_compressed
from micros.formats.contents import pieces

if TYPE_CHECKING:
    from collections.abc import Iterator

    from micros.base.digest import Digest
    from micros.base.step import Blobs, Job
    from micros.base.tree import Entry, Tree

BLOCK_BYTES = 512
_TYPES: dict[type, str] = {File: "0", Symlink: "2", Directory: "5"}
_DEVICES = {"c": "3", "b": "4", "p": "6"}
_LARGEST_ID = 0o7777777
_LARGEST_SIZE = 0o77777777777


def archive(tree: Tree, blobs: Blobs) -> Iterator[bytes]:
    """The archive, in pieces. Times are 0, names of owners empty. Raises an error of kind `damaged` for a content that is
    not what the tree says."""
    for path, entry in tree.items():
        yield from _member(path, entry)
        if isinstance(entry, File):
            yield from _content(path, entry, blobs)
    yield bytes(2 * BLOCK_BYTES)


def write(job: Job) -> Digest:
    """Step program: input `tree`; parameters `compression` (zstd, xz, gzip, none) and `level` (0: the usual strongest)."""
    compression = job.parameters.get("compression", "none")
    level = job.parameters.get("level", 0)
    if compression != "none" and compression not in LEVELS:
        raise error(Kind.USAGE, f"a tar archive cannot be compressed with {compression!r}", hint="zstd, xz, gzip or none")
    out = job.scratch / "root.tar"
    members = archive(job.tree(job.inputs["tree"]), job)
    with out.open("wb") as stream:
        if compression == "none":
            stream.writelines(members)
        else:
            stream.write(stream_compressed(b"".join(members), compression, level or LEVELS[compression]))
    return job.put_file(out)


def _member(path: str, entry: Entry) -> Iterator[bytes]:
    """The header of an entry, behind a pax header where it needs one."""
    name = path.encode("utf-8", "surrogateescape") + (b"/" if isinstance(entry, Directory) else b"")
    target = entry.target.encode("utf-8", "surrogateescape") if isinstance(entry, Symlink) else b""
    size = entry.size if isinstance(entry, File) else 0
    records: list[bytes] = []
    for key, value, fits in (
        ("path", name, len(name) <= 100 and name.isascii()),
        ("linkpath", target, len(target) <= 100 and target.isascii()),
        ("size", str(size).encode(), size <= _LARGEST_SIZE),
        ("uid", str(entry.uid).encode(), entry.uid <= _LARGEST_ID),
        ("gid", str(entry.gid).encode(), entry.gid <= _LARGEST_ID),
    ):
        if not fits:
            records.append(_record(key, value))
    if isinstance(entry, File | Directory):
        records += [_record(f"SCHILY.xattr.{key}", value) for key, value in entry.xattrs]
    if records:
        data = b"".join(records)
        yield _header(b"./PaxHeaders/" + name[:80].rstrip(b"/"), "x", len(data), 0o644) + data + bytes(-len(data) % BLOCK_BYTES)
    device = (entry.major, entry.minor) if isinstance(entry, Device) else (0, 0)
    kind = _DEVICES[entry.type] if isinstance(entry, Device) else _TYPES[type(entry)]
    mode = 0o777 if isinstance(entry, Symlink) else entry.mode
    owner = (min(entry.uid, _LARGEST_ID), min(entry.gid, _LARGEST_ID))
    yield _header(name, kind, min(size, _LARGEST_SIZE), mode, owner, target, device)


def _record(key: str, value: bytes) -> bytes:
    """`<length> <key>=<value>\\n`, where the length counts itself."""
    rest = b" " + key.encode() + b"=" + value + b"\n"
    length = len(rest)
    while len(str(length).encode() + rest) != length:
        length = len(str(length).encode() + rest)
    return str(length).encode() + rest


def _header(
    name: bytes,
    kind: str,
    size: int,
    mode: int,
    owner: tuple[int, int] = (0, 0),
    target: bytes = b"",
    device: tuple[int, int] = (0, 0),
) -> bytes:
    """A ustar header: name, mode, uid, gid, size, mtime, checksum, type, link, magic, owners' names, device, prefix."""
    numbers = b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, *owner, size, 0)
    start = name[:100].ljust(100, b"\0") + numbers
    end = kind.encode() + target[:100].ljust(100, b"\0") + b"ustar\0" + b"00" + bytes(64)
    end += b"%07o\0%07o\0" % device + bytes(155 + 12)
    checksum = sum(start) + sum(end) + 8 * 0x20
    return start + b"%06o\0 " % checksum + end


def _content(path: str, entry: File, blobs: Blobs) -> Iterator[bytes]:
    yield from pieces(f"/{path}", entry, blobs)
    yield bytes(-entry.size % BLOCK_BYTES)
