"""The lines of what JSON and TOML files say: neither of Python's readers tells them.

Both scanners are given text that its reader has accepted, and are forgiving with any other. Paths hold the names of keys and
the numbers, from 0, of elements of lists.
"""

from __future__ import annotations

import json
import re
import tomllib

DataPath = tuple[str | int, ...]
Lines = dict[DataPath, int]

_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:\n]')


def json_lines(text: str) -> Lines:
    """The line of every key, and of every object in a list (RFC 8259)."""
    lines: Lines = {}
    path: list[str | int] = []
    line = 1
    last = ""
    for match in _JSON_TOKEN.finditer(text):
        token = match[0]
        if token == "\n":
            line += 1
            continue
        if token == "{":
            if path and isinstance(path[-1], int):
                lines[tuple(path)] = line
            path.append("")
        elif token == "[":
            path.append(0)
        elif token in "]}":
            del path[-1:]
        elif token == "," and path and isinstance(path[-1], int):
            path[-1] += 1
        elif token == ":" and path and last.startswith('"'):
            path[-1] = json.loads(last, strict=False)
            lines[tuple(path)] = line
        last = token
    return lines


_TOML_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|\#[^\n]*"
    r"|\n|[\[\]{}=,.]"
    r"""|[^\s\[\]{}=,.\#"']+""",
    re.DOTALL,
)


def toml_lines(text: str) -> Lines:
    """The line of every key and table (TOML 1.0)."""
    scanner = _Toml(text)
    try:
        scanner.scan()
    except IndexError:  # the end of a text that is no TOML
        return scanner.lines
    return scanner.lines


class _Toml:
    """Walks the tokens of a TOML document."""

    def __init__(self, text: str) -> None:
        self.lines: Lines = {}
        self._tokens: list[tuple[str, int]] = []
        self._next = 0
        self._elements: dict[DataPath, int] = {}
        """How many elements each array of tables has by now."""
        line = 1
        for match in _TOML_TOKEN.finditer(text):
            if not match[0].startswith("#"):
                self._tokens.append((match[0], line))
            line += match[0].count("\n")

    def scan(self) -> None:
        """Read all statements."""
        table: DataPath = ()
        while self._next < len(self._tokens):
            token = self._peek()
            if token == "\n":
                self._take()
            elif token == "[":
                table = self._header()
            else:
                self._pair(table)

    def _peek(self) -> str:
        return self._tokens[self._next][0]

    def _take(self) -> tuple[str, int]:
        self._next += 1
        return self._tokens[self._next - 1]

    def _header(self) -> DataPath:
        _, line = self._take()
        is_array = self._peek() == "["
        if is_array:
            self._take()
        path: DataPath = ()
        parts = self._key("]\n")
        for number, part in enumerate(parts, 1):
            path = (*path, part)
            self.lines.setdefault(path, line)
            if is_array and number == len(parts):
                self._elements[path] = self._elements.get(path, 0) + 1
            if path in self._elements:
                path = (*path, self._elements[path] - 1)
                self.lines.setdefault(path, line)
        while self._next < len(self._tokens) and self._peek() != "\n":
            self._take()
        return path

    def _key(self, end: str) -> list[str]:
        """The parts of a key, up to a token of `end`, which is left."""
        parts = []
        while self._peek() not in end:
            token, _ = self._take()
            if token != ".":
                parts.append(_bare(token))
        return parts

    def _pair(self, table: DataPath) -> None:
        line = self._tokens[self._next][1]
        path = table
        for part in self._key("=\n"):
            path = (*path, part)
            self.lines.setdefault(path, line)
        if self._take()[0] == "=":
            self._value(path)

    def _value(self, path: DataPath) -> None:
        token, line = self._take()
        if token == "[":
            self._list(path)
        elif token == "{":
            self.lines.setdefault(path, line)
            self._skip_lines()
            while self._peek() != "}":
                self._pair(path)
                self._skip_lines(",")
            self._take()
        else:
            while self._next < len(self._tokens) and self._peek() not in ",]}\n":
                self._take()

    def _list(self, path: DataPath) -> None:
        index = 0
        self._skip_lines()
        while self._peek() != "]":
            self._value((*path, index))
            self._skip_lines(",")
            index += 1
        self._take()

    def _skip_lines(self, more: str = "") -> None:
        while self._peek() in "\n" + more:
            self._take()


def _bare(token: str) -> str:
    """A part of a key without its quotes."""
    if token[0] not in "\"'":
        return token
    try:
        value = tomllib.loads(f"key = {token}")["key"]
    except tomllib.TOMLDecodeError:
        return token[1:-1]
    return str(value)
