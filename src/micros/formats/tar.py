"""Reading tar archives member by member: ustar, GNU long names, pax paths (POSIX.1-2017 pax; GNU tar manual).

Nothing is ever written by a member's name: a reader yields headers and offers the content as a stream.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from micros.base.errors import Kind, error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCK_BYTES = 512
EXTENSION_LIMIT_BYTES = 1 << 20
"""A long name or pax header larger than this is an attack."""
MEMBER_LIMIT_BYTES = 1 << 32
"""No file of a package is larger; a reader may set a lower limit through the stream it gives."""
MEMBERS_LIMIT = 400_000
_PART_BYTES = 1 << 20

_KEPT_RECORDS = ("path", "linkpath", "size")
_SPARSE = "GNU.sparse"


@dataclass(frozen=True, slots=True)
class Header:
    """One member. `type` is the typeflag as a character; `name` and `link` are as written, surrogate-escaped."""

    name: str
    type: str
    mode: int
    uid: int
    gid: int
    size: int
    link: str


def read(stream: BinaryIO) -> Iterator[tuple[Header, Callable[[], bytes | bytearray]]]:
    """Headers in order, each with a function that reads its content (once, before the next header is asked for).

    Raises errors of kind `bad-archive`, `unsafe-member` or `too-large`.
    """
    changes: dict[str, str] = {}
    count = 0
    while True:
        block = _exactly(stream, BLOCK_BYTES)
        if block == bytes(BLOCK_BYTES):
            return
        header = _header(block)
        count += 1
        if count > MEMBERS_LIMIT:
            raise error(Kind.TOO_LARGE, f"the archive has more than {MEMBERS_LIMIT} members")
        if header.type in "LKxg":
            if header.size > EXTENSION_LIMIT_BYTES:
                raise error(Kind.TOO_LARGE, f"an extended header of {header.size} bytes")
            data = _content(stream, header.size)
            if header.type != "g":
                changes |= _extension(header.type, data)
            continue
        if _SPARSE in changes:
            raise error(Kind.UNSAFE_MEMBER, f"{header.name!r} is a sparse member, which packages do not have")
        header = replace(
            header,
            name=changes.get("path", header.name),
            link=changes.get("linkpath", header.link),
            size=_decimal(changes["size"]) if "size" in changes else header.size,
        )
        changes = {}
        if header.size > MEMBER_LIMIT_BYTES:
            raise error(Kind.TOO_LARGE, f"{header.name!r} says it has {header.size} bytes")
        taken = False

        def content(size: int = header.size) -> bytes | bytearray:
            nonlocal taken
            taken = True
            return _content(stream, size)

        yield header, content
        if not taken and header.type in "0\0":
            _skip(stream, header.size)


def _header(block: bytes | bytearray) -> Header:
    """A header block. POSIX ustar layout; the checksum counts its own field as spaces."""
    stored = _number(block[148:156], "checksum")
    if stored != sum(block[:148]) + 8 * 32 + sum(block[156:]):
        raise error(Kind.BAD_ARCHIVE, "a tar header's checksum does not match")
    name = _text(block[0:100])
    if block[257:263] == b"ustar\0" and (prefix := _text(block[345:500])):
        name = f"{prefix}/{name}"
    return Header(
        name=name,
        type=chr(block[156]) if block[156] else "0",
        mode=_number(block[100:108], "mode") & 0o7777,
        uid=_number(block[108:116], "uid"),
        gid=_number(block[116:124], "gid"),
        size=_number(block[124:136], "size"),
        link=_text(block[157:257]),
    )


def _number(field: bytes | bytearray, what: str) -> int:
    """Octal digits, or GNU's base-256 when the first bit is set."""
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ~(0x80 << 8 * (len(field) - 1))
        if field[0] == 0xFF or value >= 1 << 63:
            raise error(Kind.TOO_LARGE, f"a tar header's {what} is out of range")
        return value
    digits = field.strip(b" \0")
    if digits.translate(None, b"01234567"):  # int() would take signs, prefixes and underscores too
        raise error(Kind.BAD_ARCHIVE, f"a tar header's {what} is {digits!r}")
    return int(digits or b"0", 8)


def _decimal(text: str) -> int:
    """A pax record's number. A size of 20 digits or more is beyond 64 bits."""
    if not (text.isascii() and text.isdigit()):
        raise error(Kind.BAD_ARCHIVE, f"a pax header gives the size {text[:40]!r}")
    if len(text) > 19:
        raise error(Kind.TOO_LARGE, f"a pax header gives a size of {len(text)} digits")
    return int(text)


def _text(field: bytes | bytearray) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _extension(kind: str, data: bytes | bytearray) -> dict[str, str]:
    """GNU long name or link, or pax records `<length> <key>=<value>\\n`."""
    if kind in "LK":
        return {"path" if kind == "L" else "linkpath": data.rstrip(b"\0").decode("utf-8", "surrogateescape")}
    records: dict[str, str] = {}
    position = 0
    while position < len(data):
        space = data.find(b" ", position, position + 8)
        digits = data[position:space] if space > 0 else b""
        end = position + int(digits) if digits.isdigit() else 0
        key, equals, value = data[space + 1 : end].partition(b"=")
        if not equals or not value.endswith(b"\n") or not position < end <= len(data):
            raise error(Kind.BAD_ARCHIVE, "a pax header's record is damaged")
        name = key.decode("utf-8", "surrogateescape")
        if name.startswith(_SPARSE):
            records[_SPARSE] = ""
        elif name in _KEPT_RECORDS:  # others are dropped, so that no number of them fills the memory
            records[name] = value[:-1].decode("utf-8", "surrogateescape")
        position = end
    return records


def _content(stream: BinaryIO, size: int) -> bytes | bytearray:
    data = _exactly(stream, size)
    _exactly(stream, -size % BLOCK_BYTES)
    return data


def _skip(stream: BinaryIO, size: int) -> None:
    left = size + -size % BLOCK_BYTES
    while left:
        left -= len(_exactly(stream, min(left, _PART_BYTES)))


def _exactly(stream: BinaryIO, size: int) -> bytes | bytearray:
    """`size` bytes, read in bounded parts, so that a lying size allocates nothing; never twice in memory."""
    part: bytes | bytearray = stream.read(min(size, _PART_BYTES)) if size else b""
    if len(part) == size:
        return part
    data = bytearray(part)
    while len(data) < size:
        part = stream.read(min(size - len(data), _PART_BYTES))
        if not part:
            raise error(Kind.BAD_ARCHIVE, f"the archive ends {size - len(data)} bytes too early")
        data += part
    return data
