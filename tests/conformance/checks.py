"""The checks of a case: what a read gives, or which error it raises."""

from __future__ import annotations

import re
from typing import Any

from micros.base.errors import Kind, MicrosError
from micros.lang.docs import documentation
from micros.lang.evaluation import Evaluation, OptionCell
from micros.lang.places import place
from micros.lang.reading import plain
from micros.lang.values import Wrapper, parse_path, show_path
from tests.conformance.translate import MODULES_PATH, Scope, module_from, value_from

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


def failures(case: dict[str, Any]) -> list[str]:
    """A line for each check of a case that does not hold."""
    found = []
    for check in case["expect"]:
        said = failure(case, check)
        if said:
            found.append(f"{case['id']} {check['get']}: {said}")
    return found


def evaluations(case: dict[str, Any]) -> tuple[Evaluation, Evaluation]:
    """The evaluation of a case with its extensions, and the one without."""
    scope = Scope(case)
    options = case.get("eval", {})
    arguments = {name: value_from(one, scope) for name, one in options.get("special_args", {}).items()}
    if "modules_path" in options:
        arguments["modules_path"] = MODULES_PATH
    roots = [module_from(one, scope) for one in [*case.get("shared", []), *case["modules"]]]
    prefix = tuple(options.get("prefix", ()))
    base = Evaluation(roots, special_args=arguments, kind=options.get("class"), prefix=prefix)
    result = base
    for step in case.get("extend", []):
        more = {name: value_from(one, scope) for name, one in step.get("special_args", {}).items()}
        result = result.extended([module_from(one, scope) for one in step.get("modules", [])], more)
    return result, base


def failure(case: dict[str, Any], check: dict[str, Any]) -> str:
    """What is wrong with a check, or nothing."""
    expected = check.get("error")
    try:
        value = got(case, check)
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


def got(case: dict[str, Any], check: dict[str, Any]) -> Any:
    """What a check reads, computed to the bottom."""
    evaluation, base = evaluations(case)
    where = check["get"]
    path = list(parse_path(where)) if isinstance(where, str) else list(where)
    if path[0] == "base":
        evaluation, path = base, path[1:]
    section, rest = path[0], tuple(path[1:])
    value: Any
    if section == "config":
        value = evaluation.get(rest)
    elif section == "options":
        value = _option(evaluation, rest)
    elif section == "args":
        value = evaluation.argument(rest[0])
    elif section == "docs":
        records = {show_path(tuple(one["loc"])): one for one in documentation(evaluation)}
        value = records
        for name in rest:
            value = value[name]
    elif section == "graph":
        evaluation.ready()
        value = evaluation.graph
    else:
        value = evaluation.kind
    if check.get("fn") == "keys":
        return sorted(list[Any](value))
    return plain(value)


def _option(evaluation: Evaluation, path: tuple[str, ...]) -> Any:
    node: Any = evaluation.options
    for index, name in enumerate(path):
        if isinstance(node, OptionCell):
            return option_attribute(node, *path[index:])
        node = node[name]
    return node


def option_attribute(cell: OptionCell, name: str, *rest: str) -> Any:
    """An attribute of an option, by the model's name."""
    match name:
        case "isDefined":
            return cell.is_defined
        case "highestPrio":
            return cell.priority
        case "files":
            return [place(one.where).file for one in cell.surviving()]
        case "definitions":
            return [_computed(cell, one) for one in cell.surviving()]
        case "definitionsWithLocations":
            return [{"file": place(one.where).file, "value": _computed(cell, one)} for one in cell.surviving()]
        case "value":
            return cell.ev.get(cell.node.path)
        case "type":
            return getattr(cell.type, rest[0]) if rest else cell.type
        case "loc":
            return list(cell.loc)
        case "declarations":
            return [where.file for where in cell.declarations]
        case "default":
            return cell.option.default
        case "description" | "example":
            return cell.option.get(name, None)
        case "readOnly":
            return cell.option.read_only
        case "internal" | "visible":
            return cell.option.get(name, name == "visible")
    raise KeyError(name)


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
