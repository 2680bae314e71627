"""Modules as data: TOML and JSON files with the lines of their keys, and settings of the command line."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, error
from micros.base.where import Where
from micros.lang.modules import Spec
from micros.lang.values import At, Loc, parse_path

if TYPE_CHECKING:
    from pathlib import Path

COMMAND_LINE = Where("<command line>")


def load_file(path: Path) -> Spec:
    """A module of a TOML or JSON file; its definitions know their lines.

    Raises an error of kind `bad-file` for a file that cannot be read or is neither, with the line.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8"
        raise error(Kind.BAD_FILE, f"{path} cannot be read: {reason}", at=Where(str(path))) from None
    name = str(path)
    if path.suffix == ".json":
        return _module(name, _json(name, text), _json_lines(text), str(path.resolve()))
    if path.suffix == ".toml":
        return _module(name, _toml(name, text), _toml_lines(text), str(path.resolve()))
    raise error(Kind.BAD_FILE, f"{name} is neither a .toml nor a .json file", at=Where(name))


def _module(name: str, data: Any, lines: dict[Loc, int], key: str) -> Spec:
    if not isinstance(data, dict):
        raise error(Kind.BAD_FILE, f"{name} does not hold a table of options", at=Where(name, 1))
    return Spec(file=Where(name), key=key, config=_placed(data, (), name, lines))


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
    except RecursionError:
        raise error(Kind.BAD_FILE, f"{name} is nested too deeply", at=Where(name)) from None


def _toml(name: str, text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        found = re.search(r"line (\d+)", str(problem))
        line = int(found[1]) if found else len(text.splitlines())
        raise error(Kind.BAD_FILE, f"{name} is not TOML: {problem}", at=Where(name, line)) from None
    except RecursionError:
        raise error(Kind.BAD_FILE, f"{name} is nested too deeply", at=Where(name)) from None


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
            for inner in re.finditer(_TOML_KEY.pattern + r"\s*=", rest) if rest.startswith("{") else ():
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
    except tomllib.TOMLDecodeError:
        parsed = value
    definition: Any = Override(FORCE, parsed)
    for part in reversed(parts):
        definition = {part: definition}
    return Spec(file=COMMAND_LINE, config=definition)


__all__ = ["COMMAND_LINE", "MicrosError", "load_file", "setting"]
