"""Where a definition was written: found cheaply when it is made, to the line of the keyword when it is shown."""

from __future__ import annotations

import ast
import linecache
import os
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

from micros.base.where import Where, shortest

if TYPE_CHECKING:
    from types import CodeType, FrameType, TracebackType


class Site:
    """A call in somebody's source, and one of its keywords; becomes a `Where` when somebody asks."""

    __slots__ = ("code", "instruction", "keyword", "line")

    def __init__(self, frame: FrameType, keyword: str) -> None:
        self.code: CodeType = frame.f_code
        self.instruction = frame.f_lasti
        self.line = frame.f_lineno
        self.keyword = keyword

    def where(self) -> Where:
        """The line of the keyword, of the call where that cannot be told."""
        name = self.code.co_filename
        start, end = self.span()
        if self.keyword and end > start:
            return Where(name, _keyword_lines(name).get((start, self.keyword), self.line))
        return Where(name, start)

    def span(self) -> tuple[int, int]:
        """The first and the last line of the call."""
        for index, position in enumerate(self.code.co_positions()):
            if index == self.instruction // 2:
                return position[0] or self.line, position[1] or self.line
        return self.line, self.line


class KeySite(Site):
    """A key of a mapping that is written out in a call."""

    __slots__ = ("path", "value")

    def __init__(self, frame: FrameType, path: tuple[str, ...], value: object) -> None:
        super().__init__(frame, "")
        self.path = path
        self.value = value

    def where(self) -> Where:
        """The line of the key, of the call where the mapping was made elsewhere."""
        name = self.code.co_filename
        start, end = self.span()
        for node in ast.walk(_tree(name)):
            if isinstance(node, ast.Dict) and start <= node.lineno <= end:
                line = _key_line(node, self.path, self.value)
                if line:
                    return Where(name, line)
        return Where(name, start)


def _key_line(node: ast.expr, path: tuple[str, ...], value: object) -> int:
    """The line of the last key of a path through mappings that are written out, if it leads to this value; else 0."""
    line = 0
    for part in path:
        if not isinstance(node, ast.Dict):
            return 0
        for key, inner in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == part:
                line, node = key.lineno, inner
                break
        else:
            return 0
    return line if not isinstance(node, ast.Constant) or node.value == value else 0


@lru_cache(maxsize=16)
def _tree(name: str) -> ast.Module:
    """A file's source, parsed; empty where it is none."""
    try:
        return ast.parse("".join(linecache.getlines(name)))
    except SyntaxError:
        return ast.Module([], [])


@lru_cache(maxsize=64)
def _keyword_lines(name: str) -> dict[tuple[int, str], int]:
    """Line of every keyword argument of a file, by the line its call starts on."""
    found: dict[tuple[int, str], int] = {}
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.Call):
            for keyword in node.keywords:
                if keyword.arg:
                    found.setdefault((node.lineno, keyword.arg), keyword.value.lineno)
    return found


def place(where: Where | Site) -> Where:
    """The place itself."""
    return where.where() if isinstance(where, Site) else where


_NOT_THEIRS = ("micros.lang", "micros.cli", "micros.system", "threading", "functools")


def reading_line() -> Where | None:
    """The nearest line that is not the language's own; None where a condition or the command reads."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module in ("micros.lang.cells", "__main__"):  # what lies beyond computes another option
            return None
        if not module.startswith(_NOT_THEIRS):
            return Where(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back
    return None


MOST_FRAMES = 8


def users_frames(trace: TracebackType | None) -> list[tuple[Where, str]]:
    """The lines a failure came through that are neither the language's nor the standard library's, with their text; of
    many, as a recursion has, the first and last."""
    library = os.path.join(os.path.dirname(os.__file__), "")
    found = []
    while trace is not None:
        frame, line = trace.tb_frame, trace.tb_lineno
        name = frame.f_code.co_filename
        is_library = name.startswith("<") or (name.startswith(library) and "-packages" not in name)
        if not is_library and not frame.f_globals.get("__name__", "").startswith("micros.lang"):
            found.append((Where(name, line), linecache.getline(name, line).strip()))
        trace = trace.tb_next
    return found if len(found) <= MOST_FRAMES else [*found[: MOST_FRAMES // 2], *found[-MOST_FRAMES // 2 :]]


def portable(where: Where) -> str:
    """A place as it reads on every machine: relative to where Python finds its module, or to the working directory."""
    return str(Where(shortest(where.file, [os.getcwd(), *sys.path]), where.line))
