"""Names in FAT directories: 8.3 and long ones (Microsoft FAT specification, August 2005, sections 6 and 7).

A name that is not 8.3 in capitals is kept as records of 13 UTF-16 units each, the last part first, and an 8.3 alias after them:

    number (0x40: last) | 5 units | 0x0F | 0 | checksum of the alias | 6 units | 0 | 2 units
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.base.errors import Kind, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

RECORD_BYTES = 32
_UNITS = 13
_FORBIDDEN = frozenset('"*/:<>?\\|\x7f') | frozenset(map(chr, range(32)))
_SHORT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'()-@^_`{}~")


def problems_of(directory: str, names: Iterable[str]) -> list[Problem]:
    """What is wrong with the names of one directory: characters, and two that differ in case alone.

    A name of a tree, of at most 255 bytes, is never longer than the 255 UTF-16 units of a long name.
    """
    found: list[Problem] = []
    seen: dict[str, str] = {}
    for name in names:
        path = f"{directory}/{name}"
        bad = sorted({char for char in name if char in _FORBIDDEN or "\ud800" <= char <= "\udfff"})
        if bad:
            found.append(Problem(Kind.BAD_TREE, f"FAT does not allow {', '.join(map(repr, bad))} in the name {path!r}"))
        elif name[-1] in " .":
            found.append(Problem(Kind.BAD_TREE, f"FAT does not allow the name {path!r} to end in {name[-1]!r}"))
        other = seen.setdefault(_folded(name), name)
        if other != name:
            found.append(Problem(Kind.CLASH, f"{directory}/{other} and {path} are one name to FAT, which ignores case"))
    return found


def _folded(name: str) -> str:
    """A name as FAT compares it: capitals, one for each character."""
    return "".join(upper if len(upper := char.upper()) == 1 else char for char in name)


def aliases(names: Iterable[str]) -> dict[str, bytes]:
    """The 8.3 name, 11 bytes, of each name of one directory; none is given twice."""
    listed = list(names)
    found = {name: short for name in listed if name.isascii() and (short := _exact(name.upper())) is not None}
    taken = set(found.values())
    numbers: dict[bytes, int] = {}
    for name in listed:
        if name in found:
            continue
        stem, extension = _parts(name)
        number = numbers.get(stem + extension, 0)
        while True:
            number += 1
            tail = b"~%d" % number
            short = (stem[: 8 - len(tail)] + tail).ljust(8) + extension.ljust(3)
            if short not in taken:
                break
        numbers[stem + extension] = number
        taken.add(short)
        found[name] = short
    return found


def _exact(upper: str) -> bytes | None:
    """A name that is 8.3 already, as 11 bytes."""
    stem, dot, extension = upper.partition(".")
    if not 0 < len(stem) <= 8 or len(extension) > 3 or (dot and not extension) or not set(stem + extension) <= _SHORT:
        return None
    return stem.ljust(8).encode("ascii") + extension.ljust(3).encode("ascii")


def _parts(name: str) -> tuple[bytes, bytes]:
    """Stem and extension of the alias of a name that is not 8.3: what cannot stay becomes `_`, or goes."""
    stem, _, extension = name.lstrip(".").rpartition(".")
    if not stem:
        stem, extension = extension, ""
    return _part(stem, 8), _part(extension, 3)


def _part(text: str, length: int) -> bytes:
    kept = "".join(char if char in _SHORT else "_" for char in text.upper() if char not in " .")
    return kept[:length].encode("ascii")


def records(name: str) -> int:
    """How many records a name takes, its alias among them."""
    return 1 if _is_short(name) else 1 + -(-len(name.encode("utf-16-le")) // (2 * _UNITS))


def _is_short(name: str) -> bool:
    return _exact(name) is not None


def long_name(name: str, alias: bytes) -> bytes:
    """The records that come before the alias; none where the alias says all."""
    if _is_short(name):
        return b""
    units = name.encode("utf-16-le")
    if len(units) % (2 * _UNITS):
        units = (units + b"\0\0").ljust(-(-len(units) // (2 * _UNITS)) * 2 * _UNITS, b"\xff")
    checksum = 0
    for byte in alias:
        checksum = ((checksum >> 1 | checksum << 7) + byte) & 0xFF
    parts = [units[at : at + 2 * _UNITS] for at in range(0, len(units), 2 * _UNITS)]
    found = b""
    for number, part in reversed(list(enumerate(parts, 1))):
        mark = number | (0x40 if number == len(parts) else 0)
        found += bytes([mark]) + part[:10] + bytes([0x0F, 0, checksum]) + part[10:22] + b"\0\0" + part[22:]
    return found
