"""Wrappers around values, and how values and paths are shown.

A wrapper says how a definition takes part (condition, priority, order, place); a `Deferred` is a value computed when it
is read. A wrapper may hold a deferred value, a deferred value never yields a wrapper, so the shape of a definition is
known without running it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from micros.base.where import Where
    from micros.lang.places import Site

VM, FORCE, IMAGE, PLAIN, DEFAULT, OPTION_DEFAULT = 10, 50, 60, 100, 1000, 1500
UNDEFINED_PRIORITY = 9999
BEFORE, MIDDLE, AFTER = 500, 1000, 1500

FEW, ONE_LINE = 3, 60
"""Elements and characters of a list or set that is shown on one line: what has more is cut after a few lines."""

Loc = tuple[str, ...]


class Wrapper:
    """Base of everything that wraps a value."""

    __slots__ = ()


class If(Wrapper):
    """A definition that counts only where its condition (a bool, or a deferred one) holds."""

    __slots__ = ("condition", "value")

    def __init__(self, condition: object, value: object) -> None:
        self.condition = condition
        self.value = value


class Merge(Wrapper):
    """Several definitions in one place."""

    __slots__ = ("values",)

    def __init__(self, values: list[Any]) -> None:
        self.values = values


class Override(Wrapper):
    """A definition with a priority; the lowest number wins."""

    __slots__ = ("priority", "value")

    def __init__(self, priority: int, value: object) -> None:
        self.priority = priority
        self.value = value


class Order(Wrapper):
    """A definition with a place among the others; ascending, 1000 where nothing is said."""

    __slots__ = ("order", "value")

    def __init__(self, order: int, value: object) -> None:
        self.order = order
        self.value = value


class At(Wrapper):
    """A definition that was written elsewhere than its module."""

    __slots__ = ("value", "where")

    def __init__(self, where: Where | Site, value: object) -> None:
        self.where = where
        self.value = value


class Derived(Wrapper):
    """The definitions of another option, as definitions of this one, with their priority or the one that is given.

    With a function: one definition, that function of the other option's value.
    """

    __slots__ = ("function", "path", "priority")

    def __init__(self, path: Loc, function: Callable[[Any], Any] | None = None, priority: int | None = None) -> None:
        self.path = path
        self.function = function
        self.priority = priority


class Deferred:
    """A value that is computed from the evaluation it is written in, at most once in each."""

    __slots__ = ("run",)

    def __init__(self, run: Callable[[Any], Any]) -> None:
        self.run = run


def bare(value: Any) -> Any:
    """Data without the places of its parts, as functions of users get it."""
    kind = type(value)
    if kind is At:
        return bare(value.value)
    if kind is dict:
        return {name: bare(item) for name, item in value.items()}
    if kind is list:
        return [bare(item) for item in value]
    return value


class PathValue(str):
    """A path as a value of its own kind: an absolute path that is not a text."""

    __slots__ = ()


class Literal:
    """Text shown in documentation in place of a default or an example."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*|\*|<[^>]*>|\[.*\]")


def show_path(loc: tuple[Any, ...]) -> str:
    """A dotted path; parts that are not names are quoted, placeholders (`*`, `<name>`) are not."""
    return ".".join(part if _PLAIN_NAME.fullmatch(part) else f'"{part}"' for part in map(str, loc))


def parse_path(text: str) -> Loc:
    """The parts of a dotted path, where a part may be quoted: `a."b.c".d`."""
    parts = re.findall(r'"((?:[^"\\]|\\.)*)"|([^."]+)', text)
    return tuple(quoted or plain for quoted, plain in parts)


_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake(name: str) -> str:
    """The name in our spelling: `hostName` and `host-name` are `host_name`, `allowedTCPPorts` is `allowed_tcp_ports`."""
    return _CAMEL.sub("_", name).replace("-", "_").lower()


def kind_name(value: object) -> str:
    """What sort of value this is, in the words of type descriptions."""
    for known, name in (
        (bool, "a boolean"),
        (int, "an integer"),
        (float, "a floating point number"),
        (PurePath | PathValue, "a path"),
        (str, "a string"),
        (list | tuple, "a list"),
        (Mapping, "a set"),
    ):
        if isinstance(value, known):
            return name
    if value is None:
        return "null"
    if callable(value):
        return "a function"
    return f"a {type(value).__name__}"


def show_value(value: object, *, lines: int = 5) -> str:
    """A value for a message: at most `lines` lines, then `...`; nesting below depth 10 is left out."""
    text = _show(value, "", 10)
    rows = text.splitlines() or [""]
    if len(rows) > lines:
        rows = [*rows[:lines], "..."]
    return "\n".join(rows)


def _show(value: object, indent: str, depth: int) -> str:
    if depth < 0 and isinstance(value, list | tuple | dict):
        return "..."  # what lies deeper is never shown, so it is not looked at: it may be thousands of levels
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case PathValue() | PurePath():
            return str(value)
        case str():
            return _quoted(value)
        case Deferred():
            return "<computed>"
        case Wrapper():
            return _show_wrapped(value, indent, depth)
        case list() | tuple():
            return _nested(list(value), [_show(item, indent + "  ", depth - 1) for item in value], "[]", indent, depth)
        case dict():
            shown = [f"{show_path((key,))} = {_show(item, indent + '  ', depth - 1)};" for key, item in value.items()]
            return _nested(list(value), shown, "{}", indent, depth)
        case _ if isinstance(value, int | float):
            return repr(value)
        case _ if (show := getattr(value, "__micros_show__", None)) is not None:
            return str(show())
        case _ if (given := getattr(value, "__micros_value__", None)) is not None:
            return _show(given(), indent, depth)
        case _ if callable(value):
            return "<function>"
    return f"<{type(value).__name__}>"


def _show_wrapped(value: Wrapper, indent: str, depth: int) -> str:
    match value:
        case If():
            return f"when(..., {_show(value.value, indent, depth)})"
        case Override():
            return f"override({value.priority}, {_show(value.value, indent, depth)})"
        case Order():
            return f"order({value.order}, {_show(value.value, indent, depth)})"
        case At():
            return _show(value.value, indent, depth)
        case Merge():
            return f"merge{_show(value.values, indent, depth)}"
    return "<wrapped>"


def _nested(items: list[Any], shown: list[str], brackets: str, indent: str, depth: int) -> str:
    if not items:
        return f"{brackets[0]} {brackets[1]}"
    if depth <= 0:
        return f"{brackets[0]} ... {brackets[1]}"
    flat = f"[{', '.join(shown)}]" if brackets == "[]" else f"{{ {' '.join(shown)} }}"
    if len(items) <= FEW and len(flat) <= ONE_LINE and "\n" not in flat:
        return flat
    inner = f"\n{indent}  ".join(shown)
    return f"{brackets[0]}\n{indent}  {inner}\n{indent}{brackets[1]}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'
