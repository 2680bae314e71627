"""Values that have no parts: booleans, members of a set of values, objects of a Python class, values with a tag."""

# ruff: noqa: ARG002 - methods of types take what any type may need
from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, error
from micros.lang.merging import Def, force, placed
from micros.lang.types.base import Scalar, Type, not_unique
from micros.lang.values import Loc, bare, show_path, show_value

if TYPE_CHECKING:
    from micros.lang.evaluation import Evaluation

BOOL = Scalar("bool", "boolean", lambda value: value is True or value is False)


class BoolByOr(Type):
    """True where any definition is."""

    name, description = "boolByOr", "boolean (merged using or)"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return isinstance(value, bool)

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        return any(definition.value for definition in defs)


class Enum(Type):
    """One of some values, of exactly their kind."""

    name = "enum"
    immediate = True

    def __init__(self, values: list[Any]) -> None:
        super().__init__()
        self.values: list[Any] = []
        for value in values:
            if not self.accepts(value):
                self.values.append(value)
        if len(self.values) == 1:
            self.description, self.phrase = f"value {show_value(self.values[0])} (singular enum)", "noun"
        elif not self.values:
            self.description, self.phrase = "impossible (empty enum)", "noun"
        else:
            self.description = "one of " + ", ".join(map(show_value, self.values))
            self.phrase = "conjunction"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return any(type(value) is type(known) and value == known for known in self.values)

    def unite(self, other: Type) -> Type | None:
        """One type for two declarations, or None."""
        return self._with_checks_of(other, Enum(self.values + other.values)) if isinstance(other, Enum) else None


class Sink(Type):
    """Accepts everything and cannot be read."""

    name, description = "sink", "anything, never read"

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        raise error(Kind.NO_VALUE, f"`{show_path(loc)}` takes any definition and cannot be read")


class Leaf(Type):
    """A value of a Python class, made from a text or another value where there is a way."""

    def __init__(self, kind: type, name: str = "", coerce: Callable[[Any], Any] | None = None) -> None:
        super().__init__()
        self.kind, self.coerce = kind, coerce
        self.name = self.description = name or kind.__name__

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return isinstance(value, self.kind)

    def forced(self, loc: Loc, defs: list[Def]) -> list[Def]:
        """The definitions computed and coerced. What `coerce` refuses (ValueError, TypeError) is of the wrong type."""
        ready = []
        for definition in defs:
            value = force(definition, loc)
            if self.coerce is not None and not isinstance(value, self.kind):
                try:
                    value = self.coerce(bare(value))
                except (ValueError, TypeError):
                    value = definition.value
                except MicrosError as problem:
                    raise placed(problem, loc, definition) from None
            ready.append(Def(value, definition.where, definition.env, definition.priority, definition.order))
        return super().forced(loc, ready)

    def fits(self, other: Any) -> bool:
        """Whether another type of this class says the same."""
        return bool(self.kind is other.kind)


class Tagged(Type):
    """A set that says what it is by its key `_type`; one definition."""

    def __init__(self, name: str, tag: str, description: str) -> None:
        super().__init__()
        self.name, self.tag, self.description = name, tag, description

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        tag = bare(value.get("_type")) if isinstance(value, Mapping) else getattr(value, "_type", None)
        return bool(tag == self.tag)

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        if len(defs) > 1:
            raise not_unique(loc, defs)
        return bare(defs[0].value)


LUA_INLINE = Tagged("luaInline", "lua-inline", "inline lua")
FILE_SET = Tagged("fileset", "fileset", "fileset")
PACKAGE_SET = Tagged("pkgs", "pkgs", "Nixpkgs package set")
