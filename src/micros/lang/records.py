"""Types whose values are configurations of their own: records (submodules), and one of several named options."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, error
from micros.lang.containers import as_mapping, is_set
from micros.lang.files import data_file
from micros.lang.merging import Def, conflict, merge_definitions
from micros.lang.modules import Decl, Spec, spec_of
from micros.lang.tree import Node, bare
from micros.lang.types import Type, phrase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from micros.base.where import Where
    from micros.lang.evaluation import Evaluation
    from micros.lang.values import Loc


class Submodule(Type):
    """A record: the value is the configuration of an evaluation of its own below the option's path."""

    name = "submodule"
    has_empty = True
    phrase = ""

    def __init__(
        self,
        modules: list[Any],
        *,
        special_args: Mapping[str, Any] | None = None,
        shorthand: bool | None = True,
        title: str | None = None,
        kind: str | None = None,
    ) -> None:
        super().__init__()
        self.modules = modules
        self.special_args: Mapping[str, Any] = special_args or {}
        self.shorthand, self.title, self.kind = shorthand, title, kind
        self._template: Any = None
        self._specs: list[Spec] | None = None

    @property
    def description(self) -> str:  # type: ignore[override]
        """What it is called: its title, or whether it is open to other names."""
        if self.title is not None:
            return self.title
        inner = self.evaluation(None, (), [], checked=False)
        inner.ready()
        assert inner.spreading is not None
        freeform = inner.spreading.freeform_type()
        return "submodule" if freeform is None else f"open submodule of {phrase(freeform, 'noun', 'composite')}"

    @property
    def submodules(self) -> list[Any] | None:
        """The modules of the records inside."""
        return self.modules

    def specs(self) -> list[Spec] | None:
        """The records of its modules, where they are the same in every evaluation."""
        if self._specs is None:
            found = []
            for module in self.modules:
                make = getattr(module, "__micros_module__", None)
                spec = make() if make is not None else module
                if not isinstance(spec, Spec) or not spec.static or spec.key is not None:
                    return None
                found.append(spec)
            self._specs = found
        return self._specs

    def label(self, where: Where) -> None:
        """Modules inside without a place of their own are at the option."""
        for module in self.modules:
            if isinstance(module, Spec) and module.file is None:
                module.file = where

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return is_module_value(value)

    def with_modules(self, specs: list[Any]) -> Submodule:
        """The same record with more modules."""
        return Submodule(
            [*self.modules, *specs],
            special_args=self.special_args,
            shorthand=self.shorthand,
            title=self.title,
            kind=self.kind,
        )

    def unite(self, other: Type) -> Type | None:
        """One type for two declarations, or None."""
        if not isinstance(other, Submodule):
            return None
        both = set(self.special_args) & set(other.special_args)
        if both:
            raise error(Kind.BAD_DECLARATION, f"two declarations give a record the argument {', '.join(sorted(both))}")
        if self.kind is not None and other.kind is not None and self.kind != other.kind:
            raise error(Kind.BAD_DECLARATION, f"a record of class {self.kind!r} and one of class {other.kind!r} meet")
        if self.title is not None and other.title is not None and self.title != other.title:
            return None
        if self.shorthand is not None and other.shorthand is not None and self.shorthand != other.shorthand:
            raise error(Kind.BAD_DECLARATION, "a record whose definitions are values only meets one whose may be modules")
        modules = [*self.modules, *(module for module in other.modules if module not in self.modules)]
        return Submodule(
            modules,
            special_args={**self.special_args, **other.special_args},
            shorthand=self.shorthand if self.shorthand is not None else other.shorthand,
            title=self.title or other.title,
            kind=self.kind or other.kind,
        )

    def empty(self, ev: Evaluation, loc: Loc) -> Any:
        """The value where nothing is defined."""
        return self.evaluation(ev, loc, []).config

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        return self.evaluation(ev, loc, defs).config

    def evaluation(
        self, ev: Evaluation | None, loc: Loc, defs: list[Def], *, checked: bool = True, name: str | None = None
    ) -> Evaluation:
        """The record's own evaluation of these definitions. Its argument `name` is the last part of its path."""
        from micros.lang.evaluation import Evaluation as Plain
        from micros.lang.evaluation import template_of

        Inner = Plain if ev is None else type(ev)  # noqa: N806 # a class
        arguments = {"name": name if name is not None else loc[-1] if loc else "", **self.special_args}
        specs = self.specs()
        if specs is not None and all(self._is_data(definition.value) for definition in defs):
            template = self._template
            if template is None:
                template = self._template = template_of(specs, loc)
            return Inner(
                [], prefix=loc, special_args=arguments, kind=self.kind, parent=ev, template=template, values=defs,
                checked=checked,
            )  # fmt: skip
        roots = [*self.modules, *(self._as_spec(definition) for definition in defs)]
        return Inner(roots, prefix=loc, special_args=arguments, kind=self.kind, parent=ev, checked=checked)

    def _is_data(self, value: Any) -> bool:
        if isinstance(value, Spec | PurePath) or is_module(value):
            return False
        return bool(self.shorthand) or not _MODULE_KEYS & set(as_mapping(value))

    def _as_spec(self, definition: Def) -> Spec:
        value = definition.value
        spec: Spec
        if isinstance(value, PurePath):
            spec = data_file(Path(value))
        elif isinstance(value, Spec) or is_module(value):
            spec = value if isinstance(value, Spec) else value.__micros_module__()
        elif self.shorthand:
            return Spec(file=definition.where, config=as_mapping(value), env=definition.env)
        else:
            spec = spec_of(as_mapping(value), definition.where)
            spec.env = definition.env
        return Spec(
            file=spec.file or definition.where, key=spec.key, kind=spec.kind, imports=spec.imports, stray=spec.stray,
            disabled=spec.disabled, options=spec.options, config=spec.config, freeform=spec.freeform, env=spec.env,
        )  # fmt: skip

    def suboptions(self, loc: Loc) -> list[tuple[Loc, Any]]:
        """Evaluations without definitions to document."""
        return [(loc, self.evaluation(None, loc, [], checked=False, name="‹name›"))]


