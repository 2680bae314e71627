"""Values of the language itself as values of options: modules, types, declarations."""

# ruff: noqa: ARG002 - methods of types take what any type may need
from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from micros.base.where import Where
from micros.lang.containers import as_mapping
from micros.lang.files import data_file
from micros.lang.merging import Def, conflict
from micros.lang.modules import Decl, Spec, spec_of
from micros.lang.places import place
from micros.lang.records import is_module, is_module_value
from micros.lang.types import Type, not_unique
from micros.lang.values import Loc, show_path

if TYPE_CHECKING:
    from micros.lang.evaluation import Evaluation


class DeferredModule(Type):
    """Definitions kept as a module that others import; not evaluated by itself."""

    name, description = "deferredModule", "module"

    def __init__(self, static: list[Any] | None = None) -> None:
        super().__init__()
        self.static = static or []

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return is_module_value(value)

    def unite(self, other: Type) -> Type | None:
        """One type for two declarations, or None."""
        return DeferredModule([*self.static, *other.static]) if isinstance(other, DeferredModule) else None

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        imports: list[Any] = list(self.static)
        for definition in defs:
            where = place(definition.where)
            label = Where(f"{where.file}, via option {show_path(loc)}", where.line)
            value = definition.value
            if isinstance(value, PurePath):
                imports.append(Spec(file=label, imports=[data_file(Path(value))]))
            elif isinstance(value, Spec) or is_module(value):
                spec = value if isinstance(value, Spec) else value.__micros_module__()
                imports.append(Spec(file=label, imports=[spec]))
            else:
                spec = spec_of(as_mapping(value), label)
                spec.env = definition.env
                imports.append(spec)
        return Spec(imports=imports)

    def suboptions(self, loc: Loc) -> list[tuple[Loc, Any]]:
        """Evaluations without definitions to document."""
        from micros.lang.evaluation import Evaluation as Inner

        return [(loc, Inner(self.static, prefix=loc, checked=False))] if self.static else []


class OptionType(Type):
    """A type as a value; several definitions unite."""

    name, description = "optionType", "optionType"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return isinstance(value, Type)

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        united = defs[0].value
        for definition in defs[1:]:
            united = united.unite(definition.value)
            if united is None:
                raise conflict(loc, defs, "has types that do not fit together")
        return united


class OptionDeclaration(Type):
    """A declaration as a value; one definition."""

    name, description = "optionDeclaration", "option declaration"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return isinstance(value, Decl)

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        if len(defs) > 1:
            raise not_unique(loc, defs)
        return defs[0].value
