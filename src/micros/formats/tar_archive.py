"""Writing tar archives: ustar, with pax records where its fields are too small (POSIX.1-2017, pax).

    header 512 bytes | content, padded to 512 ... | two blocks of zeros

Members are in the tree's order and have time 0; names are UTF-8 or whatever bytes they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.base.tree import Device, Directory, File, Symlink
from micros.formats.contents import pieces
from micros.formats.tar import BLOCK_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from micros.base.digest import Digest
    from micros.base.step import Blobs, Job
    from micros.base.tree import Entry, Tree

_NAME_BYTES, _LARGEST_ID, _LARGEST_SIZE = 100, 0o7777777, 0o77777777777
_TYPES = {"c": b"3", "b": b"4", "p": b"6"}
_XATTR = "SCHILY.xattr."
"""Prefix of extended attributes, as star, GNU tar and libarchive know it."""


def tar_archive(tree: Tree, blobs: Blobs) -> Iterator[bytes]:
    """The archive of a tree, in pieces. Errors of kind `damaged` where a content is not what the tree says."""
    for path, entry in tree.items():
        yield from _member(path, entry)
        if isinstance(entry, File):
            yield from pieces(f"/{path}", entry, blobs)
            yield bytes(-entry.size % BLOCK_BYTES)
    yield bytes(2 * BLOCK_BYTES)


def write(job: Job) -> Digest:
    """Step program: input `tree`."""
    out = job.scratch / "archive.tar"
    with out.open("xb") as stream:
        stream.writelines(tar_archive(job.tree(job.inputs["tree"]), job))
    return job.put_file(out)


def _member(path: str, entry: Entry) -> Iterator[bytes]:
    """A member's header, after the records of what does not fit into it."""
    name = path.encode("utf-8", "surrogateescape") + (b"/" if isinstance(entry, Directory) else b"")
    link = entry.target.encode("utf-8", "surrogateescape") if isinstance(entry, Symlink) else b""
    size = entry.size if isinstance(entry, File) else 0
    records = {"path": name} if len(name) > _NAME_BYTES else {}
    records |= {"linkpath": link} if len(link) > _NAME_BYTES else {}
    records |= {"size": b"%d" % size} if size > _LARGEST_SIZE else {}
    records |= {key: b"%d" % value for key, value in (("uid", entry.uid), ("gid", entry.gid)) if value > _LARGEST_ID}
    if isinstance(entry, File | Directory):
        records |= {_XATTR + key: value for key, value in entry.xattrs}
    if records:
        data = b"".join(_record(key, value) for key, value in records.items())
        yield _header(b"pax", b"x", 0o644, (0, 0), len(data)) + data + bytes(-len(data) % BLOCK_BYTES)
    ids = (min(entry.uid, _LARGEST_ID), min(entry.gid, _LARGEST_ID))
    short, target = name[:_NAME_BYTES], link[:_NAME_BYTES]
    match entry:
        case File():
            yield _header(short, b"0", entry.mode, ids, min(size, _LARGEST_SIZE))
        case Directory():
            yield _header(short, b"5", entry.mode, ids)
        case Symlink():
            yield _header(short, b"2", 0o777, ids, link=target)
        case Device():
            yield _header(short, _TYPES[entry.type], entry.mode, ids, device=(entry.major, entry.minor))


def _record(key: str, value: bytes) -> bytes:
    """`LENGTH key=value` and a newline; the length counts its own digits."""
    rest = len(key.encode()) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))
    return b"%d %s=%s\n" % (length, key.encode(), value)


def _header(
    name: bytes,
    kind: bytes,
    mode: int,
    ids: tuple[int, int],
    size: int = 0,
    *,
    link: bytes = b"",
    device: tuple[int, int] = (0, 0),
) -> bytes:
    """name mode uid gid size mtime checksum type link magic version user group major minor prefix."""
    fields = name.ljust(100, b"\0") + b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, *ids, size, 0)
    rest = kind + link.ljust(100, b"\0") + b"ustar\x0000" + bytes(64) + b"%07o\0%07o\0" % device
    data = (fields + b" " * 8 + rest).ljust(BLOCK_BYTES, b"\0")
    return data[:148] + b"%06o\0 " % sum(data) + data[156:]
