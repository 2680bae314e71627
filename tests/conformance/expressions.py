"""Values and expressions of case files: data, wrappers, and deferred values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from micros.base.where import Where
from micros.lang import types as t
from micros.lang.api import evaluate
from micros.lang.evaluation import OptionCell, View
from micros.lang.reading import plain
from micros.lang.values import (
    PLAIN,
    At,
    Deferred,
    Derived,
    If,
    Literal,
    Loc,
    Merge,
    Order,
    Override,
    PathValue,
    Wrapper,
    parse_path,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.lang.evaluation import Evaluation
    from tests.conformance.translate import Scope

PRIORITIES = {"$force": 50, "$default": 1000, "$optdefault": 1500, "$vm": 10, "$image": 60}
ORDERS = {"$before": 500, "$after": 1500}


def value_from(form: Any, scope: Scope) -> Any:
    """A value of a case: data, a wrapper, or a deferred expression."""
    if isinstance(form, list):
        return [value_from(item, scope) for item in form]
    if not isinstance(form, dict):
        return form
    name = next((key for key in form if key.startswith("$")), None)
    if name is None:
        return {key: value_from(item, scope) for key, item in form.items()}
    inner = form[name]
    if name in PRIORITIES:
        return Override(PRIORITIES[name], value_from(inner, scope))
    if name in ORDERS:
        return Order(ORDERS[name], value_from(inner, scope))
    make = DIRECT.get(name)
    if make is not None:
        return make(form, inner, scope)
    run = EXPRESSIONS[name]
    return Deferred(lambda ev: run(form, inner, scope, ev))


def function_from(form: Any, scope: Scope, ev: Evaluation | None = None) -> Callable[..., Any]:
    """A function; several names take their arguments one after another."""
    if not isinstance(form, dict) or "$fn" not in form:
        function: Callable[..., Any] = now(form, scope, ev)
        return function
    names = form["$fn"] if isinstance(form["$fn"], list) else [form["$fn"]]
    body = form.get("body")

    def take(index: int, inner: Scope) -> Any:
        if index == len(names):
            return now(body, inner, ev)
        return lambda argument: take(index + 1, inner.bound(names[index], argument))

    made: Callable[..., Any] = take(0, scope)
    return made


def now(form: Any, scope: Scope, ev: Evaluation | None = None) -> Any:
    """The value of an expression, computed at once."""
    return _run(value_from(form, scope), ev)


def _run(value: Any, ev: Evaluation | None) -> Any:
    while type(value) is Deferred:
        value = value.run(ev)
    if isinstance(value, list):
        return [_run(item, ev) for item in value]
    return value


def path_from(form: Any) -> Loc:
    """A path: its parts, or dotted."""
    return parse_path(form) if isinstance(form, str) else tuple(str(part) for part in form)


def mentions(form: Any, names: set[str]) -> bool:
    """Whether an expression of one of these names lies in a form."""
    if isinstance(form, dict):
        return bool(names & form.keys()) or any(mentions(item, names) for item in form.values())
    return isinstance(form, list) and any(mentions(item, names) for item in form)


def _derived(form: dict[str, Any], inner: Any, scope: Scope) -> Derived:
    """A definition computed from another option's; the function stands beside the path or after it."""
    function = next((item for name, item in form.items() if not name.startswith("$")), None)
    if isinstance(inner, list) and inner and isinstance(inner[-1], dict):
        *parts, function = inner
        inner = parts[0] if len(parts) == 1 else parts
    if function is None:
        return Derived(path_from(inner))
    if isinstance(function, dict) and "$fn" not in function:
        function = {"$fn": "x", "body": function}
    return Derived(path_from(inner), function_from(function, scope))


def _module(form: Any, inner: Any, scope: Scope) -> Any:
    from tests.conformance.translate import module_from

    return module_from(inner, scope)


def _file(form: Any, inner: Any, scope: Scope) -> Any:
    from tests.conformance.translate import file_module

    return file_module(inner, scope)


def _option(form: Any, inner: Any, scope: Scope) -> Any:
    from tests.conformance.translate import option_from

    return option_from(inner, scope)


def _helper(form: Any, inner: Any, scope: Scope) -> Any:
    from tests.conformance.translate import helper_from

    return helper_from(form, scope)


def _type(form: Any, inner: Any, scope: Scope) -> Any:
    from tests.conformance.type_forms import type_from

    return type_from(inner, scope)


def _wrapped(form: dict[str, Any], scope: Scope) -> Any:
    return value_from(form["v"] if "v" in form else form["then"], scope)


DIRECT: dict[str, Any] = {
    "$if": lambda form, inner, scope: If(value_from(inner, scope), _wrapped(form, scope)),
    "$merge": lambda form, inner, scope: Merge([value_from(item, scope) for item in inner]),
    "$prio": lambda form, inner, scope: Override(inner, _wrapped(form, scope)),
    "$order": lambda form, inner, scope: Order(inner, _wrapped(form, scope)),
    "$at": lambda form, inner, scope: At(Where(inner), _wrapped(form, scope)),
    "$alias": lambda form, inner, scope: Derived(path_from(inner), priority=PLAIN),
    "$derived": _derived,
    "$path": lambda form, inner, scope: PathValue(inner),
    "$module": _module,
    "$file": _file,
    "$helper": _helper,
    "$lit": lambda form, inner, scope: inner,
    "$type": _type,
    "$option": _option,
    "$literal": lambda form, inner, scope: Literal(inner),
    "$expr": lambda form, inner, scope: Literal(inner),
    "$md": lambda form, inner, scope: Literal(inner),
    "$code": lambda form, inner, scope: Literal(inner),
}


