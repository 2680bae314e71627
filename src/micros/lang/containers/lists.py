"""Lists, and named values in the order they are given."""

# ruff: noqa: ARG002 - methods of types take what any type may need
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Problem
from micros.lang.containers.shapes import Wrapping, is_list, is_set
from micros.lang.merging import Def, force, notes_of, surviving
from micros.lang.types import Type, phrase
from micros.lang.values import MIDDLE, PLAIN, Deferred, Loc, Wrapper, show_path

if TYPE_CHECKING:
    from micros.lang.evaluation import Evaluation


class ListOf(Wrapping):
    """Lists, concatenated."""

    name = "listOf"

    def __init__(self, elem: Type, *, non_empty: bool = False) -> None:
        super().__init__(elem)
        self.non_empty = non_empty
        self.has_empty = not non_empty

    @property
    def description(self) -> str:  # type: ignore[override]
        """What it is called."""
        inner = f"list of {phrase(self.elem, 'noun', 'composite')}"
        return f"non-empty ({inner})" if self.non_empty else inner

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return is_list(value) and not (self.non_empty and not value)

    def unite(self, other: Type) -> Type | None:
        """One type for two declarations, or None."""
        return super().unite(other) if isinstance(other, ListOf) and other.non_empty == self.non_empty else None

    def empty(self, ev: Evaluation, loc: Loc) -> Any:
        """The value where nothing is defined."""
        return []

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        elem = self.elem
        plain = elem.immediate
        result: list[Any] = []
        problems: list[Problem] = []
        for number, definition in enumerate(defs, 1):
            for index, item in enumerate(definition.value, 1):
                if plain and not isinstance(item, Wrapper | Deferred) and elem.valid(item):
                    result.append(item)
                    continue
                inner = (*loc, f"[definition {number}-entry {index}]")
                found = surviving(inner, [Def(item, definition.where, definition.env)])
                try:
                    if found:
                        result.append(elem.merge(ev, inner, found))
                except MicrosError as problem:
                    problems += problem.problems
        if problems:
            raise MicrosError(*problems)
        return result


class AttrListOf(Wrapping):
    """Named values in order: a list of sets with one name each, or a set."""

    name = "attrListOf"
    shape = "list of single-key attribute sets of {}"
    has_empty = True

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return is_list(value) or is_set(value)

    def unite(self, other: Type) -> Type | None:
        """One type for two declarations, or None."""
        return None

    def empty(self, ev: Evaluation, loc: Loc) -> Any:
        """The value where nothing is defined."""
        return []

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        entries = [entry for definition in defs for entry in self._entries(loc, definition)]
        best: dict[str, int] = {}
        for name, one in entries:
            best[name] = min(one.priority, best.get(name, one.priority))
        kept = [(name, one) for name, one in entries if one.priority == best[name]]
        kept.sort(key=lambda entry: entry[1].order)
        return [{name: self.elem.merge(ev, (*loc, name), [one])} for name, one in kept]

    def _entries(self, loc: Loc, definition: Def) -> list[tuple[str, Def]]:
        """The named values of one definition; what wraps a whole entry holds for its value."""
        value = definition.value
        items = [{name: item} for name, item in value.items()] if is_set(value) else value
        found: list[tuple[str, Def]] = []
        for index, item in enumerate(items, 1):
            for outer in surviving(loc, [Def(item, definition.where, definition.env)]):
                entry = force(outer, loc)
                if not is_set(entry) or len(entry) != 1:
                    raise _misshapen(loc, index, entry, definition)
                ((name, inner),) = entry.items()
                for one in surviving((*loc, name), [Def(inner, outer.where, outer.env)]):
                    one.priority = min(one.priority, outer.priority) if outer.priority != PLAIN else one.priority
                    one.order = outer.order if one.order == MIDDLE else one.order
                    found.append((name, one))
        return found


def _misshapen(loc: Loc, index: int, entry: Any, definition: Def) -> MicrosError:
    what = f"{len(entry)} keys" if is_set(entry) else "no set"
    headline = f"entry {index} of `{show_path(loc)}` must be a set with one key, but has {what}"
    return MicrosError(Problem(Kind.WRONG_TYPE, headline, tuple(notes_of([definition], loc)), "write [{name = value}]"))
