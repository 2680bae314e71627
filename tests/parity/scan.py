"""What the tests set: found in their source, so that nobody has to keep a list.

Counted are calls of module and record classes, what is built, mappings, TOML texts, settings of the command line, and Python
texts with such calls. A constant that is the option's default does not count.
"""

from __future__ import annotations

import ast
import contextlib
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import micros.modules
from micros.lang import evaluate
from micros.lang.annotations import types_of
from micros.lang.containers import AttrsOf, CoercedTo, Either, ListOf, NullOr
from micros.lang.docs import reference
from micros.lang.records import Submodule
from micros.lang.values import parse_path, snake
from micros.modules import all_modules, public_names

Path_ = tuple[str, ...]
ROOT = Path(__file__).parents[2]
_SETTING = re.compile(r'[a-zA-Z_][\w.<>"/-]*=.*', re.DOTALL)
_INSIDE = "\0"
"""Stands for what an f-string computes."""


@cache
def declared() -> dict[Path_, dict[str, Any]]:
    """Every option by its path, and by its other names."""
    found: dict[Path_, dict[str, Any]] = {}
    for record in reference(evaluate(all_modules())):
        for name in (record["name"], *record["aliases"]):
            found[_plain(name)] = record
    for name, places in places_of_records().items():
        for option, field in getattr(micros.modules, name).__options__.items():
            for place in places:
                target = found.get((*place, option))
                found |= {(*place, *_plain(alias)): target for alias in field.aliases if target is not None}
    return found


def _plain(name: str) -> Path_:
    return tuple(snake(part) for part in parse_path(name))


def option_at(path: Path_) -> dict[str, Any] | None:
    """The option that a path sets, or that what it sets lies within."""
    known = declared()
    for length in range(len(path), 0, -1):
        for candidate in _spellings(path[:length]):
            if candidate in known:
                return known[candidate]
    return None


def _spellings(path: Path_) -> Iterator[Path_]:
    """A path with names of entries, as documentation writes them: `users.ann.uid` is `users.<name>.uid`."""
    known = declared()
    candidates: list[Path_] = [()]
    for part in path:
        candidates = [(*start, name) for start in candidates for name in dict.fromkeys((snake(part), "<name>", "*"))]
        candidates = [one for one in candidates if any(option[: len(one)] == one for option in known)]
    yield from sorted(candidates, key=lambda one: one.count("<name>"))


@cache
def places_of_records() -> dict[str, list[Path_]]:
    """Where values of each record class can stand, by the class' name."""
    found: dict[str, list[Path_]] = {}
    for cls in all_modules():
        for name, kind in types_of(cls).items():
            _visit(kind, (*cls.__at__, name), found)
    return found


def _visit(kind: Any, path: Path_, found: dict[str, list[Path_]]) -> None:
    match kind:
        case AttrsOf():
            _visit(kind.elem, (*path, "<name>"), found)
        case ListOf():
            _visit(kind.elem, (*path, "*"), found)
        case NullOr():
            _visit(kind.elem, path, found)
        case Either():
            _visit(kind.left, path, found)
            _visit(kind.right, path, found)
        case CoercedTo():
            _visit(kind.target, path, found)
        case Submodule():
            for cls in kind.modules:
                if not isinstance(cls, type) or path in found.setdefault(cls.__name__, []):
                    continue
                found[cls.__name__].append(path)
                for name, inner in types_of(cls).items():
                    _visit(inner, (*path, name), found)


def settings_in(tree: ast.AST) -> Iterator[tuple[Path_, ast.expr | None]]:
    """Paths that a source sets, each with its value where that is written out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _built(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            for prefix in _prefixes(node.func.id):
                for keyword in node.keywords:
                    if keyword.arg is not None:
                        yield from _below((*prefix, keyword.arg), keyword.value)
        elif isinstance(node, ast.Dict):
            yield from _below((), node)
        elif (text := _text(node)) is not None:
            yield from _settings_of_text(text)


def _built(node: ast.Call) -> Iterator[tuple[Path_, ast.expr | None]]:
    """The artefact that a call builds: `micros("build", "box.py", "toplevel")`, `box.plan("toplevel")`, `plan(target=...)`."""
    for keyword in node.keywords:
        if keyword.arg == "target" and isinstance(keyword.value, ast.Constant):
            yield ("system", "build", str(keyword.value.value)), None
    words = [item.value for item in node.args if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    if words[:1] == ["build"]:
        yield from ((("system", "build", word), None) for word in words[2:] or ["dist"] if word.isidentifier())
    elif isinstance(node.func, ast.Attribute) and node.func.attr == "plan" and words:
        yield ("system", "build", words[0]), None


def _prefixes(name: str) -> list[Path_]:
    """Where the options of a class are."""
    if name not in public_names():
        return []
    cls = getattr(micros.modules, name)
    return [cls.__at__] if cls in all_modules() else places_of_records().get(name, [])


def _below(path: Path_, value: ast.expr) -> Iterator[tuple[Path_, ast.expr | None]]:
    """The leaves of a mapping that is written out."""
    if isinstance(value, ast.Dict) and value.keys:
        for key, inner in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield from _below((*path, key.value), inner)
    elif isinstance(value, ast.List) and any(isinstance(item, ast.Dict) for item in value.elts):
        for item in value.elts:
            yield from _below((*path, "*"), item)
    elif path:
        yield path, value


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else _INSIDE for part in node.values]
        return "".join(str(part) for part in parts).replace(_INSIDE, "x")
    return None


def _settings_of_text(text: str) -> Iterator[tuple[Path_, ast.expr | None]]:
    if "=" not in text:
        return
    if "import" in text or "system(" in text:
        with contextlib.suppress(SyntaxError, ValueError):
            yield from settings_in(ast.parse(text))
            return
    with contextlib.suppress(tomllib.TOMLDecodeError, RecursionError):
        yield from _leaves((), tomllib.loads(text))
        return
    if _SETTING.fullmatch(text):
        yield parse_path(text.partition("=")[0]), None


def _leaves(path: Path_, value: Any) -> Iterator[tuple[Path_, ast.expr | None]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _leaves((*path, name), inner)
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for item in value:
            yield from _leaves((*path, "*"), item)
    elif path:
        yield path, ast.parse(repr(value), mode="eval").body


def is_default(record: dict[str, Any], value: ast.expr | None) -> bool:
    """Whether a value that is written out is what the option has anyway."""
    if not isinstance(value, ast.Constant) or record["default"] is None:
        return False
    if isinstance(value.value, bool):
        return bool(record["default"] == str(value.value).lower())
    quoted = f'"{value.value}"' if isinstance(value.value, str) else ""
    return record["default"] in (repr(value.value), quoted)


def tests_of_options() -> dict[str, set[str]]:
    """The files of tests and examples that set each option, by its name."""
    found: dict[str, set[str]] = {}
    files = [*sorted((ROOT / "tests").rglob("test_*.py")), *sorted((ROOT / "examples").glob("*.py"))]
    for file in files:
        if file.is_relative_to(Path(__file__).parent):
            continue
        for path, value in settings_in(ast.parse(file.read_text())):
            record = option_at(path)
            if record is not None and not is_default(record, value):
                found.setdefault(record["name"], set()).add(str(file.relative_to(ROOT)))
    return found
