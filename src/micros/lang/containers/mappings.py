"""Sets of named values, each computed when it is read."""

# ruff: noqa: ARG002 - methods of types take what any type may need
from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Note, Problem
from micros.lang.cells import Cell
from micros.lang.containers.shapes import Wrapping, as_mapping, is_set
from micros.lang.merging import Def, empty_or_error, surviving
from micros.lang.places import place
from micros.lang.values import At, Deferred, Loc, Wrapper, show_path

if TYPE_CHECKING:
    from micros.lang.evaluation import Evaluation
    from micros.lang.types import Type


class Attrs(Mapping[str, Any]):
    """A mapping whose values are computed when they are read."""

    __slots__ = ("lazy", "values_by_name")

    def __init__(self, values: dict[str, Any], lazy: bool) -> None:
        self.values_by_name = values
        self.lazy = lazy

    def __getitem__(self, name: str) -> Any:
        value = self.values_by_name[name]
        return value.read() if isinstance(value, AttrCell) else value

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_by_name)

    def __len__(self) -> int:
        return len(self.values_by_name)

    def __contains__(self, name: object) -> bool:
        return name in self.values_by_name

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return {**self, **other}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mapping) and dict(self) == dict(other)

    __hash__ = None  # type: ignore[assignment] # a mapping, compared by value

    def __repr__(self) -> str:
        return f"<mapping of {', '.join(self)}>"


class AttrCell(Cell):
    """One value of a mapping."""

    __slots__ = ("defs", "elem", "ev")

    def __init__(self, ev: Evaluation, loc: Loc, elem: Type, defs: list[Def]) -> None:
        super().__init__(loc, ev.runtime)
        self.ev, self.elem, self.defs = ev, elem, defs

    def compute(self) -> Any:
        """The value."""
        found = surviving(self.loc, self.defs)
        if found:
            return self.elem.merge(self.ev, self.loc, found)
        return empty_or_error(self.ev, self.loc, self.elem)

    def places(self) -> list[Any]:
        """Where it is defined."""
        return [place(definition.where) for definition in self.defs]


class AttrsOf(Wrapping):
    """Sets of named values; a name whose only definitions do not count is not there (lazy: it stays).

    `keys` is the type of the names; None takes any. A name that does not fit is an error of kind `wrong-type`.
    """

    name = "attrsOf"
    shape = "attribute set of {}"
    has_empty = True

    def __init__(self, elem: Type, *, lazy: bool = False, placeholder: str = "name", keys: Type | None = None) -> None:
        super().__init__(elem)
        self.lazy, self.placeholder, self.keys = lazy, placeholder, keys
        if lazy:
            self.name, self.shape = "lazyAttrsOf", "lazy attribute set of {}"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return is_set(value) or hasattr(value, "__micros_value__")

    def unite(self, other: Type) -> Type | None:
        """One type for two declarations, or None."""
        if not isinstance(other, AttrsOf) or other.lazy != self.lazy:
            return None
        if self.placeholder != other.placeholder and "name" not in (self.placeholder, other.placeholder):
            return None
        placeholder = other.placeholder if self.placeholder == "name" else self.placeholder
        keys = self.keys or other.keys
        if self.keys is not None and other.keys is not None:
            keys = self.keys.unite(other.keys)
            if keys is None:
                return None
        result = super().unite(other)
        if isinstance(result, AttrsOf) and (result.placeholder, result.keys) != (placeholder, keys):
            result = copy.copy(result)
            result.placeholder, result.keys = placeholder, keys
        return result

    def empty(self, ev: Evaluation, loc: Loc) -> Any:
        """The value where nothing is defined."""
        return Attrs({}, self.lazy)

    def suboptions(self, loc: Loc) -> list[tuple[Loc, Any]]:
        """Evaluations without definitions to document."""
        return self.elem.suboptions((*loc, f"<{self.placeholder}>"))

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        by_name: dict[str, list[Def]] = {}
        for definition in defs:
            where, env = definition.where, definition.env
            for name, item in as_mapping(definition.value).items():
                found = by_name.get(name)
                if found is None:
                    by_name[name] = [Def(item, where, env)]
                else:
                    found.append(Def(item, where, env))
        elem = self.elem
        plain = elem.immediate
        result: dict[str, Any] = {}
        for name, found in by_name.items():
            value = found[0].value
            if plain and len(found) == 1 and not isinstance(value, Wrapper | Deferred) and elem.valid(value):
                result[name] = value
                continue
            inner = (*loc, name)
            if not self.lazy:
                found = surviving(inner, found)
                if not found:
                    continue
            result[name] = AttrCell(ev, inner, elem, found)
        if self.keys is not None:
            bad = {name: by_name[name] for name in result if not self.keys.valid(name)}
            if bad:
                raise MicrosError(*(_misnamed(loc, name, self.keys, found) for name, found in bad.items()))
        return Attrs(result, self.lazy)


def _misnamed(loc: Loc, name: str, keys: Type, defs: list[Def]) -> Problem:
    """A name that does not fit, and where it was written."""
    where = [value.where if type(value := definition.value) is At else definition.where for definition in defs]
    notes = tuple(Note(place(one), show_path((*loc, name))) for one in where)
    return Problem(Kind.WRONG_TYPE, f"wrong name in `{show_path(loc)}`: expected {keys.description}, got {name!r}", notes)
