"""Rock Ridge: names, modes, owners, links and devices in the system use fields of ISO 9660 (IEEE P1281 SUSP, P1282 RRIP).

A field: signature of two letters | length u8 | version u8 = 1 | data. Numbers are there twice, little-endian and big-endian.
Fields that have no room in a directory's record lie in continuation areas, each within one block, the next named by `CE`.
"""

from __future__ import annotations

import stat
import struct
from typing import TYPE_CHECKING

from micros.base.tree import Device, Directory, File, Symlink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from micros.base.tree import Entry

CE_BYTES = 28
AREA_BYTES = 2048
_LONGEST = 250
"""Bytes of one field's data: its length is one byte."""
_TYPES = {"c": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}
_SOURCE = b"THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS"
_CONTACT = b"IEEE P1282"
_CONTINUES, _CURRENT, _PARENT, _ROOT = 1, 2, 4, 8

SP = b"SP\x07\x01\xbe\xef\0"
"""First of all fields of the root (SUSP 5.3): there are such fields."""
ER = struct.pack("<2s6B", b"ER", 8 + 10 + len(_SOURCE) + len(_CONTACT), 1, 10, len(_SOURCE), len(_CONTACT), 1)
ER += b"RRIP_1991A" + _SOURCE + _CONTACT
"""Whose fields the others are (SUSP 5.5)."""


def both(value: int) -> bytes:
    """A number of 32 bits in both byte orders (ECMA-119, 7.3.3)."""
    return struct.pack("<I", value) + struct.pack(">I", value)


def attributes(entry: Entry, links: int) -> bytes:
    """`PX` (RRIP 4.1.1): type and mode, links, owner, group."""
    if isinstance(entry, File):
        mode = stat.S_IFREG | entry.mode
    elif isinstance(entry, Directory):
        mode = stat.S_IFDIR | entry.mode
    elif isinstance(entry, Symlink):
        mode = stat.S_IFLNK | 0o777
    else:
        mode = _TYPES[entry.type] | entry.mode
    return _field(b"PX", both(mode) + both(links) + both(entry.uid) + both(entry.gid))


def fields(name: str, entry: Entry, links: int) -> list[bytes]:
    """All fields of an entry in its directory."""
    found = [attributes(entry, links), *_name(name.encode("utf-8", "surrogateescape"))]
    if isinstance(entry, Symlink):
        found += _link(entry.target.encode("utf-8", "surrogateescape"))
    if isinstance(entry, Device) and entry.type != "p":
        found.append(_field(b"PN", both(entry.major) + both(entry.minor)))
    return found


def continued(block: int, offset: int, size: int) -> bytes:
    """`CE` (SUSP 5.1): where the next fields are."""
    return _field(b"CE", both(block) + both(offset) + both(size))


def split(every: Sequence[bytes], room: int) -> list[list[bytes]]:
    """Fields in parts: what fits into `room` bytes, then what fits into areas. All but the last have room for a `CE`."""
    parts: list[list[bytes]] = [[]]
    left = room
    for number, one in enumerate(every):
        rest = sum(map(len, every[number:]))
        if rest > left and len(one) + CE_BYTES > left:
            parts.append([])
            left = AREA_BYTES
        parts[-1].append(one)
        left -= len(one)
    return parts


def _name(name: bytes) -> list[bytes]:
    """`NM` (RRIP 4.1.4)."""
    pieces = [name[at : at + _LONGEST] for at in range(0, len(name), _LONGEST)]
    return [_field(b"NM", bytes([_CONTINUES if piece is not pieces[-1] else 0]) + piece) for piece in pieces]


def _link(target: bytes) -> list[bytes]:
    """`SL` (RRIP 4.1.3): the target in components, as many as a field holds."""
    components = [bytes([_ROOT, 0])] if target.startswith(b"/") else []
    for part in filter(None, target.split(b"/")):
        if part in (b".", b".."):
            components.append(bytes([_CURRENT if part == b"." else _PARENT, 0]))
            continue
        pieces = [part[at : at + _LONGEST - 3] for at in range(0, len(part), _LONGEST - 3)]
        components += [bytes([_CONTINUES if piece is not pieces[-1] else 0, len(piece)]) + piece for piece in pieces]
    groups: list[list[bytes]] = [[]]
    for component in components:
        if sum(map(len, groups[-1])) + len(component) > _LONGEST - 1:
            groups.append([])
        groups[-1].append(component)
    return [_field(b"SL", bytes([_CONTINUES if group is not groups[-1] else 0]) + b"".join(group)) for group in groups]


def _field(signature: bytes, data: bytes) -> bytes:
    return signature + bytes([4 + len(data), 1]) + data
