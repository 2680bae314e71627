"""The checks of a case: what a read gives, or which error it raises."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError
from micros.lang.docs import documentation
from micros.lang.evaluation import OptionCell
from micros.lang.places import place
from micros.lang.reading import plain
from micros.lang.values import Deferred, Wrapper, show_path
from tests.conformance.expressions import path_from
from tests.conformance.translate import Scope, evaluations, records

if TYPE_CHECKING:
    from micros.base.where import Where
    from micros.lang.evaluation import Evaluation
    from micros.lang.places import Site

KINDS: dict[str, set[Kind]] = {
    "no-value": {Kind.NO_VALUE},
    "no-such-option": {Kind.UNKNOWN_OPTION},
    "unsupported-attribute": {Kind.BAD_MODULE},
    "not-a-module": {Kind.BAD_MODULE},
    "class-mismatch": {Kind.BAD_MODULE},
    "misplaced-declaration": {Kind.BAD_DECLARATION},
    "infinite-recursion": {Kind.CYCLE},
    "missing-attribute": {Kind.MISSING_ARGUMENT},
    "conflict": {Kind.CONFLICT},
    "cannot-merge": {Kind.CONFLICT},
    "null-and-value": {Kind.CONFLICT},
    "tag-conflict": {Kind.CONFLICT},
    "type-mismatch": {Kind.WRONG_TYPE},
    "non-bool-condition": {Kind.WRONG_TYPE},
    "either-mismatch": {Kind.WRONG_TYPE},
    "shape-list-of-single": {Kind.WRONG_TYPE},
    "not-convertible": {Kind.BODY_FAILED},
    "user-failure": {Kind.BODY_FAILED},
    "bare-tag-type": {Kind.BAD_DECLARATION},
    "duplicate-declaration": {Kind.BAD_DECLARATION},
    "option-parent": {Kind.BAD_DECLARATION},
    "special-args-conflict": {Kind.BAD_DECLARATION},
    "read-only": {Kind.READ_ONLY},
    "not-unique": {Kind.NOT_UNIQUE},
    "removed": {Kind.REMOVED},
}


Roots = Callable[[dict[str, Any], Scope], list[Any]]


def failures(case: dict[str, Any], roots: Roots = records) -> list[str]:
    """A line for each check of a case that does not hold, its modules translated by `roots`."""
    found = []
    for check in case["expect"]:
        said = failure(case, check, roots)
        if said:
            found.append(f"{case['id']} {check['get']}: {said}")
    return found


def failure(case: dict[str, Any], check: dict[str, Any], roots: Roots) -> str:
    """What is wrong with a check, or nothing."""
    expected = check.get("error")
    try:
        value = got(case, check, roots)
    except MicrosError as problem:
        return _compared_error(problem, expected) if expected else f"raised {problem.kind}: {problem}"
    except Exception as problem:
        return f"traceback {type(problem).__name__}: {problem}"
    if expected:
        return f"gave {value!r}, not an error of kind {expected['kind']}"
    if "text_mentions" in check:
        missing = [fact for fact in check["text_mentions"] if fact not in str(value)]
        return f"{value!r} does not mention {missing}" if missing else ""
    return "" if _equal(value, check["value"]) else f"gave {value!r}, not {check['value']!r}"


def got(case: dict[str, Any], check: dict[str, Any], roots: Roots) -> Any:
    """What a check reads, computed to the bottom."""
    evaluation, base = evaluations(case, roots)
    path = list(path_from(check["get"]))
    if path[0] == "base":
        evaluation, path = base, path[1:]
    section, rest = path[0], tuple(path[1:])
    value: Any
    match section:
        case "config":
            value = evaluation.get(rest)
        case "options":
            value = _option(evaluation, rest)
        case "args":
            value = _below(evaluation.argument(rest[0]), rest[1:])
        case "docs":
            value = _below({show_path(tuple(one["loc"])): one for one in documentation(evaluation)}, rest)
        case "graph":
            evaluation.ready()
            value = _below(evaluation.graph, rest)
        case "type":
            value = _below(evaluation.type, rest)
        case _:
            value = evaluation.kind
    if check.get("fn") == "keys":
        return sorted(list[Any](value))
    value = str(value) if isinstance(value, OptionCell) else plain(value)
    if section == "docs" and path[-1] == "declarations":
        return [re.sub(r":\d+$", "", one) for one in value]
    return value


def _below(value: Any, path: tuple[str, ...]) -> Any:
    """What lies at a path in lists, sets and objects."""
    for name in path:
        if isinstance(value, list):
            value = value[int(name.removeprefix("#"))]
        elif isinstance(value, Mapping):
            value = value[name]
        else:
            value = getattr(value, name)
    return value


def _option(evaluation: Evaluation, path: tuple[str, ...]) -> Any:
    node: Any = evaluation.options
    for index, name in enumerate(path):
        if isinstance(node, OptionCell):
            return option_attribute(node, *path[index:])
        node = node[name]
    return node


def label(where: Where | Site) -> str:
    """The name a case gives the module of a place, also where it was written as a TOML file."""
    name = place(where).file
    return PurePath(name).stem if name.endswith(".toml") else name


def option_attribute(cell: OptionCell, name: str, *rest: str) -> Any:  # noqa: C901 # a row for each attribute
    """An attribute of an option, by the model's name."""
    value: Any
    match name:
        case "isDefined":
            value = cell.is_defined
        case "highestPrio":
            value = cell.priority
        case "files":
            value = [label(one.where) for one in cell.surviving()]
        case "definitions":
            value = [_computed(cell, one) for one in cell.surviving()]
        case "definitionsWithLocations":
            value = [{"file": label(one.where), "value": _computed(cell, one)} for one in cell.surviving()]
        case "value":
            value = cell.ev.get(cell.node.path)
        case "type":
            value = cell.type
        case "loc":
            value = list(cell.loc)
        case "declarations":
            value = [label(where) for where in cell.declarations]
        case "declarationPositions":
            value = [{"file": where.file, "line": where.line or None, "column": None} for where in cell.declarations]
        case "default":
            value = cell.option.default
            value = value.run(cell.ev) if isinstance(value, Deferred) else value
        case "description" | "example" | "apply":
            value = cell.option.get(name, None)
        case "defaultText" | "relatedPackages":
            value = cell.option.get({"defaultText": "default_text"}.get(name, "related"), None)
        case "readOnly":
            value = cell.option.read_only
        case "internal" | "visible":
            value = cell.option.get(name, name == "visible")
        case "_type":
            value = "option"
        case _:
            raise KeyError(name)
    return _below(value, rest)


def _computed(cell: OptionCell, definition: Any) -> Any:
    from micros.lang.containers import opened
    from micros.lang.merging import force

    value = force(definition, cell.loc)
    return value if isinstance(value, Wrapper) else opened(cell.ev, cell.loc, value, definition)


def _compared_error(problem: MicrosError, expected: dict[str, Any]) -> str:
    kinds = KINDS.get(expected["kind"], set(Kind))  # a kind without a row is compared by what it mentions
    if problem.kind not in kinds:
        return f"raised {problem.kind}, not {expected['kind']}: {problem}"
    text = str(problem)
    missing = [fact for fact in expected["mentions"] if _loose(fact) not in _loose(text)]
    return f"does not mention {missing}: {problem}" if missing else ""


def _loose(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)
