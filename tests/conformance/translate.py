"""Case files in the engine's own records: modules, options and helpers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, error
from micros.base.where import Where
from micros.lang.api import evaluate
from micros.lang.modules import Decl, Spec
from micros.lang.renames import alias, changed, merged, removed, renamed, replaced
from micros.lang.values import Deferred, Literal, Merge
from tests.conformance.expressions import function_from, mentions, now, path_from, value_from
from tests.conformance.type_forms import type_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.lang.evaluation import Evaluation

MODULES_PATH = "/modules"
UNKNOWN = Where("<unknown-file>")


class Scope:
    """What an expression may refer to: the case's files and shared forms, and the variables of functions around it."""

    def __init__(self, case: dict[str, Any], variables: dict[str, Any] | None = None) -> None:
        self.case = case
        self.variables = variables or {}

    def bound(self, name: str, value: Any) -> Scope:
        """The same with one more variable."""
        return Scope(self.case, {**self.variables, name: value})

    def referred(self, form: Any) -> Any:
        """The shared form that a form names, or the form itself."""
        if not isinstance(form, dict):
            return form
        shared = self.case.get("shared", {})
        key = form.get("$shared", form.get("$var"))
        if "$shared" in form or (isinstance(shared, dict) and key in shared):
            return shared[key]
        return form


def evaluations(case: dict[str, Any], roots: Callable[[dict[str, Any], Scope], list[Any]]) -> tuple[Evaluation, Evaluation]:
    """The evaluation of a case with its extensions, and the one without."""
    scope = Scope(case)
    given = case.get("eval", {})
    arguments = {name: value_from(one, scope) for name, one in given.get("special_args", {}).items()}
    if "modules_path" in given:
        arguments["modules_path"] = MODULES_PATH
    prefix = path_from(given.get("prefix", ()))
    base = evaluate(
        roots(case, scope), special_args=arguments, kind=given.get("class"), prefix=prefix, checked=given.get("check", True)
    )
    result = base
    for step in case.get("extend", []):
        more = {name: value_from(one, scope) for name, one in step.get("special_args", {}).items()}
        at = path_from(step["prefix"]) if "prefix" in step else None
        result = result.extended([module_from(one, scope) for one in step.get("modules", [])], more, prefix=at)
    return result, base


def records(case: dict[str, Any], scope: Scope) -> list[Any]:
    """The modules of a case as the engine's records."""
    return [module_from(form, scope) for form in modules_of(case)]


def modules_of(case: dict[str, Any]) -> list[Any]:
    """The modules of a case; shared ones that nothing names come first."""
    shared = case.get("shared", [])
    first = shared if isinstance(shared, list) and not mentions(case["modules"], {"$shared"}) else []
    return [*first, *case["modules"]]


def options_from(form: Any, scope: Scope, where: Where = UNKNOWN) -> Any:
    """A tree of options."""
    if not isinstance(form, dict):
        return form
    if "$type" in form:
        return type_from(form, scope)
    if "$option" in form:
        return option_from(form["$option"], scope, where)
    if "$lit" in form:
        return form["$lit"]
    return {name: options_from(inner, scope, where) for name, inner in form.items()}


_ATTRIBUTES = {
    "description": "description", "read_only": "read_only", "readOnly": "read_only", "internal": "internal",
    "visible": "visible", "related_packages": "related", "relatedPackages": "related",
}  # fmt: skip
_VALUES = {"default": "default", "example": "example", "default_text": "default_text", "defaultText": "default_text"}


def option_from(form: dict[str, Any], scope: Scope, where: Where = UNKNOWN) -> Decl:
    """A declaration."""
    decl = Decl(type_from(form["type"], scope) if "type" in form else None, where=where)
    for name, item in form.items():
        if name in _VALUES:
            setattr(decl, _VALUES[name], _shown(value_from(item, scope)))
        elif name in _ATTRIBUTES:
            setattr(decl, _ATTRIBUTES[name], item)
        elif name == "apply":
            decl.apply = _apply(item, scope)
        elif name != "type":
            raise error(Kind.BAD_DECLARATION, f"an option has no attribute `{name}`", at=where)
    return decl


def _shown(value: Any) -> Any:
    """A default or example; one that is tagged as text for the documentation is that."""
    if isinstance(value, dict) and str(value.get("_type", "")).startswith("literal"):
        return Literal(value["text"])
    return value


def _apply(form: Any, scope: Scope) -> Any:
    if mentions(form, {"$cfg", "$arg", "$opt", "$outercfg", "$optset"}):
        return Deferred(lambda ev: function_from(form, scope, ev))
    return function_from(form, scope)


