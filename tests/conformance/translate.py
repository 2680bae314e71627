"""Case files in the engine's own records: modules, options, types, wrappers and expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.where import Where
from micros.lang import containers as c
from micros.lang import records as r
from micros.lang import types as t
from micros.lang.evaluation import Evaluation, OptionCell, View
from micros.lang.modules import Decl, Spec
from micros.lang.renames import alias, changed, removed, renamed
from micros.lang.values import At, Deferred, Derived, If, Loc, Merge, Order, Override, PathValue, parse_path

if TYPE_CHECKING:
    from micros.lang.types import Type

MODULES_PATH = "/modules"

SIMPLE: dict[str, Any] = {
    "bool": t.BOOL, "boolByOr": t.BoolByOr(), "int": t.INT, "uint": t.UINT, "unsigned": t.UINT, "posint": t.POSITIVE,
    "positive": t.POSITIVE, "u8": t.U8, "u16": t.U16, "u32": t.U32, "s8": t.S8, "s16": t.S16, "s32": t.S32,
    "port": t.PORT, "float": t.FLOAT, "number": t.NUMBER, "nonneg": t.NON_NEGATIVE, "positiveNumber": t.POSITIVE_NUMBER,
    "str": t.STR, "nonEmptyStr": t.NON_EMPTY_STR, "singleLineStr": t.SingleLine(), "passwdEntry": t.PASSWD_ENTRY,
    "lines": t.LINES, "commas": t.COMMAS, "envVar": t.ENV_VAR, "path": t.PATH, "attrs": c.AnyAttrs(),
    "anything": c.Anything(), "raw": c.RawOpen(), "unspecified": c.UNSPECIFIED, "json": r.JSON, "toml": r.TOML,
    "yaml": r.YAML, "deferredModule": r.DeferredModule(), "optionType": r.OptionType(), "sink": t.Sink(),
    "function": t.Scalar("function", "function", callable),
}  # fmt: skip


class Scope:
    """What an expression may refer to: the case's files and the variables of functions around it."""

    def __init__(self, case: dict[str, Any], variables: dict[str, Any] | None = None) -> None:
        self.case = case
        self.variables = variables or {}

    def bound(self, name: str, value: Any) -> Scope:
        return Scope(self.case, {**self.variables, name: value})


def type_from(form: Any, scope: Scope) -> Type:
    if isinstance(form, str):
        return SIMPLE[form]  # type: ignore[no-any-return]
    name, *arguments = form
    make = TYPES[name]
    return make(scope, *arguments)  # type: ignore[no-any-return]


def _with(function: Any) -> Any:
    return lambda scope, *forms: function(*(type_from(form, scope) for form in forms))


def _submodule_with(scope: Scope, form: dict[str, Any]) -> Type:
    return r.Submodule(
        [module_from(one, scope) for one in form["modules"]],
        special_args={name: value_from(one, scope) for name, one in form.get("special_args", {}).items()},
        shorthand=form.get("shorthand", True),
        title=form.get("description"),
        kind=form.get("class"),
    )


def _attrs_with(scope: Scope, form: dict[str, Any]) -> Type:
    return c.AttrsOf(type_from(form["elem"], scope), lazy=form.get("lazy", False), placeholder=form.get("placeholder", "name"))


TYPES: dict[str, Any] = {
    "listOf": _with(c.ListOf),
    "nonEmptyListOf": _with(lambda elem: c.ListOf(elem, non_empty=True)),
    "attrsOf": _with(c.AttrsOf),
    "lazyAttrsOf": _with(lambda elem: c.AttrsOf(elem, lazy=True)),
    "attrsWith": _attrs_with,
    "nullOr": _with(c.NullOr),
    "either": _with(c.Either),
    "oneOf": lambda scope, forms: c.one_of([type_from(form, scope) for form in forms]),
    "uniq": _with(c.Unique),
    "unique": lambda scope, text, form: c.Unique(type_from(form, scope), str(text)),
    "functionTo": _with(c.FunctionTo),
    "attrListOf": _with(c.AttrListOf),
    "enum": lambda scope, values: t.Enum(values),
    "between": lambda scope, low, high: t.between(low, high),
    "strMatching": lambda scope, pattern: t.Matching(pattern),
    "separatedString": lambda scope, separator: t.Separated(separator),
    "coercedTo": lambda scope, source, function, target: c.CoercedTo(
        type_from(source, scope), function_from(function, scope), type_from(target, scope)
    ),
    "addCheck": lambda scope, form, function: t.add_check(type_from(form, scope), function_from(function, scope)),
    "submodule": lambda scope, forms: r.Submodule([module_from(form, scope) for form in forms]),
    "submoduleWith": _submodule_with,
    "attrTag": lambda scope, tags: r.AttrTag({name: options_from(form, scope) for name, form in tags.items()}),
    "deferredModuleWith": lambda scope, forms: r.DeferredModule([module_from(form, scope) for form in forms]),
}


