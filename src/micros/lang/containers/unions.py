"""Types that choose: null or a value, one of two types, a value that is converted, one definition only."""

# ruff: noqa: ARG002 - methods of types take what any type may need
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, error
from micros.lang.containers.shapes import Wrapping
from micros.lang.merging import Def, body_failed, conflict, force, mismatch
from micros.lang.types import Type, not_unique, phrase
from micros.lang.types.base import valid_at
from micros.lang.values import bare

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.base.where import Where
    from micros.lang.evaluation import Evaluation
    from micros.lang.values import Loc


class NullOr(Wrapping):
    """Nothing, or a value of a type."""

    name = "nullOr"
    shape = "null or {}"
    inside = ("noun", "conjunction")
    has_empty = True

    def __init__(self, elem: Type) -> None:
        super().__init__(elem)
        self.phrase = "conjunction"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return value is None or self.elem.valid(value)

    def empty(self, ev: Evaluation, loc: Loc) -> Any:
        """The value where nothing is defined."""
        return None

    def suboptions(self, loc: Loc) -> list[tuple[Loc, Any]]:
        """Evaluations without definitions to document."""
        return self.elem.suboptions(loc)

    def merge(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of the surviving definitions."""
        nulls = sum(force(definition, loc) is None for definition in defs)
        if nulls == len(defs):
            return None
        if nulls:
            raise conflict(loc, defs, "is null in one definition and a value in another")
        bad = [definition for definition in defs if not valid_at(self, definition, loc)]
        if bad:
            raise mismatch(loc, self, bad)
        return self.elem.merge(ev, loc, defs)


class Either(Type):
    """One of two types; the left one where it takes all definitions."""

    name = "either"

    def __init__(self, left: Type, right: Type) -> None:
        super().__init__()
        self.left, self.right = left, right
        comma = "," if left.phrase == "clause" else ""
        head = left.description if comma else phrase(left, "noun", "conjunction")
        tail = phrase(right, "noun", "conjunction") if comma else phrase(right, "noun", "conjunction", "composite")
        self.description = f"{head}{comma} or {tail}"
        self.phrase = "conjunction"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return self.left.valid(value) or self.right.valid(value)

    def label(self, where: Where) -> None:
        """Modules inside without a place of their own are at the option."""
        self.left.label(where)
        self.right.label(where)

    def suboptions(self, loc: Loc) -> list[tuple[Loc, Any]]:
        """Evaluations without definitions to document."""
        return self.left.suboptions(loc) + self.right.suboptions(loc)

    def unite(self, other: Type) -> Type | None:
        """One type for two declarations, or None."""
        if not isinstance(other, Either):
            return None
        left, right = self.left.unite(other.left), self.right.unite(other.right)
        if left is None or right is None:
            return None
        return self._with_checks_of(other, Either(left, right))

    def merge(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of the surviving definitions."""
        for definition in defs:
            force(definition, loc)
        if self.extra and (refused := [definition for definition in defs if not valid_at(self, definition, loc)]):
            raise mismatch(loc, self, refused)
        for side in (self.left, self.right):
            if all(valid_at(side, definition, loc) for definition in defs):
                return side.merge(ev, loc, defs)
        bad = [definition for definition in defs if not valid_at(self, definition, loc)]
        raise mismatch(loc, self, bad or defs)


def one_of(kinds: list[Type]) -> Type:
    """The first type that takes all definitions. Raises an error of kind `bad-declaration` without any."""
    if not kinds:
        raise error(Kind.BAD_DECLARATION, "a union of no types")
    result = kinds[0]
    for kind in kinds[1:]:
        result = Either(result, kind)
    return result


class CoercedTo(Type):
    """Values of one type, or of another that a function converts."""

    name = "coercedTo"

    def __init__(self, source: Type, function: Callable[[Any], Any], target: Type) -> None:
        super().__init__()
        if source.submodules is not None:
            raise error(Kind.BAD_DECLARATION, "a record cannot be converted from")
        self.source, self.function, self.target = source, function, target
        self.description = f"{phrase(target, 'noun')} or {phrase(source, 'noun')} convertible to it"
        self.has_empty = target.has_empty
        self.phrase = ""

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        if self.source.valid(value):
            return self.target.valid(self.function(value))
        return self.target.valid(value)

    def unite(self, other: Type) -> Type | None:
        """One type for two declarations, or None."""
        return self if other is self else None

    def empty(self, ev: Evaluation, loc: Loc) -> Any:
        """The value where nothing is defined."""
        return self.target.empty(ev, loc)

    def label(self, where: Where) -> None:
        """Modules inside without a place of their own are at the option."""
        self.target.label(where)

    def suboptions(self, loc: Loc) -> list[tuple[Loc, Any]]:
        """Evaluations without definitions to document."""
        return self.target.suboptions(loc)

    def merge(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of the surviving definitions."""
        ready = []
        bad = []
        for definition in defs:
            force(definition, loc)
            converted = self._converted(definition, loc)
            ready.append(converted)
            if not valid_at(self.target, converted, loc) or not self.passes(definition.value):
                bad.append(definition)
        if bad:
            raise mismatch(loc, self, bad)
        return self.target.merge(ev, loc, ready)

    def _converted(self, definition: Def, loc: Loc) -> Def:
        value = definition.value
        if valid_at(self.source, definition, loc):
            try:
                value = self.function(bare(value))
            except MicrosError:
                raise
            except Exception as problem:
                raise body_failed(problem, loc, definition.where) from problem
        return Def(value, definition.where, definition.env)


class Unique(Wrapping):
    """One definition after priorities, with a text that says why."""

    name = "unique"
    shape = "{}"

    def __init__(self, elem: Type, text: str = "") -> None:
        super().__init__(elem)
        self.text = text
        self.phrase = elem.phrase
        self.has_empty = elem.has_empty

    @property
    def description(self) -> str:  # type: ignore[override]
        """What it is called."""
        return self.elem.description

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return self.elem.valid(value)

    def empty(self, ev: Evaluation, loc: Loc) -> Any:
        """The value where nothing is defined."""
        return self.elem.empty(ev, loc)

    def suboptions(self, loc: Loc) -> list[tuple[Loc, Any]]:
        """Evaluations without definitions to document."""
        return self.elem.suboptions(loc)

    def merge(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of the surviving definitions."""
        if len(defs) > 1:
            raise not_unique(loc, defs, self.text)
        return self.elem.merge(ev, loc, defs)
