"""JSON, YAML and TOML as text, of plain values: None, bool, int, float, str, path, list, dict."""

from __future__ import annotations

import json
import math
import re
from pathlib import PurePath
from typing import Any

from micros.base.errors import Kind, error
from micros.lang.values import kind_name

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_YAML_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_YAML_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def json_text(value: Any) -> str:
    """RFC 8259, names sorted."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False, default=_text_of) + "\n"


def _text_of(value: Any) -> str:
    if isinstance(value, PurePath):
        return str(value)
    raise _unwritable(value)


def _unwritable(value: Any) -> Exception:
    return error(Kind.WRONG_TYPE, f"{kind_name(value)} cannot be written")


def quoted(text: str) -> str:
    """A text in double quotes as TOML 1.0 ("basic string") and YAML 1.2 (7.3.1) both read it."""
    return '"' + "".join(_SHORT.get(char) or (char if _plain(ord(char)) else f"\\u{ord(char):04X}") for char in text) + '"'


def _plain(code: int) -> bool:
    """Whether a character stands for itself: the printable ones (YAML 1.2, 5.1) that end no line."""
    return 0x20 <= code < 0x7F or 0xA0 <= code < 0x2028 or 0x2029 < code < 0xD800 or 0xE000 <= code < 0xFEFF or code > 0xFFFF


def _number(value: int | float) -> str:
    """A number as both formats read it, infinities and NaN left to the caller: floats always have a point."""
    text = repr(value)
    return text.replace("e", ".0e") if "e" in text and "." not in text else text


# YAML 1.2, block style
def yaml_text(value: Any) -> str:
    """One document, names sorted."""
    return "\n".join(_yaml(value)) + "\n"


def _yaml(value: Any) -> list[str]:
    """The lines of a value, not indented."""
    if isinstance(value, dict) and value:
        lines: list[str] = []
        for name in sorted(value):
            lines += _yaml_entry(f"{_yaml_name(name)}:", value[name], nested=isinstance(value[name], dict))
        return lines
    if isinstance(value, list | tuple) and value:
        lines = []
        for item in value:
            inner = _yaml(item)
            lines += [f"- {inner[0]}", *(f"  {line}" for line in inner[1:])]
        return lines
    return [_yaml_atom(value)]


def _yaml_entry(head: str, value: Any, *, nested: bool) -> list[str]:
    inner = _yaml(value)
    if not value or not isinstance(value, dict | list | tuple):
        return [f"{head} {inner[0]}"]
    return [head, *(f"  {line}" if nested else line for line in inner)]


def _yaml_name(name: str) -> str:
    return name if _YAML_BARE.fullmatch(name) and name.lower() not in _YAML_WORDS else quoted(name)


def _yaml_atom(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float() if not math.isfinite(value):
            return ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
        case int() | float():
            return _number(value)
        case str() | PurePath():
            return quoted(str(value))
        case dict():
            return "{}"
        case list() | tuple():
            return "[]"
    raise _unwritable(value)


# TOML 1.0
def toml_text(value: Any) -> str:
    """One document, names sorted: of each table first the values, then the tables below it."""
    lines: list[str] = []
    _toml_table((), value, lines)
    return "\n".join(lines).lstrip("\n") + "\n" if lines else ""


def _toml_table(path: tuple[str, ...], table: dict[str, Any], lines: list[str]) -> None:
    tables = {name: item for name, item in table.items() if isinstance(item, dict)}
    values = {name: item for name, item in table.items() if name not in tables}
    if path and (values or not tables):
        lines += ["", f"[{'.'.join(map(_toml_name, path))}]"]
    lines += [f"{_toml_name(name)} = {_toml_value(values[name])}" for name in sorted(values)]
    for name in sorted(tables):
        _toml_table((*path, name), tables[name], lines)


def _toml_name(name: str) -> str:
    return name if _BARE.fullmatch(name) else quoted(name)


def _toml_value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case float() if not math.isfinite(value):
            return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
        case int() | float():
            return _number(value)
        case str() | PurePath():
            return quoted(str(value))
        case list() | tuple():
            return f"[{', '.join(map(_toml_value, value))}]"
        case dict():
            inner = ", ".join(f"{_toml_name(name)} = {_toml_value(value[name])}" for name in sorted(value))
            return f"{{ {inner} }}" if inner else "{}"
    raise _unwritable(value)