def module_from(form: Any, scope: Scope) -> Any:
    """A module: a record, a file of the case, a helper, or another value that stands where a module does."""
    form = scope.referred(form)
    if not isinstance(form, dict):
        return form
    if "$file" in form:
        return Deferred(lambda ev: file_module(form["$file"], scope))  # not at once: files may import each other
    if "$helper" in form:
        return helper_from(form, scope)
    if any(name.startswith("$") for name in form):
        return value_from(form, scope)
    where = Where(form["file"]) if "file" in form else None
    imported: list[Any] = form.get("imports") or form.get("require") or []
    imports: Any = [module_from(one, scope) for one in imported]
    if "imports_expr" in form:
        imports = value_from(form["imports_expr"], scope)
    config, stray = _config(form, scope)
    return Spec(
        file=where,
        key=form.get("key"),
        kind=form.get("class"),
        imports=imports,
        disabled=[value_from(one, scope) for one in form.get("disabled", [])],
        options=options_from(form.get("options", {}), scope, where or UNKNOWN),
        config=config,
        freeform=type_from(form["freeform"], scope) if "freeform" in form else None,
        stray=stray,
    )


def _config(form: dict[str, Any], scope: Scope) -> tuple[Any, str | None]:
    """What a module defines, and the key it should not have."""
    parts = [form[name] for name in ("config", "config_expr") if name in form]
    short = form.get("shorthand")
    if isinstance(short, dict):
        parts.append(short)
    extra = dict(form.get("extra", {}))
    metas = [container.pop("meta") for container in (extra, dict(form)) if "meta" in container]
    stray = None
    if extra:
        if ("config" in form or "options" in form) and not short:
            stray = next(iter(extra))
        else:
            parts.append(extra)
    values = [value_from(part, scope) for part in parts] + [{"meta": value_from(meta, scope)} for meta in metas]
    return (None if not values else values[0] if len(values) == 1 else Merge(values)), stray


def file_module(name: Any, scope: Scope) -> Spec:
    """A module of the case's files, named by its path."""
    files = scope.case["files"]
    form = files[int(name)] if isinstance(files, list) else files[str(name)]
    made = module_from(form, scope)
    spec = made if isinstance(made, Spec) else Spec(config=made)
    text = str(name)
    path = f"{MODULES_PATH}/{text if text.endswith('.nix') else text + '.nix'}"
    spec.key = spec.key or path
    spec.file = spec.file or Where(path)
    return spec


_HELPER_KEYS = {"$helper", "from", "to", "text", "condition", "since", "since_release", "oldest_supported", "file", "visible"}


def helper_from(form: dict[str, Any], scope: Scope) -> Spec:
    """A module that renames, merges or removes options."""
    given = form["from"]
    many = isinstance(given, list) and bool(given) and isinstance(given[0], list)
    olds = [path_from(one) for one in given] if many else [path_from(given)]
    new = path_from(form.get("to", ()))
    condition = value_from(form.get("condition", True), scope)
    function = next((item for name, item in form.items() if name not in _HELPER_KEYS), None)
    kind = form["$helper"].lower()
    if kind.startswith("removed"):
        return removed(olds[0], form.get("text", ""))
    if kind.startswith("alias"):
        return alias(olds[0], new, condition=condition)
    if kind.startswith("renamed"):
        since = form.get("since", form.get("since_release", ""))
        return renamed(olds[0], new, condition=condition, since=since, oldest_supported=form.get("oldest_supported", ""))
    if function is not None and (many or _reads_config(function, olds[0])):
        return replaced(olds, new, lambda ev: _of_config(function, scope, ev))
    if many:
        return merged(olds, new, lambda values: values)
    return changed(olds[0], new, function_from(function, scope) if function is not None else lambda value: value)


def _reads_config(form: Any, old: tuple[str, ...]) -> bool:
    """Whether a function takes the whole configuration, as the model's does: it reads the old path from it."""
    if mentions(form, {"$cfg"}):
        return True
    found = [form]
    while found:
        item = found.pop()
        if isinstance(item, dict):
            inner = item.get("$get")
            if isinstance(inner, list) and inner[1] == old[0]:
                return True
            found += item.values()
        elif isinstance(item, list):
            found += item
    return False


def _of_config(form: Any, scope: Scope, ev: Evaluation) -> Any:
    if isinstance(form, dict) and "$fn" in form:
        return function_from(form, scope, ev)(ev.config)
    return now(form, scope, ev)


__all__ = ["MODULES_PATH", "Scope", "evaluations", "module_from", "modules_of", "option_from", "records"]
