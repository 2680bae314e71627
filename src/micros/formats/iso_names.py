"""Names of ISO 9660 (ECMA-119, 7.5 and 7.6): what systems without Rock Ridge see, and in whose order directories are.

Capitals, digits and `_`; of a file also one dot and the version. At most 31 characters, as interchange level 2 has it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_LABEL = 32
_LONGEST = 30
"""Characters of a name and its extension, the dot beside."""
_LONGEST_EXTENSION = 8
_OTHERS = re.compile(r"[^A-Z0-9_]")
_LABEL = re.compile(rf"[A-Z0-9_]{{1,{LONGEST_LABEL}}}")


def volume_label(label: str) -> bytes:
    """A volume identifier (ECMA-119, 8.4.7), padded. Raises an error of kind `usage` for what cannot be one."""
    if not _LABEL.fullmatch(label):
        message = f"{label!r}, of {len(label)} characters, cannot be the label of an ISO"
        raise error(Kind.USAGE, message, hint=f"1 to {LONGEST_LABEL} capital letters, digits and `_`")
    return label.encode("ascii").ljust(LONGEST_LABEL)


def iso_names(names: Iterable[tuple[str, bool]]) -> dict[str, bytes]:
    """For each name of one directory, with whether it is a directory, its own in ISO 9660; equal ones get numbers."""
    found: dict[str, bytes] = {}
    used: set[tuple[str, str]] = set()
    for name, is_directory in names:
        stem, extension = _parts(name, is_directory)
        room = _LONGEST - len(extension)
        chosen, number = stem[:room], 0
        while (chosen, extension) in used:
            number += 1
            chosen = f"{stem[: room - len(str(number)) - 1]}_{number}"
        used.add((chosen, extension))
        found[name] = (chosen if is_directory else f"{chosen}.{extension};1").encode("ascii")
    return found


def order(name: bytes) -> tuple[bytes, bytes]:
    """Where a name stands in its directory (ECMA-119, 9.3): by name, then by extension, as if both were padded with spaces."""
    stem, _, extension = name.removesuffix(b";1").partition(b".")
    return stem.ljust(_LONGEST + 1), extension.ljust(_LONGEST + 1)


def _parts(name: str, is_directory: bool) -> tuple[str, str]:
    """Name and extension in the characters that are allowed."""
    stem, dot, extension = name.upper().rpartition(".")
    if is_directory or not dot or not stem:
        stem, extension = name.upper(), ""
    return _OTHERS.sub("_", stem), _OTHERS.sub("_", extension)[:_LONGEST_EXTENSION]