def options_from(form: Any, scope: Scope, where: Where | None = None) -> Any:
    if not isinstance(form, dict):
        return form
    if "$type" in form:
        return type_from(form["$type"], scope)
    if "$option" in form:
        return option_from(form["$option"], scope, where or Where("<unknown-file>"))
    return {name: options_from(inner, scope, where) for name, inner in form.items()}


def option_from(form: dict[str, Any], scope: Scope, where: Where) -> Decl:
    decl = Decl(type_from(form["type"], scope) if "type" in form else None, where=where)
    for name in ("default", "example"):
        if name in form:
            setattr(decl, name, value_from(form[name], scope))
    for name in ("description", "read_only", "internal", "visible", "default_text"):
        if name in form:
            setattr(decl, name, form[name])
    if "apply" in form:
        decl.apply = function_from(form["apply"], scope)
    return decl


def module_from(form: Any, scope: Scope) -> Any:
    if not isinstance(form, dict):
        return form
    if "$file" in form:
        return file_module(form["$file"], scope)
    if "$helper" in form:
        return helper_from(form)
    if any(name.startswith("$") for name in form):
        return value_from(form, scope)
    where = Where(form["file"]) if "file" in form else None
    imports: Any = [module_from(one, scope) for one in form.get("imports", [])]
    if "imports_expr" in form:
        imports = value_from(form["imports_expr"], scope)
    return Spec(
        file=where,
        key=form.get("key"),
        kind=form.get("class"),
        imports=imports,
        disabled=[value_from(one, scope) for one in form.get("disabled", [])],
        options=options_from(form.get("options", {}), scope, where),
        config=value_from(form["config"], scope) if "config" in form else None,
        freeform=type_from(form["freeform"], scope) if "freeform" in form else None,
        stray=next(iter(form.get("extra", {})), None),
    )


def file_module(name: str, scope: Scope) -> Spec:
    """A module of the case's files, named by its path."""
    spec: Spec = module_from(scope.case["files"][name], scope)
    spec.key = f"{MODULES_PATH}/{name}.nix"
    spec.file = spec.file or Where(spec.key)
    return spec


def helper_from(form: dict[str, Any]) -> Spec:
    old, new = tuple(form["from"]), tuple(form.get("to", ()))
    match form["$helper"]:
        case "renamed":
            return renamed(old, new)
        case "alias":
            return alias(old, new)
        case "removed":
            return removed(old, form.get("text", ""))
        case "changed":
            return changed(old, new, lambda value: value)
    raise ValueError(form["$helper"])


def function_from(form: Any, scope: Scope) -> Any:
    return value_from(form, scope)


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


def _function(form: dict[str, Any], inner: Any, scope: Scope) -> Any:
    if not isinstance(form.get("body"), dict | list):
        return lambda _argument: form.get("body")
    return lambda argument: _now(form["body"], scope.bound(inner, argument), None)


def _mapping(form: dict[str, Any], scope: Scope) -> Any:
    """The function beside a path."""
    for name, item in form.items():
        if not name.startswith("$"):
            return function_from(item, scope)
    return None


DIRECT: dict[str, Any] = {
    "$if": lambda form, inner, scope: If(value_from(inner, scope), value_from(form["then"], scope)),
    "$merge": lambda form, inner, scope: Merge([value_from(item, scope) for item in inner]),
    "$prio": lambda form, inner, scope: Override(inner, value_from(form["v"], scope)),
    "$order": lambda form, inner, scope: Order(inner, value_from(form["v"], scope)),
    "$at": lambda form, inner, scope: At(Where(inner), value_from(form["v"], scope)),
    "$fn": _function,
    "$alias": lambda form, inner, scope: Derived(_path(inner)),
    "$derived": lambda form, inner, scope: Derived(_path(inner), _mapping(form, scope)),
    "$path": lambda form, inner, scope: PathValue(inner),
    "$module": lambda form, inner, scope: module_from(inner, scope),
    "$lit": lambda form, inner, scope: inner,
    "$type": lambda form, inner, scope: type_from(inner, scope),
    "$option": lambda form, inner, scope: option_from(inner, scope, Where("<unknown-file>")),
}


