"""Finding options by name or by what their documentation says."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

from micros.lang.values import parse_path, snake

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def matching(records: Sequence[dict[str, Any]], pattern: str) -> list[dict[str, Any]]:
    """The records (of `micros.lang.docs.reference`) that a pattern means, in either spelling of names.

    A pattern with `*`, `?` or `[` is a glob of the whole name or of its last parts. Any other is part of a name or of a
    description, or a path with names in place of placeholders: `users.ann.shell` finds `users.<name>.shell`.
    """
    is_glob = any(char in pattern for char in "*?[") and "<" not in pattern
    fits = _glob(pattern) if is_glob else _words(pattern)
    return [record for record in records if fits(record) or (is_glob and record["name"] == pattern)]


def _glob(pattern: str) -> Callable[[dict[str, Any]], bool]:
    wanted = ".".join(map(snake, pattern.split(".")))

    def fits(record: dict[str, Any]) -> bool:
        names = [snake(name) for name in (record["name"], *record["aliases"])]
        return any(fnmatch.fnmatchcase(name, wanted) or fnmatch.fnmatchcase(name, f"*.{wanted}") for name in names)

    return fits


def _words(pattern: str) -> Callable[[dict[str, Any]], bool]:
    name_part, text_part, path = snake(pattern), pattern.lower(), parse_path(pattern)

    def fits(record: dict[str, Any]) -> bool:
        names = [record["name"], *record["aliases"]]
        return (
            any(name_part in snake(name) for name in names)
            or text_part in record["description"].lower()
            or _path_fits(parse_path(record["name"]), path)
        )

    return fits


def _path_fits(declared: tuple[str, ...], path: tuple[str, ...]) -> bool:
    if len(declared) != len(path) or len(path) < 2:
        return False
    return all(name == "*" or name.startswith("<") or name == snake(part) for name, part in zip(declared, path, strict=True))
