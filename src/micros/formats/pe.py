"""Adding sections to a UEFI program (Microsoft PE format, revision 11; UEFI 2.10, 2.1.1).

DOS header, u32 at 60: where the rest begins | "PE" 0 0 | COFF header | optional header | section headers | sections
section header: name 8 | virtual size, address | size in the file, offset | 12 unused | characteristics
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error

if TYPE_CHECKING:
    from collections.abc import Sequence

_COFF_BYTES = 20
_SECTION_BYTES = 40
_NAME_BYTES = 8
_DATA_READABLE = 0x4000_0040
_PE32_PLUS = 0x20B
_CERTIFICATES = 4
_LARGEST = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Headers:
    """Where a program's headers are, and what of them matters here."""

    coff: int
    sections: int
    optional: int
    table: int
    """Where the section headers begin."""
    alignment: int
    """Of sections in memory; in the file the next one."""
    file_alignment: int
    image_bytes: int
    """Size in memory."""
    headers_bytes: int
    """Where contents may begin."""
    is_signed: bool

    @classmethod
    def of(cls, program: bytes) -> Headers:
        """Read them. Raises an error of kind `bad-file` for what is no PE program."""
        try:
            coff = struct.unpack_from("<I", program, 60)[0] + 4
            sections, optional_bytes = struct.unpack_from("<2xH12xH", program, coff)
            optional = coff + _COFF_BYTES
            kind, alignment, file_alignment, image, headers = struct.unpack_from("<H30xII16xII", program, optional)
            directories = optional + (112 if kind == _PE32_PLUS else 96)
            certificates = struct.unpack_from("<II", program, directories + 8 * _CERTIFICATES)
        except struct.error:
            raise error(Kind.BAD_FILE, "the stub is not a PE program") from None
        if not sections or program[:2] != b"MZ" or program[coff - 4 : coff] != b"PE\0\0":
            raise error(Kind.BAD_FILE, "the stub is not a PE program")
        table = optional + optional_bytes
        return cls(coff, sections, optional, table, alignment, file_alignment, image, headers, any(certificates))


def with_sections(program: bytes, added: Sequence[tuple[str, int]]) -> tuple[bytes, list[int], int]:
    """The program with headers of more sections, given by name and size in bytes; where in the file the content of each
    belongs; and the size of the whole file.

    Raises errors of kind `bad-file` (not a PE program, a signed one, a section that is there already) and `does-not-fit`.
    """
    found = Headers.of(program)
    _check(program, found, [name for name, _ in added])
    data = bytearray(program)
    at, address, initialized = _up(len(data), found.file_alignment), _up(found.image_bytes, found.alignment), 0
    offsets: list[int] = []
    for number, (name, size) in enumerate(added, found.sections):
        stored = _up(size, found.file_alignment)
        fields = (name.encode("ascii"), size, address, stored, at, 0, 0, 0, 0, _DATA_READABLE)
        if max(address + size, at + stored) > _LARGEST:
            raise error(Kind.DOES_NOT_FIT, f"the section {name} of {size} bytes ends beyond a PE program's 4 GiB")
        struct.pack_into("<8sIIIIIIHHI", data, found.table + _SECTION_BYTES * number, *fields)
        offsets.append(at)
        at, address, initialized = at + stored, _up(address + size, found.alignment), initialized + stored
    struct.pack_into("<H", data, found.coff + 2, found.sections + len(added))
    (before,) = struct.unpack_from("<I", data, found.optional + 8)
    struct.pack_into("<I", data, found.optional + 8, before + initialized)
    struct.pack_into("<III", data, found.optional + 56, address, found.headers_bytes, 0)  # no checksum: UEFI ignores it
    return bytes(data), offsets, at


def _check(program: bytes, found: Headers, names: list[str]) -> None:
    """Raise unless sections of these names can be added."""
    if found.is_signed:
        raise error(Kind.BAD_FILE, "the stub is signed, and more sections would make its signature wrong")
    room = (found.headers_bytes - found.table) // _SECTION_BYTES
    if room < found.sections + len(names):
        raise error(Kind.DOES_NOT_FIT, f"the stub has room for {room} sections, not for {found.sections + len(names)}")
    headers = range(found.table, found.table + _SECTION_BYTES * found.sections, _SECTION_BYTES)
    there = {program[at : at + _NAME_BYTES].rstrip(b"\0") for at in headers}
    if taken := [name for name in names if name.encode("ascii") in there]:
        raise error(Kind.BAD_FILE, f"the stub has a section {taken[0]} already")


def _up(count: int, alignment: int) -> int:
    return -(-count // alignment) * alignment
