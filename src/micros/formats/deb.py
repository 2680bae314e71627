"""Debian packages into trees (deb(5)): `debian-binary`, `control.tar.*`, `data.tar.*`, in this order.

Members become entries of a tree and contents become blobs; nothing touches a disk under a member's name. Paths are those
of a merged-/usr system: `bin`, `sbin`, `lib*` are below `usr`.
"""

from __future__ import annotations

import io
import lzma
import zlib
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

import zstandard

from micros.base.digest import digest_of_stream
from micros.base.errors import Kind, MicrosError, error
from micros.base.tree import Directory, Entry, File, Symlink, Tree, check_path
from micros.formats import ar, tar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import BufferedIOBase

    from _typeshed import WriteableBuffer

    from micros.base.digest import Digest
    from micros.base.step import Job

CONTROL_LIMIT_BYTES = 32 << 20
"""Scripts, checksums and triggers of the largest packages have a few MB."""
CONTROL_FILE_LIMIT_BYTES = 1 << 20
XZ_MEMORY_BYTES = 192 << 20
"""dpkg compresses with 64 MiB of dictionary at most."""
SLACK_BYTES = 16 << 20
_MERGED = {"bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32"}


def unpack(job: Job) -> Digest:
    """Step program: the tree of a package's files. Input `deb`; parameter `name`, for messages.

    The control files (control, conffiles, maintainer scripts) are in the tree as data, below `DEBIAN/`: they never run,
    and slimming leaves them out.
    """
    digest = job.inputs["deb"]
    name = job.parameters.get("name", digest)
    with job.open(digest) as stream:
        if digest_of_stream(cast("BufferedIOBase", stream)) != digest:
            hint = "run `micros store verify --repair`, then build again"
            raise error(
                Kind.DAMAGED, f"the store's copy of the package {job.parameters.get('name', digest)} is damaged", hint=hint
            )
    try:
        with job.open(digest) as stream:
            tree = package_tree(stream, job.put)
    except MicrosError as problem:
        if problem.kind not in (Kind.BAD_ARCHIVE, Kind.UNSAFE_MEMBER, Kind.TOO_LARGE):
            raise  # the disk's fault, not the package's
        raise error(problem.kind, f"the package {name} is bad: {problem.problems[0].message}",
                    notes=problem.problems[0].notes and [str(note) for note in problem.problems[0].notes],
                    hint="its digest is as the archive signed it: report it to the archive") from None  # fmt: skip
    return job.put_tree(tree)


def package_tree(stream: BinaryIO, put: Callable[[bytes | bytearray], Digest]) -> Tree:
    """All files of a package. Raises errors of kind `bad-archive`, `unsafe-member` or `too-large`."""
    stream.seek(0, io.SEEK_END)
    total = stream.tell()
    stream.seek(0)
    found = list(ar.members(stream, total))
    names = [member.name for member in found]
    if not names or names[0] != "debian-binary":
        raise error(Kind.BAD_ARCHIVE, "the first member is not debian-binary")
    stream.seek(found[0].offset)
    if not stream.read(min(found[0].size, 64)).startswith(b"2."):
        raise error(Kind.BAD_ARCHIVE, "the package format is not 2.x")
    control = _member(found, "control.tar")
    data = _member(found, "data.tar")
    for extra in set(names) - {"debian-binary", control.name, data.name}:
        if not extra.startswith("_"):
            raise error(Kind.BAD_ARCHIVE, f"the package has the member {extra!r}, which deb(5) does not know")
    entries, text = _control_entries(stream, control, put)
    installed = control_fields(text.decode("utf-8", "replace")).get("Installed-Size", "0")
    kib = int(installed) if installed.isascii() and installed.isdigit() and len(installed) < 9 else 0
    entries |= _entries(_Limited(_decompressor(stream, data), kib * 2048 + SLACK_BYTES, data.size), put, "")
    try:
        return Tree.of(entries.items())
    except MicrosError as problem:  # a file below a symlink or another file
        raise error(Kind.UNSAFE_MEMBER, problem.problems[0].message) from None


def _control_entries(
    stream: BinaryIO, member: ar.Member, put: Callable[[bytes | bytearray], Digest]
) -> tuple[dict[str, Entry], bytes]:
    """The control files below `DEBIAN/`, and the text of the control file itself."""
    texts: dict[Digest, bytes] = {}

    def put_small(content: bytes | bytearray) -> Digest:
        digest = put(content)
        if len(content) <= CONTROL_FILE_LIMIT_BYTES:
            texts[digest] = bytes(content)
        return digest

    entries = _entries(_Limited(_decompressor(stream, member), CONTROL_LIMIT_BYTES, member.size), put_small, "DEBIAN/")
    file = entries.get("DEBIAN/control")
    if not isinstance(file, File):
        raise error(Kind.BAD_ARCHIVE, "the package has no control file")
    if file.digest not in texts:
        raise error(Kind.TOO_LARGE, f"the control file has {file.size} bytes")
    return entries, texts[file.digest]


def control_fields(text: str) -> dict[str, str]:
    """The fields of a control paragraph by name (deb822(5)); continuation lines joined by newlines."""
    fields: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line[:1] in (" ", "\t") and name:
            fields[name] += "\n" + line.strip()
        elif ":" in line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
    return fields


def _member(found: list[ar.Member], name: str) -> ar.Member:
    matching = [member for member in found if member.name == name or member.name.startswith(name + ".")]
    if len(matching) != 1:
        raise error(Kind.BAD_ARCHIVE, f"the package has {len(matching)} members {name}.*, not one")
    return matching[0]