class FailureError(Exception):
    """What `$fail` raises."""


def _fail(form: Any, inner: Any, scope: Scope, ev: Any) -> Any:
    raise FailureError(inner)


def _text(value: Any) -> str:
    """A value as the model makes a text of it: true is 1, false and null are empty, lists are joined by spaces."""
    if isinstance(value, bool):
        return "1" if value else ""
    if isinstance(value, float):
        return f"{value:f}"
    if isinstance(value, list):
        return " ".join(map(_text, value))
    if isinstance(value, Mapping) and not isinstance(value, View) and "outPath" in value:
        return _text(value["outPath"])
    return "" if value is None else str(value)


def _cat(form: Any, inner: Any, scope: Scope, ev: Any) -> Any:
    parts = [now(one, scope, ev) for one in inner]
    if parts and all(isinstance(part, list) for part in parts):
        return [item for part in parts for item in part]
    return "".join(map(_text, parts))


def _call(form: Any, inner: Any, scope: Scope, ev: Any) -> Any:
    result = now(inner[0], scope, ev)
    for argument in inner[1:]:
        result = _run(result(now(argument, scope, ev)), ev)
    return result


def _variable(form: Any, inner: Any, scope: Scope, ev: Any) -> Any:
    return scope.variables[inner] if inner in scope.variables else now(scope.referred(form), scope, ev)


def _has(form: Any, inner: Any, scope: Scope, ev: Any) -> bool:
    value, name = now(inner[0], scope, ev), inner[1]
    if name == "_type" and isinstance(value, Wrapper):
        return True
    for part in path_from(name) if isinstance(name, list) else (name,):
        if not isinstance(value, Mapping) or part not in value:
            return False
        value = value[part]
    return True


def _get(form: Any, inner: Any, scope: Scope, ev: Any) -> Any:
    value = now(inner[0], scope, ev)
    for part in inner[1] if isinstance(inner[1], list) else [inner[1]]:
        if isinstance(value, list):
            value = value[int(str(part).removeprefix("#"))]
        elif isinstance(value, View):
            value = value.lookup((part,))
        elif isinstance(value, Wrapper):
            value = {"_type": type(value).__name__.lower(), "content": getattr(value, "value", None)}[part]
        else:
            value = value[part]
    return _run(value, ev)


def _extend(form: Any, inner: Any, scope: Scope, ev: Evaluation) -> Any:
    extended = ev.argument("extendModules")([module for one in _listed(inner) if (module := _module(None, one, scope))])
    return _part(extended, form)


def _evaluated(form: Any, inner: Any, scope: Scope, ev: Evaluation) -> Any:
    made = evaluate([_module(None, one, scope) for one in _listed(inner)])
    return _part(made, form) if "get" in form else made


def _part(evaluation: Evaluation, form: dict[str, Any]) -> Any:
    section, *path = path_from(form.get("get", "config"))
    return evaluation.config.lookup(tuple(path)) if section == "config" else evaluation


def _listed(inner: Any) -> list[Any]:
    if isinstance(inner, dict) and "modules" in inner:
        inner = inner["modules"]
    return inner if isinstance(inner, list) else [inner]


def _option_attribute(form: Any, inner: Any, scope: Scope, ev: Evaluation) -> Any:
    from tests.conformance.checks import option_attribute

    node: Any = ev.options
    path = path_from(inner)
    for index, name in enumerate(path):
        if isinstance(node, OptionCell):
            return option_attribute(node, *path[index:])
        node = node[name]
    if "attr" in form and isinstance(node, OptionCell):
        return option_attribute(node, *path_from(form["attr"]))
    return node


def _option_set(form: Any, inner: Any, scope: Scope, ev: Evaluation) -> Any:
    node: Any = ev.option_names()
    for name in path_from(inner) if isinstance(inner, str | list) else ():
        node = node[name]
    return node


EXPRESSIONS: dict[str, Any] = {
    "$cfg": lambda form, inner, scope, ev: ev.config.lookup(path_from(inner)) if inner else ev.config,
    "$outercfg": lambda form, inner, scope, ev: ev.parent.config.lookup(path_from(inner)) if inner else ev.parent.config,
    "$opt": _option_attribute,
    "$optset": _option_set,
    "$arg": lambda form, inner, scope, ev: ev.argument(inner),
    "$fn": lambda form, inner, scope, ev: function_from(form, scope, ev),
    "$call": _call,
    "$var": _variable,
    "$cat": _cat,
    "$add": lambda form, inner, scope, ev: now(inner[0], scope, ev) + now(inner[1], scope, ev),
    "$tostr": lambda form, inner, scope, ev: _text(now(inner, scope, ev)),
    "$toint": lambda form, inner, scope, ev: int(now(inner, scope, ev)),
    "$eq": lambda form, inner, scope, ev: t.same(plain(now(inner[0], scope, ev)), plain(now(inner[1], scope, ev))),
    "$lt": lambda form, inner, scope, ev: now(inner[0], scope, ev) < now(inner[1], scope, ev),
    "$cond": lambda form, inner, scope, ev: now(inner[1] if now(inner[0], scope, ev) else inner[2], scope, ev),
    "$has": _has,
    "$get": _get,
    "$fail": _fail,
    "$extend_self": _extend,
    "$submodule_eval": _evaluated,
}
