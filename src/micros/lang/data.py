"""Modules as data: TOML and JSON files with the lines of their keys, and settings of the command line."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Note, error
from micros.base.units import human_bytes
from micros.base.where import Where
from micros.lang.lines import json_lines, toml_lines
from micros.lang.modules import Spec
from micros.lang.values import At, parse_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from micros.lang.lines import DataPath, Lines

COMMAND_LINE = Where("<command line>")
FILE_LIMIT_BYTES = 1 << 20
"""A description of a system has some kilobytes; what is larger was not written as one."""
DEPTH_LIMIT = 64
"""Tables within tables; no option lies nearly as deep."""


def load_file(path: Path) -> Spec:
    """A module of a TOML or JSON file; its definitions know their lines.

    Raises an error of kind `bad-file` for a file that cannot be read or is neither, with the line.
    """
    text = read_text(path)
    name = str(path)
    if path.suffix == ".json":
        return _module(name, _json(name, text), text, json_lines, str(path.resolve()))
    if path.suffix == ".toml":
        return _module(name, _toml(name, text), text, toml_lines, str(path.resolve()))
    raise error(Kind.BAD_FILE, f"{name} is neither a .toml nor a .json file", at=Where(name))


def read_text(path: Path) -> str:
    """A user's file as text: UTF-8 with or without a byte order mark, lines ended in any way.

    Raises an error of kind `bad-file` for a file that cannot be read, is larger than `FILE_LIMIT_BYTES` or no such text.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(FILE_LIMIT_BYTES + 1)
    except (OSError, ValueError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else str(problem)
        raise error(Kind.BAD_FILE, f"{path} cannot be read: {reason}", at=Where(str(path))) from None
    if len(data) > FILE_LIMIT_BYTES:
        limit = human_bytes(FILE_LIMIT_BYTES)
        raise error(Kind.BAD_FILE, f"{path} is larger than {limit}, the most a system's file may have", at=Where(str(path)))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise error(Kind.BAD_FILE, f"{path} is not UTF-8", at=Where(str(path), line)) from None
    return text.replace("\r\n", "\n")


def _module(name: str, data: Any, text: str, lines_of: Callable[[str], Lines], key: str) -> Spec:
    if not isinstance(data, dict):
        raise error(Kind.BAD_FILE, f"{name} does not hold a table of options", at=Where(name, 1))
    _check_depth(data, name)
    data.pop("$schema", None)  # for editors: where the schema of the file is
    return Spec(file=Where(name), key=key, config=_placed(data, (), name, lines_of(text)))


def _check_depth(value: Any, name: str) -> None:
    """Raise where tables and lists are nested too deeply for what comes after."""
    level = [value]
    for _ in range(DEPTH_LIMIT):
        containers = [item for item in level if isinstance(item, dict | list)]
        level = [inner for item in containers for inner in (item.values() if isinstance(item, dict) else item)]
        if not level:
            return
    raise _too_deep(name)


def _too_deep(name: str, line: int = 0) -> MicrosError:
    message = f"{name} is nested too deeply: at most {DEPTH_LIMIT} tables may lie within each other"
    return error(Kind.BAD_FILE, message, at=Where(name, line))


def _placed(value: Any, path: DataPath, name: str, lines: Lines) -> Any:
    """The value with the line of each key, and of each table in a list."""
    if isinstance(value, dict):
        value = {key: _placed(item, (*path, key), name, lines) for key, item in value.items()}
    elif isinstance(value, list):
        value = [
            _placed(item, (*path, index), name, lines) if isinstance(item, dict) else item for index, item in enumerate(value)
        ]
    line = lines.get(path)
    return At(Where(name, line), value) if line else value


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as problem:
        # Python 3.13 is at the comma and says so; before, it is at the bracket and misses a name.
        comma = problem.pos if problem.msg.startswith("Illegal trailing comma") else len(text[: problem.pos].rstrip()) - 1
        if text[comma : comma + 1] == "," and text[comma + 1 :].lstrip()[:1] in ("}", "]"):
            line = text.count("\n", 0, comma) + 1
            raise _unreadable(name, "JSON", "a comma stands before a closing bracket", text, line, "remove it") from None
        raise _unreadable(name, "JSON", problem.msg, text, problem.lineno, "") from None
    except ValueError as problem:  # a number of thousands of digits
        raise error(Kind.BAD_FILE, f"{name} has a value that cannot be read: {problem}", at=Where(name)) from None
    except RecursionError:
        raise _too_deep(name) from None


# As many parts as DEPTH_LIMIT.
_DEEP_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]+|"[^".\n]*"|'[^'.\n]*')[ \t]*\.[ \t]*){64}""", re.ASCII)


def _toml(name: str, text: str) -> Any:
    if found := _DEEP_KEY.search(text):  # tomllib takes time that grows with the square of such a key
        raise _too_deep(name, text.count("\n", 0, found.start()) + 1)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        found = re.search(r"line (\d+)", str(problem))
        line = int(found[1]) if found else len(text.splitlines())
        hint = 'a text stands in quotes: name = "value"' if str(problem).startswith("Invalid value") else ""
        raise _unreadable(name, "TOML", str(problem), text, line, hint) from None
    except ValueError as problem:  # a number of thousands of digits
        raise error(Kind.BAD_FILE, f"{name} has a value that cannot be read: {problem}", at=Where(name)) from None
    except RecursionError:
        raise _too_deep(name) from None


def _unreadable(name: str, form: str, why: str, text: str, line: int, hint: str) -> MicrosError:
    rows = text.splitlines()
    row = rows[line - 1].strip() if 0 < line <= len(rows) else ""
    return error(Kind.BAD_FILE, f"{name} is not {form}: {why}", notes=[Note(Where(name, line), row)], hint=hint)


def setting(text: str) -> Spec:
    """A definition of the command line, `services.sshd.port=2222`, that wins over plain ones.

    The value is TOML (`true`, `2222`, `["a"]`, `"text"`); what is not is a text. Raises an error of kind `usage`.
    """
    from micros.lang.values import FORCE, Override

    path, equals, value = text.partition("=")
    parts = parse_path(path.strip())
    if not equals or not parts:
        raise error(Kind.USAGE, f"{text!r} is no setting", hint="write option.path=value", at=COMMAND_LINE)
    try:
        parsed: Any = tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        parsed = value
    _check_depth(parsed, "a value of --set")
    definition: Any = Override(FORCE, parsed)
    for part in reversed(parts):
        definition = {part: definition}
    return Spec(file=COMMAND_LINE, config=definition)


__all__ = ["COMMAND_LINE", "MicrosError", "load_file", "read_text", "setting"]