class _Source(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Limited(io.RawIOBase):
    """A stream that refuses to give more than a number of bytes: the guard against compression bombs."""

    def __init__(self, source: _Source, limit: int, packed: int) -> None:
        self._source = source
        self._packed = packed
        self._left = limit
        self._limit = limit

    def read(self, size: int = -1, /) -> bytes:
        try:
            data = self._source.read(size)
        except (lzma.LZMAError, zlib.error, zstandard.ZstdError, EOFError) as problem:
            raise error(Kind.BAD_ARCHIVE, f"a compressed member is damaged: {problem}") from None
        self._left -= len(data)
        if self._left < 0:
            times = self._limit // max(self._packed, 1)
            raise error(Kind.TOO_LARGE, f"it unpacks to more than {self._limit} bytes, far beyond what it says of itself, "
                        f"and to more than {times} times its packed size")  # fmt: skip
        return data


class _Part(io.RawIOBase):
    """A range of a stream, as a stream."""

    def __init__(self, stream: BinaryIO, offset: int, size: int) -> None:
        self._stream, self._offset, self._left = stream, offset, size

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        size = self._left if size < 0 else min(size, self._left)
        self._stream.seek(self._offset)
        data = self._stream.read(size)
        self._offset += len(data)
        self._left -= len(data)
        return data

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)


class _Xz:
    """An xz decompressor as a stream, with bounded memory (a dictionary's size is in the data's hands)."""

    def __init__(self, source: _Part) -> None:
        self._source = source
        self._decoder = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY_BYTES)

    def read(self, size: int = -1, /) -> bytes:
        data = b""
        while not data and not self._decoder.eof:
            raw = self._source.read(1 << 16) if self._decoder.needs_input else b""
            if not raw and self._decoder.needs_input:
                raise EOFError("compressed data ends too early")
            data = self._decoder.decompress(raw, size)
        return data


class _Inflate:
    """A zlib decompressor as a stream, reading a bounded part at a time."""

    def __init__(self, source: _Part) -> None:
        self._source = source
        self._decoder = zlib.decompressobj(wbits=31)

    def read(self, size: int = -1, /) -> bytes:
        data = b""
        while not data and not self._decoder.eof:
            raw = self._decoder.unconsumed_tail or self._source.read(1 << 16)
            if not raw:
                raise EOFError("compressed data ends too early")
            data = self._decoder.decompress(raw, max(size, 0))
        return data


def _decompressor(stream: BinaryIO, member: ar.Member) -> _Source:
    part = _Part(stream, member.offset, member.size)
    suffix = member.name.rpartition(".tar")[2]
    match suffix:
        case "":
            return part
        case ".xz":
            return _Xz(part)
        case ".zst":
            return zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(io.BufferedReader(part))
        case ".gz":
            return _Inflate(part)
        case _:
            raise error(Kind.BAD_ARCHIVE, f"{member.name} is compressed in a way packages may not use")


def _entries(stream: _Limited, put: Callable[[bytes | bytearray], Digest], prefix: str) -> dict[str, Entry]:
    """The entries of a tar, by canonical path. Hard links become files of their own with equal content."""
    entries: dict[str, Entry] = {}
    for header, content in tar.read(stream):  # type: ignore[arg-type]
        path = _canonical(header.name, prefix)
        if path is None or (header.type == "2" and header.name.removeprefix("./") in _MERGED and not prefix):
            continue  # the root itself; base-files' links from /bin to /usr/bin, which every system has
        entry = _entry(header, content, put, entries, prefix)
        if path in entries and not (isinstance(entry, Directory) and isinstance(entries[path], Directory)):
            raise error(Kind.UNSAFE_MEMBER, f"the package has {header.name!r} twice")
        entries[path] = entry
    return entries


def _entry(
    header: tar.Header,
    content: Callable[[], bytes | bytearray],
    put: Callable[[bytes | bytearray], Digest],
    entries: Mapping[str, Entry],
    prefix: str,
) -> Entry:
    match header.type:
        case "0":
            data = content()
            return File(put(data), len(data), header.mode, header.uid, header.gid)
        case "5":
            return Directory(header.mode, header.uid, header.gid)
        case "2":
            if not header.link or "\0" in header.link:
                raise error(Kind.UNSAFE_MEMBER, f"{header.name!r} is a symbolic link to nothing")
            return Symlink(header.link, header.uid, header.gid)
        case "1":
            target = _canonical(header.link, prefix)
            entry = entries.get(target or "")
            if not isinstance(entry, File):
                raise error(
                    Kind.UNSAFE_MEMBER,
                    f"{header.name!r} is a hard link to {header.link!r}, which is no earlier file of the package",
                )
            return entry
        case _:
            raise error(Kind.UNSAFE_MEMBER, f"{header.name!r} has the type {header.type!r}, which packages may not have")


def _canonical(name: str, prefix: str) -> str | None:
    """A member's name as a tree's path; None for the root. Raises an error of kind `unsafe-member`."""
    plain = name.removeprefix("./").rstrip("/") if name not in (".", "./") else ""
    if not plain:
        if name in ("", "/"):
            raise error(Kind.UNSAFE_MEMBER, f"a member is named {name!r}")
        return None
    try:
        check_path(plain)
    except MicrosError:
        raise error(Kind.UNSAFE_MEMBER, f"a member is named {name!r}, which is no safe relative path") from None
    if "\n" in plain:
        raise error(Kind.UNSAFE_MEMBER, f"a member's name has a newline: {name!r}")
    first = plain.partition("/")[0]
    return prefix + ("usr/" + plain if not prefix and first in _MERGED else plain)
