"""Types and values as Python spells them, for documentation: `dict[str, Service]`, `list[str]`, `"zstd" | "xz"`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from micros.lang import types as kinds
from micros.lang.containers import AttrsOf, CoercedTo, Either, FunctionTo, ListOf, NullOr, Unique
from micros.lang.records import Submodule
from micros.lang.values import show_value

if TYPE_CHECKING:
    from micros.lang.types import Type

_NAMES = {"path": "Path", "lines": "Lines", "anything": "Any", "raw": "Any", "unspecified": "Any", "attrs": "dict[str, Any]"}


def spelled(kind: Type) -> str:
    """A type as an annotation would say it, with its limits in words after a comma."""
    match kind:
        case kinds.Number():
            return _number(kind)
        case kinds.Enum():
            return " | ".join(spelled_value(value) for value in kind.values)
        case kinds.Matching():
            return f"str, {kind.description.removeprefix('string ')}"
        case kinds.Separated():
            return "str, several are joined by " + {"\n": "newlines"}.get(kind.separator, spelled_value(kind.separator))
        case ListOf():
            return f"list[{spelled(kind.elem)}]" + (", not empty" if kind.non_empty else "")
        case AttrsOf():
            return f"dict[str, {spelled(kind.elem)}]"
        case NullOr():
            return f"{spelled(kind.elem)} | null"
        case Either():
            return f"{spelled(kind.left)} | {spelled(kind.right)}"
        case CoercedTo():
            return f"{spelled(kind.target)} | {spelled(kind.source)}"
        case FunctionTo():
            return f"Callable[..., {spelled(kind.elem)}]"
        case Unique():
            return spelled(kind.elem)
        case Submodule():
            return record_name(kind)
        case kinds.Scalar():
            return {"nonEmptyStr": "str, not empty", "number": "int | float"}.get(kind.name, kind.name)
    return _NAMES.get(kind.name, kind.name)


def _number(kind: kinds.Number) -> str:
    noun = "float" if kind.real else "int"
    if kind.low is None and kind.high is None:
        return noun
    if kind.low is None:
        return f"{noun}, at most {kind.high}"
    return f"{noun}, at least {kind.low}" if kind.high is None else f"{noun}, {kind.low} to {kind.high}"


def record_name(kind: Submodule) -> str:
    """A record by the name of its class; one that has none is a `record`."""
    names = [module.__name__ for module in kind.modules if isinstance(module, type)]
    return names[0] if names else "record"


def spelled_value(value: Any) -> str:
    """A value on one line, as TOML and JSON write it; null stands for Python's None."""
    if isinstance(value, str | int | float | None) and type(value) in (str, int, float, bool, type(None)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(spelled_value, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(name))}: {spelled_value(item)}" for name, item in value.items()) + "}"
    return " ".join(show_value(value, lines=40).split())
