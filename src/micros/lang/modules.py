"""Neutral records of what modules say, and how their imports are collected.

Imports are followed breadth-first before any option is merged. Modules with equal keys count once; a disabled module goes
with all that only it imports.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, error
from micros.base.where import Where
from micros.lang.merging import compute
from micros.lang.places import place
from micros.lang.values import Deferred, If, Loc, Merge, Override, bare, show_path, show_value

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.lang.evaluation import Evaluation
    from micros.lang.places import Site
    from micros.lang.types import Type

UNSET: Any = type("Unset", (), {"__repr__": lambda _: "UNSET", "__slots__": ()})()
"""Nothing was said."""

UNKNOWN = Where("<unknown-file>")


class Decl:
    """One declaration of an option.

    `redirect` makes it another name of the option at that path, where `condition` holds; `replaced_by` names the option
    that is computed from it; `silent` options are in no listing. `entries` are names in a mapping that lead to other options.
    """

    _type = "option"

    __slots__ = (
        "apply", "condition", "convert", "default", "default_text", "description", "entries", "example", "internal", "read_only",
        "redirect", "related", "removed", "replaced_by", "silent", "type", "visible", "warn", "where",
    )  # fmt: skip

    def __init__(
        self,
        type: Type | None = None,  # noqa: A002 # the word every option declaration uses
        *,
        where: Where = UNKNOWN,
        default: Any = UNSET,
        default_text: Any = UNSET,
        example: Any = UNSET,
        description: Any = UNSET,
        apply: Callable[[Any], Any] | None = None,
        read_only: bool | None = None,
        internal: bool | None = None,
        visible: bool | str | None = None,
        related: Any = UNSET,
        redirect: Loc | None = None,
        replaced_by: Loc | None = None,
        condition: Any = True,
        warn: bool = False,
        convert: Callable[[Any], Any] | None = None,
        removed: str | None = None,
        silent: bool = False,
        entries: Mapping[str, Loc] | None = None,
    ) -> None:
        self.type, self.where, self.default, self.default_text = type, where, default, default_text
        self.example, self.description, self.apply, self.read_only = example, description, apply, read_only
        self.internal, self.visible, self.related = internal, visible, related
        self.redirect, self.warn, self.convert, self.removed, self.silent = redirect, warn, convert, removed, silent
        self.replaced_by, self.condition = replaced_by, condition
        self.entries = entries or {}


class Spec:
    """One module: what it imports, declares and defines."""

    __slots__ = ("config", "disabled", "env", "file", "freeform", "imports", "key", "kind", "options", "stray")

    def __init__(
        self,
        *,
        file: Where | Site | None = None,
        key: str | None = None,
        kind: str | None = None,
        imports: list[Any] | Deferred | None = None,
        disabled: list[Any] | None = None,
        options: dict[str, Any] | None = None,
        config: Any = None,
        freeform: Any = None,
        env: Evaluation | None = None,
        stray: str | None = None,
    ) -> None:
        self.file, self.key, self.kind = file, key, kind
        self.imports: list[Any] | Deferred = imports if imports is not None else []
        self.disabled = disabled or []
        self.options: dict[str, Any] = options or {}
        self.config = config
        self.freeform, self.env, self.stray = freeform, env, stray

    @property
    def static(self) -> bool:
        """Whether it can be declared once for many evaluations."""
        return self.imports == [] and not self.disabled and self.kind is None and self.stray is None


_LONG = ("_file", "_class", "key", "disabledModules", "imports", "options", "config", "meta", "freeformType")


def spec_of(value: Mapping[str, Any], file: Where | Site | None = None) -> Spec:
    """The record of a module that is a set.

    With `config` or `options` it is in the long form and has no keys of its own beside those of a module; without, what is
    no such key is its configuration. `require` is an old name of `imports`.
    """
    known = {name: value[name] if name in ("config", "options") else bare(value[name]) for name in _LONG if name in value}
    rest = {name: item for name, item in value.items() if name not in _LONG}
    long = "config" in known or "options" in known
    imports = known.get("imports", [])
    config: Any = known.get("config") if long else {name: item for name, item in rest.items() if name != "require"}
    if not long:
        imports = [*_listed(imports), *_listed(rest.get("require", []))] if "require" in rest else imports
    if "meta" in known:
        config = Merge([config or {}, {"meta": known["meta"]}])
    return Spec(
        file=Where(str(known["_file"])) if "_file" in known else file,
        key=known.get("key"), kind=known.get("_class"), imports=imports, disabled=known.get("disabledModules"),
        options=known.get("options"), config=config, freeform=known.get("freeformType"),
        stray=next(iter(rest), None) if long else None,
    )  # fmt: skip


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


class Met:
    """A module with its key, its label and the keys of what it imports."""

    __slots__ = ("file", "imports", "key", "spec")

    def __init__(self, key: str, file: Where | Site, spec: Spec) -> None:
        self.key, self.file, self.spec = key, file, spec
        self.imports: list[str] = []


def collect(ev: Evaluation, roots: list[Any]) -> tuple[list[Met], list[dict[str, Any]]]:
    """All modules that count, breadth-first, and the graph of imports."""
    met: dict[str, Met] = {}
    top: list[str] = []
    queue: list[tuple[Any, str, Where | Site, list[str]]] = []

    def admit(things: list[Any], parent: str, label: Where | Site, into: list[str]) -> None:
        for number, thing in enumerate(things, 1):
            queue.append((thing, f"{parent}:anon-{number}", label, into))

    admit(roots, "", UNKNOWN, top)
    position = 0
    while position < len(queue):
        thing, anonymous, label, into = queue[position]
        position += 1
        spec = as_spec(ev, thing, label)
        key = spec.key or anonymous
        into.append(key)
        if key in met:
            continue
        file = spec.file if spec.file is not None else label
        found = met[key] = Met(key, file, spec)
        _fits(ev, found)
        imports: Any = spec.imports
        if type(imports) is Deferred:
            imports = compute(imports, spec.env or ev, ("imports",), file)
        admit(imports, key, file, found.imports)
    gone = _disabled(ev, met)
    graph = [_graph(met, key, gone) for key in top]
    wanted = [key for key in dict.fromkeys(top) if key not in gone]
    reached = dict.fromkeys(wanted)
    for key in wanted:
        for child in met[key].imports:
            if child not in gone and child not in reached:
                reached[child] = None
                wanted.append(child)
    return [met[key] for key in wanted], graph


def as_spec(ev: Evaluation, thing: Any, label: Where | Site) -> Spec:
    """The record of whatever stands where a module stands. Raises an error of kind `bad-module`."""
    if type(thing) is Deferred:
        thing = compute(thing, ev, ("imports",), label)
    if isinstance(thing, Spec):
        return thing
    make = getattr(thing, "__micros_module__", None)
    if make is not None:
        made: Spec = make()
        return made
    if isinstance(thing, If | Override | Merge):
        return Spec(config=thing)
    if isinstance(thing, Path):
        from micros.lang.files import data_file

        return data_file(thing)
    where = place(label)
    at = f" in the imports of `{show_path(ev.prefix)}`" if ev.prefix else ""
    tag = thing.get("_type") if isinstance(thing, Mapping) else getattr(thing, "_type", None)
    if isinstance(tag, str):
        hint = f"give a module, not a value of kind {tag!r}"
        if tag == "configuration":
            hint = "this is an evaluated configuration: only import the modules that make up the configuration"
        elif tag == "flake":
            hint = "pick one of the modules the flake offers, such as its nixosModules.default"
        raise error(Kind.BAD_MODULE, f"a value of kind {tag!r} stands where a module is expected{at}", at=where, hint=hint)
    if isinstance(thing, dict):
        return spec_of(thing)
    if isinstance(thing, list | tuple):
        raise error(Kind.BAD_MODULE, f"a list stands where a module is expected{at}: one level too many", at=where)
    raise error(Kind.BAD_MODULE, f"{show_value(thing)} does not look like a module{at}", at=where)


def _fits(ev: Evaluation, found: Met) -> None:
    spec, where = found.spec, place(found.file)
    if spec.stray is not None:
        raise error(
            Kind.BAD_MODULE,
            f"module `{found.key}` has the unsupported attribute `{spec.stray}`",
            at=where,
            hint="beside `config` and `options` a module has no keys of its own; move it into `config`",
        )
    if ev.kind is not None and spec.kind is not None and spec.kind != ev.kind:
        raise error(
            Kind.BAD_MODULE,
            f"module {found.key} is of class {spec.kind!r}, but modules of class {ev.kind!r} are evaluated here",
            at=where,
            hint=f"import a module written for {ev.kind}",
        )


def _disabled(ev: Evaluation, met: dict[str, Met]) -> set[str]:
    """Keys of the modules that any module disables, itself disabled or not."""
    gone: set[str] = set()
    base = str(ev.special_args.get("modules_path", ev.special_args.get("modulesPath", "")))
    for found in met.values():
        for item in found.spec.disabled:
            if type(item) is Deferred:
                item = compute(item, ev, ("disabledModules",), found.file)
            gone.add(_disabled_key(item, base, found))
    return gone


def _disabled_key(item: Any, base: str, found: Met) -> str:
    where = place(found.file)
    if isinstance(item, Spec):
        item = {"key": item.key} if item.key else {}
    if isinstance(item, type) and hasattr(item, "__micros_module__"):
        item = {"key": item.__micros_module__().key}
    if isinstance(item, Mapping):
        text, key = item.get("outPath"), item.get("key")
        if text is None and key is None:
            raise error(
                Kind.BAD_MODULE,
                f"a module that {where} disables has no `key`",
                at=where,
                hint="name it by its path, or by the `key` it gives itself",
            )
        if text is not None and key is not None and str(text) != str(key):
            message = f"a module that {where} disables is {text} by its path, but {key} by its `key`"
            raise error(Kind.BAD_MODULE, message, at=where, hint="say only one of them")
        return str(key if key is not None else text)
    if isinstance(item, str | PurePath):
        text = str(item.resolve()) if isinstance(item, Path) else str(item)
        return text if text.startswith("/") or not base else f"{base}/{text}"
    raise error(Kind.BAD_MODULE, f"{where} disables {show_value(item)}, which is no module", at=where)


def _graph(met: dict[str, Met], key: str, gone: set[str], above: tuple[str, ...] = ()) -> dict[str, Any]:
    """A module and its imports; one that imports itself again is shown without them."""
    found = met[key]
    inside = (*above, key)
    children = [] if key in above else [_graph(met, child, gone, inside) for child in found.imports]
    return {"key": key, "file": str(place(found.file)), "imports": children, "disabled": key in gone}