def _now(form: Any, scope: Scope, ev: Evaluation | None) -> Any:
    """The value of an expression, computed at once."""
    value = value_from(form, scope)
    return _run(value, ev)


def _run(value: Any, ev: Evaluation | None) -> Any:
    while type(value) is Deferred:
        value = value.run(ev)
    if isinstance(value, list):
        return [_run(item, ev) for item in value]
    return value


class FailureError(Exception):
    """What `$fail` raises."""


def _fail(form: Any, inner: Any, scope: Scope, ev: Any) -> Any:
    raise FailureError(inner)


def _path(inner: Any) -> Loc:
    return tuple(inner) if isinstance(inner, list) else parse_path(inner)


def _text(value: Any) -> str:
    return "true" if value is True else "" if value in (False, None) and value != 0 else str(value)


def _has(form: Any, inner: Any, scope: Scope, ev: Any) -> bool:
    name = inner[1]
    if name == "_type":
        value = _now(inner[0], scope, ev)
        from micros.lang.values import Wrapper

        return isinstance(value, Wrapper) or (hasattr(value, "__contains__") and name in value)
    return name in _now(inner[0], scope, ev)


def _extend(form: Any, inner: Any, scope: Scope, ev: Evaluation) -> Any:
    extended = ev.argument("extendModules")([module_from(one, scope) for one in inner])
    section, *path = parse_path(form.get("get", "config"))
    return extended.config.lookup(tuple(path)) if section == "config" else extended


def _option_attribute(form: Any, inner: Any, scope: Scope, ev: Evaluation) -> Any:
    from tests.conformance.checks import option_attribute

    node: Any = ev.options
    for name in _path(inner):
        node = node[name]
    assert isinstance(node, OptionCell)
    return option_attribute(node, form["attr"]) if "attr" in form else node


def _get(form: Any, inner: Any, scope: Scope, ev: Evaluation) -> Any:
    value = _now(inner[0], scope, ev)
    return value.lookup((inner[1],)) if isinstance(value, View) else value[inner[1]]


EXPRESSIONS: dict[str, Any] = {
    "$cfg": lambda form, inner, scope, ev: ev.config.lookup(_path(inner)) if inner else ev.config,
    "$outercfg": lambda form, inner, scope, ev: ev.parent.config.lookup(_path(inner)),
    "$opt": _option_attribute,
    "$optset": lambda form, inner, scope, ev: ev.option_names(),
    "$arg": lambda form, inner, scope, ev: ev.argument(inner),
    "$call": lambda form, inner, scope, ev: _now(inner[0], scope, ev)(*(_now(one, scope, ev) for one in inner[1:])),
    "$var": lambda form, inner, scope, ev: scope.variables[inner],
    "$cat": lambda form, inner, scope, ev: "".join(_text(_now(one, scope, ev)) for one in inner),
    "$add": lambda form, inner, scope, ev: _now(inner[0], scope, ev) + _now(inner[1], scope, ev),
    "$tostr": lambda form, inner, scope, ev: _text(_now(inner, scope, ev)),
    "$toint": lambda form, inner, scope, ev: int(_now(inner, scope, ev)),
    "$eq": lambda form, inner, scope, ev: t.same(_now(inner[0], scope, ev), _now(inner[1], scope, ev)),
    "$lt": lambda form, inner, scope, ev: _now(inner[0], scope, ev) < _now(inner[1], scope, ev),
    "$cond": lambda form, inner, scope, ev: _now(inner[1] if _now(inner[0], scope, ev) else inner[2], scope, ev),
    "$has": _has,
    "$get": _get,
    "$fail": _fail,
    "$extend_self": _extend,
    "$submodule_eval": lambda form, inner, scope, ev: Evaluation([module_from(one, scope) for one in inner]),
}
