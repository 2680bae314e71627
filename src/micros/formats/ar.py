"""The common `ar` archive: the outer format of a Debian package (deb(5); System V ar, GNU variant)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from micros.base.errors import Kind, error

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"!<arch>\n"
HEADER_BYTES = 60
MEMBERS_LIMIT = 16
"""A package has three members, perhaps signatures; more is an attack."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member's name, and where its content lies in the archive."""

    name: str
    offset: int
    size: int


def members(stream: BinaryIO, total: int) -> Iterator[Member]:
    """The members of an archive of `total` bytes. Raises errors of kind `bad-archive` naming what is off."""
    if stream.read(len(MAGIC)) != MAGIC:
        raise error(Kind.BAD_ARCHIVE, "not an ar archive: the magic is missing")
    position = len(MAGIC)
    count = 0
    while position < total:
        stream.seek(position)
        header = stream.read(HEADER_BYTES)
        if len(header) < HEADER_BYTES or header[58:60] != b"`\n":
            raise error(Kind.BAD_ARCHIVE, f"the member header at byte {position} is damaged or cut off")
        digits = header[48:58].rstrip(b" ")
        if not digits.isdigit():
            raise error(Kind.BAD_ARCHIVE, f"the member at byte {position} has the size {digits!r}")
        size = int(digits)
        position += HEADER_BYTES
        if position + size > total:
            raise error(
                Kind.BAD_ARCHIVE,
                f"the archive ends {position + size - total} bytes before its member at byte {position} does",
            )
        name = header[:16].rstrip(b" ").removesuffix(b"/").decode("ascii", "backslashreplace")
        if not name or "/" in name:
            raise error(Kind.UNSAFE_MEMBER, f"the archive has a member named {name!r}")
        count += 1
        if count > MEMBERS_LIMIT:
            raise error(Kind.BAD_ARCHIVE, f"the archive has more than {MEMBERS_LIMIT} members")
        yield Member(name, position, size)
        position += size + size % 2