_MODULE_KEYS = {"config", "options", "imports", "freeformType", "disabledModules", "key", "require", "meta", "_file", "_class"}


def is_module(value: Any) -> bool:
    """Whether a value is a class of modules or a call of one."""
    return hasattr(value, "__micros_module__")


def is_module_value(value: Any) -> bool:
    """Whether a value may define a record: a set, a module, or the path of a data file."""
    if isinstance(value, PurePath):
        return value.suffix in (".toml", ".json")
    return is_set(value) or isinstance(value, Spec) or hasattr(value, "__micros_value__") or is_module(value)


class AttrTag(Type):
    """One of several named options: a set with exactly one of the names."""

    name = "attrTag"

    def __init__(self, tags: dict[str, Any]) -> None:
        super().__init__()
        self.tags = tags
        self.description = "attribute-tagged union with choices: " + ", ".join(sorted(tags))

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return is_set(value) and len(value) == 1 and next(iter(value)) in self.tags

    def unite(self, other: Type) -> Type | None:
        """One type for two declarations, or None."""
        if not isinstance(other, AttrTag):
            return None
        tags = dict(self.tags)
        for name, decls in other.tags.items():
            tags[name] = [*_many(tags[name]), *_many(decls)] if name in tags else decls
        return AttrTag(tags)

    def _node(self, name: str, where: Any) -> Node:
        node = Node((name,))
        for decl in _many(self.tags[name]):
            if not isinstance(decl, Decl):
                raise bare((name,), decl, where)
            node.decls.append(decl)
        return node

    def merge(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of the surviving definitions."""
        for name, decls in self.tags.items():
            for decl in _many(decls):
                if not isinstance(decl, Decl):
                    raise bare((*loc, name), decl, defs[0].where)
        return super().merge(ev, loc, defs)

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        names = {next(iter(definition.value)) for definition in defs}
        if len(names) > 1:
            raise conflict(loc, defs, f"has definitions with different tags: {', '.join(sorted(names))}")
        name = names.pop()
        option = self._node(name, defs[0].where).option(loc)
        inner = (*loc, name)
        value = merge_definitions(ev, inner, option.type, [Def(d.value[name], d.where, d.env) for d in defs])
        return {name: option.apply(value) if option.apply else value}

    def suboptions(self, loc: Loc) -> list[tuple[Loc, Any]]:
        """Evaluations without definitions to document."""
        from micros.lang.evaluation import Evaluation as Inner

        return [(loc, Inner([Spec(options=dict(self.tags))], prefix=loc, checked=False))]


def _many(decls: Any) -> list[Any]:
    return decls if isinstance(decls, list) else [decls]
