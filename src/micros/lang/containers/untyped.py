"""Values whose inside has no declared type: left alone, laid over each other, or merged by what they happen to be."""

# ruff: noqa: ARG002 - methods of types take what any type may need
from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from micros.lang.containers.functions import FunctionTo
from micros.lang.containers.mappings import AttrCell, Attrs, AttrsOf
from micros.lang.containers.shapes import is_list, is_set
from micros.lang.merging import Def, conflict, force
from micros.lang.types import Type, not_unique, same
from micros.lang.values import At, Deferred, Loc, Wrapper

if TYPE_CHECKING:
    from micros.lang.evaluation import Evaluation


class AnyAttrs(Type):
    """Sets, one over the other: a later definition replaces a name's value."""

    name, description = "attrs", "attribute set"
    has_empty = True

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return is_set(value)

    def empty(self, ev: Evaluation, loc: Loc) -> Any:
        """The value where nothing is defined."""
        return Attrs({}, True)

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        merged: dict[str, Any] = {}
        for definition in defs:
            for name, item in definition.value.items():
                merged[name] = opened(ev, (*loc, name), item, definition)
        return Attrs(merged, True)


class _OpenAttr(AttrCell):
    """One deferred value of an untyped set."""

    __slots__ = ()

    def compute(self) -> Any:
        return opened(self.ev, self.loc, force(self.defs[0], self.loc), self.defs[0])


def opened(ev: Evaluation, loc: Loc, value: Any, definition: Def) -> Any:
    """Data without a type: what is deferred inside is computed when it is read; wrappers stay, but for those of a place."""
    kind = type(value)
    if kind is At:
        return opened(ev, loc, value.value, Def(value.value, value.where, definition.env))
    if kind is Deferred:
        return _OpenAttr(ev, loc, ANYTHING_RAW, [Def(value, definition.where, definition.env)])
    if kind is dict:
        return Attrs({name: opened(ev, (*loc, name), item, definition) for name, item in value.items()}, True)
    if kind is list:
        inner = [opened(ev, (*loc, str(index)), item, definition) for index, item in enumerate(value)]
        return [item.read() if isinstance(item, AttrCell) else item for item in inner]
    return value


ANYTHING_RAW = Type()


class RawOpen(Type):
    """One definition, whose inside is left alone."""

    name, description = "raw", "raw value"

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        if len(defs) > 1:
            raise not_unique(loc, defs)
        value = defs[0].value
        return value if isinstance(value, Wrapper) else opened(ev, loc, value, defs[0])


class Anything(Type):
    """Whatever: sets merge by name, everything else must be equal."""

    name, description = "anything", "anything"

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        kinds = {_sort(definition.value) for definition in defs}
        if len(kinds) > 1:
            raise conflict(loc, defs, "has definitions of different kinds")
        kind = kinds.pop()
        if kind == "set that stands for a text" and len(defs) > 1:
            raise not_unique(loc, defs)
        if kind == "set":
            return AttrsOf(self).combine(ev, loc, defs)
        if kind == "function" and len(defs) > 1:
            return FunctionTo(self).combine(ev, loc, defs)
        if kind == "list":
            values = [opened(ev, loc, definition.value, definition) for definition in defs]
            if any(not same(value, values[0]) for value in values):
                raise conflict(loc, defs)
            return values[0]
        return super().combine(ev, loc, defs)


def _sort(value: Any) -> str:
    if is_set(value):
        return "set that stands for a text" if "outPath" in value or "__toString" in value else "set"
    if is_list(value):
        return "list"
    if callable(value):
        return "function"
    return type(value).__name__


class Unspecified(Type):
    """Options without a type: one value, or values of a kind that has a natural union."""

    name, description = "unspecified", "unspecified value"

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        values = [opened(ev, loc, definition.value, definition) for definition in defs]
        if len(values) == 1:
            return values[0]
        if all(is_list(value) for value in values):
            return [item for value in values for item in value]
        if all(isinstance(value, Mapping) for value in values):
            return {name: item for value in values for name, item in value.items()}
        if all(isinstance(value, bool) for value in values):
            return any(values)
        if all(isinstance(value, str) for value in values):
            return "".join(values)
        if all(callable(value) for value in values):
            return FunctionTo(self).combine(ev, loc, defs)
        if all(same(value, values[0]) for value in values) and isinstance(values[0], int):
            return values[0]
        raise conflict(loc, defs, "has definitions that cannot be merged")


UNSPECIFIED = Unspecified()
