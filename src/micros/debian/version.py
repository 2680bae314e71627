"""Debian's order of versions (Debian policy 5.6.12)."""

from __future__ import annotations

import functools
import re

_PARTS = re.compile(r"(\D*)(\d*)")


@functools.lru_cache(maxsize=65536)
def key(version: str) -> tuple[int, tuple[tuple[tuple[int, ...], int], ...], tuple[tuple[tuple[int, ...], int], ...]]:
    """A sort key: epoch, upstream version, revision. `~` sorts before the end, letters before other characters."""
    epoch, colon, rest = version.partition(":")
    if not colon or not epoch.isdigit():
        epoch, rest = "0", version
    upstream, _, revision = rest.rpartition("-") if "-" in rest else (rest, "", "0")
    return int(epoch), _parts(upstream), _parts(revision)


def _parts(text: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    # Every non-digit part ends with 0, so that `~` (-1) is before the end and everything else after it.
    found = [
        ((*(_weight(c) for c in letters), 0), int(digits or 0)) for letters, digits in _PARTS.findall(text) if letters or digits
    ]
    return (*found, ((0,), 0))


def _weight(char: str) -> int:
    if char == "~":
        return -1
    return ord(char) if char.isalpha() else ord(char) + 256


def satisfies(version: str, operator: str, wanted: str) -> bool:
    """Whether a version stands in the relation `<<`, `<=`, `=`, `>=` or `>>` to another; no operator always holds."""
    if not operator:
        return True
    left, right = key(version), key(wanted)
    match operator:
        case "<<":
            return left < right
        case "<=":
            return left <= right
        case "=":
            return left == right
        case ">=":
            return left >= right
        case _:
            return left > right
