"""Modules as data: TOML and JSON files with the lines of their keys, and settings of the command line."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, error
from micros.base.units import human_bytes
from micros.base.where import Where
from micros.lang.modules import Spec
from micros.lang.values import At, Loc, parse_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMMAND_LINE = Where("<command line>")
FILE_LIMIT_BYTES = 1 << 20
"""A description of a system has some kilobytes; what is larger was not written as one."""
DEPTH_LIMIT = 64
"""Tables within tables; no option lies nearly as deep."""
_LINE_LIMIT = 4000
"""Keys within a line longer than this are found on their table's line."""


def load_file(path: Path) -> Spec:
    """A module of a TOML or JSON file; its definitions know their lines.

    Raises an error of kind `bad-file` for a file that cannot be read or is neither, with the line.
    """
    text = read_text(path)
    name = str(path)
    if path.suffix == ".json":
        return _module(name, _json(name, text), text, _json_lines, str(path.resolve()))
    if path.suffix == ".toml":
        return _module(name, _toml(name, text), text, _toml_lines, str(path.resolve()))
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


def _module(name: str, data: Any, text: str, lines_of: Callable[[str], dict[Loc, int]], key: str) -> Spec:
    if not isinstance(data, dict):
        raise error(Kind.BAD_FILE, f"{name} does not hold a table of options", at=Where(name, 1))
    _check_depth(data, name)
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


def _placed(value: Any, path: Loc, name: str, lines: dict[Loc, int]) -> Any:
    if isinstance(value, dict):
        value = {key: _placed(item, (*path, key), name, lines) for key, item in value.items()}
    line = lines.get(path)
    return At(Where(name, line), value) if line else value


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as problem:
        raise error(Kind.BAD_FILE, f"{name} is not JSON: {problem.msg}", at=Where(name, problem.lineno)) from None
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
        raise error(Kind.BAD_FILE, f"{name} is not TOML: {problem}", at=Where(name, line)) from None
    except ValueError as problem:  # a number of thousands of digits
        raise error(Kind.BAD_FILE, f"{name} has a value that cannot be read: {problem}", at=Where(name)) from None
    except RecursionError:
        raise _too_deep(name) from None


_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:\n]')


def _json_lines(text: str) -> dict[Loc, int]:
    """The line of every key of an object that lies in no list."""
    lines: dict[Loc, int] = {}
    path: list[str] = []
    key, line, lists = "", 1, 0
    depth: list[bool] = []
    last: str | None = None
    for match in _JSON_TOKEN.finditer(text):
        token = match[0]
        if token == "\n":
            line += 1
        elif token == ":" and last is not None and not lists:
            key = json.loads(last)
            lines[(*path, key)] = line
        elif token == "{":
            if not lists:
                path.append(key)
                if not depth:
                    path.clear()
            depth.append(True)
        elif token == "[":
            lists += 1
            depth.append(False)
        elif token == "]":
            lists -= 1
            if depth:
                depth.pop()
        elif token == "}":
            if depth:
                depth.pop()
            if not lists and path:
                path.pop()
        last = token if token[0] == '"' else (last if token == "\n" else None)
    return lines


_TOML_KEY = re.compile(
    r"""((?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'))*)"""
)
_TOML_HEADER = re.compile(r"\s*\[\[?\s*" + _TOML_KEY.pattern + r"\s*\]\]?")
_TOML_PAIR = re.compile(r"\s*" + _TOML_KEY.pattern + r"\s*=\s*")
_MULTILINE = re.compile(r"""\"{3}|'{3}""")


def _toml_lines(text: str) -> dict[Loc, int]:
    """The line of every key; those in inline tables are found on their table's line."""
    lines: dict[Loc, int] = {}
    table: Loc = ()
    inside = ""
    for number, row in enumerate(text.splitlines(), 1):
        if inside:
            if inside in row:
                inside = ""
            continue
        header = _TOML_HEADER.match(row)
        pair = _TOML_PAIR.match(row)
        if header:
            table = _toml_path(header[1])
            lines.setdefault(table, number)
        elif pair:
            path = table + _toml_path(pair[1])
            for end in range(len(table) + 1, len(path) + 1):
                lines.setdefault(path[:end], number)
            rest = row[pair.end() :]
            within = rest if rest.startswith("{") and len(rest) < _LINE_LIMIT else ""
            for inner in re.finditer(_TOML_KEY.pattern + r"\s*=", within):
                lines.setdefault(path + _toml_path(inner[1]), number)
        quotes = _MULTILINE.findall(row)
        if len(quotes) % 2:
            inside = quotes[-1]
    return lines


def _toml_path(text: str) -> Loc:
    parts = re.findall(r"""([A-Za-z0-9_-]+)|"((?:[^"\\]|\\.)*)"|'([^']*)'""", text)
    return tuple(plain or double or single for plain, double, single in parts)


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
