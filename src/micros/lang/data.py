"""Modules as data: TOML and JSON files with the lines of their keys, and settings of the command line."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Note, error
from micros.base.where import Where
from micros.lang.lines import json_lines, toml_lines
from micros.lang.modules import Spec
from micros.lang.values import At, parse_path

if TYPE_CHECKING:
    from pathlib import Path

    from micros.lang.lines import DataPath, Lines

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
        return _module(name, _json(name, text), json_lines(text), str(path.resolve()))
    if path.suffix == ".toml":
        return _module(name, _toml(name, text), toml_lines(text), str(path.resolve()))
    raise error(Kind.BAD_FILE, f"{name} is neither a .toml nor a .json file", at=Where(name))


def _module(name: str, data: Any, lines: Lines, key: str) -> Spec:
    if not isinstance(data, dict):
        raise error(Kind.BAD_FILE, f"{name} does not hold a table of options", at=Where(name, 1))
    data.pop("$schema", None)  # for editors: where the schema of the file is
    return Spec(file=Where(name), key=key, config=_placed(data, (), name, lines))


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
    except RecursionError:
        raise error(Kind.BAD_FILE, f"{name} is nested too deeply", at=Where(name)) from None


def _toml(name: str, text: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        found = re.search(r"line (\d+)", str(problem))
        line = int(found[1]) if found else len(text.splitlines())
        hint = 'a text stands in quotes: name = "value"' if str(problem).startswith("Invalid value") else ""
        raise _unreadable(name, "TOML", str(problem), text, line, hint) from None
    except RecursionError:
        raise error(Kind.BAD_FILE, f"{name} is nested too deeply", at=Where(name)) from None


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
    except tomllib.TOMLDecodeError:
        parsed = value
    definition: Any = Override(FORCE, parsed)
    for part in reversed(parts):
        definition = {part: definition}
    return Spec(file=COMMAND_LINE, config=definition)


__all__ = ["COMMAND_LINE", "MicrosError", "load_file", "setting"]
