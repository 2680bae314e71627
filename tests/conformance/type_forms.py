"""Types of case files as types of the engine, under every name the format has for them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from micros.lang import containers as c
from micros.lang import formats as f
from micros.lang import module_types as m
from micros.lang import records as r
from micros.lang import types as t
from micros.lang.formats import values as v
from tests.conformance.expressions import function_from, now, value_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.lang.types import Type
    from tests.conformance.translate import Scope

FUNCTION = t.Scalar("function", "function", callable)

# A name is compared in lower case without signs: `ints.positive` is `intspositive`.
SIMPLE: dict[str, Type] = {
    "bool": t.BOOL, "boolbyor": t.BoolByOr(), "int": t.INT, "float": t.FLOAT, "number": t.NUMBER, "str": t.STR,
    "uint": t.UINT, "unsigned": t.UINT, "unsignedint": t.UINT, "intsunsigned": t.UINT,
    "posint": t.POSITIVE, "positiveint": t.POSITIVE, "intspositive": t.POSITIVE,
    "u8": t.U8, "u16": t.U16, "u32": t.U32, "s8": t.S8, "s16": t.S16, "s32": t.S32, "port": t.PORT,
    "intsu8": t.U8, "intsu16": t.U16, "intsu32": t.U32, "intss8": t.S8, "intss16": t.S16, "intss32": t.S32,
    "nonneg": t.NON_NEGATIVE, "nonnegative": t.NON_NEGATIVE, "numbersnonnegative": t.NON_NEGATIVE,
    "nonnegnumber": t.NON_NEGATIVE, "nonnegativenumber": t.NON_NEGATIVE,
    "positive": t.POSITIVE_NUMBER, "pos": t.POSITIVE_NUMBER, "posnum": t.POSITIVE_NUMBER, "posnumber": t.POSITIVE_NUMBER,
    "positivenumber": t.POSITIVE_NUMBER, "numberspositive": t.POSITIVE_NUMBER, "posfloat": t.POSITIVE_NUMBER,
    "string": t.STR, "nonemptystr": t.NON_EMPTY_STR, "nonemptystring": t.NON_EMPTY_STR,
    "singlelinestr": t.SingleLine(), "singleline": t.SingleLine(), "singlelinestring": t.SingleLine(),
    "passwdentry": t.PASSWD_ENTRY, "passwdfield": t.PASSWD_ENTRY, "passwdstr": t.PASSWD_ENTRY, "lines": t.LINES,
    "commas": t.COMMAS, "envvar": t.ENV_VAR, "path": t.PATH, "pathinstore": t.PATH_IN_STORE, "instore": t.PATH_IN_STORE,
    "storepath": t.PATH_IN_STORE, "instorepath": t.PATH_IN_STORE, "externalpath": t.EXTERNAL_PATH, "external": t.EXTERNAL_PATH,
    "pathexternal": t.EXTERNAL_PATH, "anypath": t.PathKind(), "package": t.PACKAGE, "shellpackage": t.SHELL_PACKAGE,
    "pkgs": t.PACKAGE_SET, "packageset": t.PACKAGE_SET, "attrs": c.AnyAttrs(), "anything": c.Anything(), "raw": c.RawOpen(),
    "unspecified": c.UNSPECIFIED, "json": f.JSON.type, "yaml": f.YAML.type, "toml": v.TOML_VALUE, "ini": f.INI.type,
    "systemd": f.SYSTEMD.type, "systemdunit": f.SYSTEMD.type, "keyvalue": f.KEY_VALUE.type, "gitini": f.GIT_INI.type,
    "iniatom": v.ATOM, "iniwithglobalsection": f.ini(global_section=True).type, "iniglobal": f.ini(global_section=True).type,
    "deferredmodule": m.DeferredModule(), "optiontype": m.OptionType(), "optiondeclaration": m.OptionDeclaration(),
    "luainline": t.LUA_INLINE, "fileset": t.FILE_SET, "sink": t.Sink(), "function": FUNCTION, "lambda": FUNCTION,
}  # fmt: skip


def type_from(form: Any, scope: Scope) -> Type:
    """The type a form means: a name, or a list of a name and its arguments."""
    form = scope.referred(form)
    if isinstance(form, dict):
        form = form["$type"]
    name, *arguments = [form] if isinstance(form, str) else form
    key = re.sub(r"[^a-z0-9]", "", name.lower()).removeprefix("types").removeprefix("formats")
    make = MADE.get(key)
    if make is not None and (arguments or key not in SIMPLE):
        return make(scope, *arguments)
    return SIMPLE[key]


def _inner(function: Callable[..., Type]) -> Callable[..., Type]:
    """A type made of types only."""
    return lambda scope, *forms: function(*(type_from(form, scope) for form in forms))


def _attrs(scope: Scope, form: Any, *, lazy: bool = False) -> Type:
    if not isinstance(form, dict) or "$type" in form:
        return c.AttrsOf(type_from(form, scope), lazy=lazy)
    elem = form.get("elem", form.get("elemType"))
    return c.AttrsOf(type_from(elem, scope), lazy=form.get("lazy", lazy), placeholder=form.get("placeholder", "name"))


def _one_of(scope: Scope, *forms: Any) -> Type:
    many = forms[0] if len(forms) == 1 and isinstance(forms[0], list) else list(forms)
    return c.one_of([type_from(form, scope) for form in many])


def _enum(scope: Scope, *values: Any) -> Type:
    many = values[0] if len(values) == 1 and isinstance(values[0], list) else list(values)
    return t.Enum([now(value, scope) for value in many])


def _between(scope: Scope, *bounds: Any, real: bool = False) -> Type:
    low, high = bounds[0] if len(bounds) == 1 else bounds
    return t.between(low, high, real=real or isinstance(low, float) or isinstance(high, float))


def _path(scope: Scope, form: dict[str, Any]) -> Type:
    return t.PathKind(in_store=form.get("inStore", form.get("in_store")), absolute=form.get("absolute"))


def _coerced(scope: Scope, source: Any, function: Any, target: Any) -> Type:
    return c.CoercedTo(type_from(source, scope), function_from(function, scope), type_from(target, scope))


def _checked(scope: Scope, form: Any, function: Any) -> Type:
    return t.add_check(type_from(form, scope), function_from(function, scope))


def _unique(scope: Scope, *forms: Any) -> Type:
    text, form = forms if len(forms) == 2 else ("", forms[0])
    if isinstance(form, dict) and "message" in form:
        text, form = form, text
    return c.Unique(type_from(form, scope), str(text.get("message", "") if isinstance(text, dict) else text))


def _modules(scope: Scope, forms: Any) -> list[Any]:
    from tests.conformance.translate import module_from

    many = forms if isinstance(forms, list) else [forms]
    return [module_from(form, scope) for form in many]


def _submodule_with(scope: Scope, form: Any) -> Type:
    given = form if isinstance(form, dict) else {"modules": form}
    arguments: dict[str, Any] = given.get("special_args") or given.get("specialArgs") or {}
    return r.Submodule(
        _modules(scope, given.get("modules", [])),
        special_args={name: value_from(one, scope) for name, one in arguments.items()},
        shorthand=given.get("shorthand", given.get("shorthandOnlyDefinesConfig")),
        title=given.get("description"),
        kind=given.get("class"),
    )


def _tags(scope: Scope, form: dict[str, Any]) -> Type:
    from tests.conformance.translate import options_from

    return r.AttrTag({name: options_from(one, scope) for name, one in form.items()})


def _deferred(scope: Scope, form: Any) -> Type:
    given = form
    if isinstance(form, dict):
        given = next((form[key] for key in ("modules", "static", "static_modules", "staticModules") if key in form), form)
    return m.DeferredModule(_modules(scope, given))


def _ini(scope: Scope, form: dict[str, Any] | None = None, *, duplicate: bool = False, top: bool = False) -> Type:
    given = {re.sub(r"[^a-z]", "", name.lower()): value for name, value in (form or {}).items()}
    join = given.get("listtovalue")
    return f.ini(
        duplicate_keys=bool(given.get("listsasduplicatekeys", duplicate)),
        join=function_from(join, scope) if join is not None else None,
        lists=bool(given.get("atomscoercedtolists")),
        global_section=top,
    ).type


def _key_value(scope: Scope, form: dict[str, Any] | None = None) -> Type:
    given = {re.sub(r"[^a-z]", "", name.lower()): value for name, value in (form or {}).items()}
    return f.key_value(duplicate_keys=bool(given.get("listsasduplicatekeys")), lists=bool(given.get("atomscoercedtolists"))).type


def _deprecated(scope: Scope, form: Any, text: str) -> Type:
    result = t.add_check(type_from(form, scope), lambda value: True)
    result.deprecated = text
    return result


MADE: dict[str, Callable[..., Type]] = {
    "listof": _inner(c.ListOf),
    "nonemptylistof": _inner(lambda elem: c.ListOf(elem, non_empty=True)),
    "attrsof": _attrs,
    "lazyattrsof": lambda scope, form: _attrs(scope, form, lazy=True),
    "attrswith": _attrs,
    "attrlistof": _inner(c.AttrListOf),
    "nullor": _inner(c.NullOr),
    "either": _inner(c.Either),
    "oneof": _one_of,
    "uniq": _unique,
    "unique": _unique,
    "functionto": _inner(c.FunctionTo),
    "enum": _enum,
    "between": _between,
    "intsbetween": _between,
    "intbetween": _between,
    "numbersbetween": lambda scope, *bounds: _between(scope, *bounds, real=True),
    "numberbetween": lambda scope, *bounds: _between(scope, *bounds, real=True),
    "numbetween": lambda scope, *bounds: _between(scope, *bounds, real=True),
    "nbetween": lambda scope, *bounds: _between(scope, *bounds, real=True),
    "floatbetween": lambda scope, *bounds: _between(scope, *bounds, real=True),
    "strmatching": lambda scope, pattern: t.Matching(pattern),
    "pattern": lambda scope, pattern: t.Matching(pattern),
    "separatedstring": lambda scope, separator: t.Separated(separator),
    "separated": lambda scope, separator: t.Separated(separator),
    "strconcat": lambda scope: t.Separated(""),
    "passwdentry": _inner(t.passwd_entry),
    "pathwith": _path,
    "path": _path,
    "coercedto": _coerced,
    "addcheck": _checked,
    "submodule": lambda scope, forms: r.Submodule(_modules(scope, forms)),
    "submodulewith": _submodule_with,
    "attrtag": _tags,
    "deferredmodulewith": _deferred,
    "ini": _ini,
    "iniwithglobalsection": lambda scope, form=None: _ini(scope, form, top=True),
    "systemd": lambda scope, form=None: _ini(scope, form, duplicate=True),
    "keyvalue": _key_value,
    "gitini": lambda scope, form=None: f.git_ini(lists=bool(form)).type,
    "deprecated": _deprecated,
}
