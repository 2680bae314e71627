"""newc cpio archives, as the kernel unpacks them for an initrd (Linux driver-api/early-userspace/buffer-format.rst).

    member: "070701", 13 fields of 8 hexadecimal digits, name NUL, padding to 4 | content, padding to 4 ... TRAILER!!!

Archives may follow one another, compressed each on its own: the kernel unpacks them in order, later ones winning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.base.tree import Device, Directory, File, Symlink
from micros.formats.compress import HIGHEST, LEVELS, stream_compressed
from micros.formats.contents import pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from micros.base.digest import Digest
    from micros.base.step import Blobs, Job
    from micros.base.tree import Entry, Tree

_TYPES = {"c": 0o020000, "b": 0o060000, "p": 0o010000}
_LARGEST = 0xFFFF_FFFF
_CHUNK_BYTES = 1 << 20
_ALIGN_BYTES = 4
_ARCHIVE_BYTES = 512
"""An archive ends at a multiple of this, as those of other tools do, so that one can follow another."""
_TRAILER = "TRAILER!!!"


def newc_archive(tree: Tree, blobs: Blobs) -> Iterator[bytes]:
    """The archive of a tree, in pieces. Inode numbers count from 1, times are 0, nothing is a hard link.

    Raises errors of kind `does-not-fit` for what newc has no room for (4 GiB and more), `bad-tree` for a path that is
    the archive's own end mark, `damaged` where a content is not what the tree says. Extended attributes are left out:
    the format has none.
    """
    written = 0
    for number, (path, entry) in enumerate(tree.items(), 1):
        for piece in _member(number, path, entry, blobs):
            written += len(piece)
            yield piece
    end = _header(_TRAILER.encode("ascii"), 0, 0)
    yield end + bytes(-(written + len(end)) % _ARCHIVE_BYTES)


def write(job: Job) -> Digest:
    """Step program: input `tree`; parameters `compression` (zstd, xz, gzip, none; zstd unless said), `level` (0: the
    compression's strongest usual one), `prepend`: names of inputs, finished archives that come first.
    """
    parameters = job.parameters
    unknown = sorted(set(parameters) - {"compression", "level", "prepend"})
    if unknown:
        raise error(Kind.USAGE, f"an initrd has no parameter {unknown[0]!r}")
    compression = parameters.get("compression", "zstd")
    level = parameters.get("level", 0)
    if compression != "none":
        if compression not in LEVELS:
            raise error(Kind.USAGE, f"an initrd cannot be compressed with {compression!r}", hint="zstd, xz, gzip or none")
        level = level or LEVELS[compression]
        if type(level) is not int or not 1 <= level <= HIGHEST[compression]:
            hint = f"{compression} takes 1 to {HIGHEST[compression]}"
            raise error(Kind.USAGE, f"{compression} has no level {level}", hint=hint)
    out = job.scratch / "initrd.cpio"
    with out.open("wb") as stream:
        for name in parameters.get("prepend", ()):
            with job.open(job.inputs[name]) as first:
                while chunk := first.read(_CHUNK_BYTES):
                    stream.write(chunk)
            stream.write(bytes(-stream.tell() % _ALIGN_BYTES))  # the kernel skips zeros between archives
        archive = newc_archive(job.tree(job.inputs["tree"]), job)
        if compression == "none":
            stream.writelines(archive)
        else:
            stream.write(stream_compressed(b"".join(archive), compression, level))
    return job.put_file(out)


def _member(number: int, path: str, entry: Entry, blobs: Blobs) -> Iterable[bytes]:
    name = path.encode("utf-8", "surrogateescape")
    if path == _TRAILER:
        raise error(Kind.BAD_TREE, f"an archive cannot hold /{path}: the name marks its end")
    owner = (entry.uid, entry.gid)
    if not 0 <= min(owner) <= max(owner) <= _LARGEST:
        raise error(Kind.DOES_NOT_FIT, f"the owner of /{path} does not fit newc's 32 bits")
    match entry:
        case File():
            if entry.size > _LARGEST:
                raise error(Kind.DOES_NOT_FIT, f"/{path} is too large for an initrd: newc ends at 4 GiB")
            yield _header(name, number, 0o100000 | entry.mode, owner, size=entry.size)
            yield from _content(path, entry, blobs)
        case Directory():
            yield _header(name, number, 0o040000 | entry.mode, owner, links=2)
        case Symlink():
            target = entry.target.encode("utf-8", "surrogateescape")
            if not 0 < len(target) < 4096 or b"\0" in target:  # the kernel would leave it out without a word
                raise error(Kind.BAD_TREE, f"the target of the symbolic link /{path} is not of 1 to 4095 bytes without NUL")
            yield _header(name, number, 0o120777, owner, size=len(target)) + target + bytes(-len(target) % _ALIGN_BYTES)
        case Device():
            device = (entry.major, entry.minor)
            if entry.type not in _TYPES or not (0 <= entry.major < 1 << 12 and 0 <= entry.minor < 1 << 20):
                raise error(Kind.BAD_TREE, f"/{path} is not a device Linux has: {entry.type} {entry.major}:{entry.minor}")
            yield _header(name, number, _TYPES[entry.type] | entry.mode, owner, device=device)


def _content(path: str, entry: File, blobs: Blobs) -> Iterator[bytes]:
    yield from pieces(f"/{path}", entry, blobs)
    if padding := -entry.size % _ALIGN_BYTES:
        yield bytes(padding)


def _header(
    name: bytes,
    number: int,
    mode: int,
    owner: tuple[int, int] = (0, 0),
    *,
    links: int = 1,
    size: int = 0,
    device: tuple[int, int] = (0, 0),
) -> bytes:
    """A member's header and name: ino mode uid gid nlink mtime filesize maj min rmaj rmin namesize chksum."""
    fields = (number, mode, *owner, links, 0, size, 0, 0, *device, len(name) + 1, 0)
    head = b"070701" + "".join(f"{field:08X}" for field in fields).encode("ascii") + name + b"\0"
    return head + bytes(-len(head) % _ALIGN_BYTES)
