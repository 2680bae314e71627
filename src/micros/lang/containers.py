"""Types made of other types: lists, mappings, unions, coercions, functions."""

# ruff: noqa: ARG002 - methods of types take what any type may need
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Problem, error
from micros.lang.cells import Cell
from micros.lang.merging import (
    Def,
    body_failed,
    conflict,
    empty_or_error,
    force,
    merge_definitions,
    mismatch,
    notes_of,
    surviving,
)
from micros.lang.types import Type, not_unique, phrase, same
from micros.lang.values import At, Deferred, Loc, Wrapper, show_path

if TYPE_CHECKING:
    from micros.base.where import Where
    from micros.lang.evaluation import Evaluation


def is_list(value: Any) -> bool:
    """Whether a value counts as a list."""
    return isinstance(value, list | tuple)


def is_set(value: Any) -> bool:
    """Whether a value counts as a set of named values."""
    return isinstance(value, Mapping) and "_type" not in value if type(value) is dict else isinstance(value, Mapping)


def as_mapping(value: Any) -> Any:
    """The named values of what may stand for a mapping."""
    make = getattr(value, "__micros_value__", None)
    return value if make is None else make()


class Wrapping(Type):
    """A type around another one."""

    shape = "list of {}"
    inside = ("noun", "composite")

    def __init__(self, elem: Type) -> None:
        super().__init__()
        self.elem = elem
        self.phrase = "composite"

    @property
    def description(self) -> str:  # type: ignore[override] # computed: it depends on the element's
        """What it is called."""
        return self.shape.format(phrase(self.elem, *self.inside))

    def unite(self, other: Type) -> Type | None:
        """One type for two declarations, or None."""
        if type(other) is not type(self):
            return None
        elem = self.elem.unite(other.elem)
        if elem is None:
            return None
        return self if elem is self.elem and not other.extra else self.around(elem)._with_checks_of(other, self)

    def label(self, where: Where) -> None:
        """Modules inside without a place of their own are at the option."""
        self.elem.label(where)

    def around(self, elem: Type) -> Type:
        """The same around another element type."""
        import copy

        result = copy.copy(self)
        result.elem = elem
        return result

    def suboptions(self, loc: Loc) -> list[tuple[Loc, Any]]:
        """Evaluations without definitions to document."""
        return self.elem.suboptions((*loc, "*"))


class ListOf(Wrapping):
    """Lists, concatenated."""

    name = "listOf"
    has_empty = True

    def __init__(self, elem: Type, *, non_empty: bool = False) -> None:
        super().__init__(elem)
        self.non_empty = non_empty
        if non_empty:
            self.has_empty = False
            self.phrase = ""

    @property
    def description(self) -> str:  # type: ignore[override]
        """What it is called."""
        inner = f"list of {phrase(self.elem, 'noun', 'composite')}"
        return f"non-empty ({inner})" if self.non_empty else inner

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return is_list(value) and not (self.non_empty and not value)

    def fits(self, other: Any) -> bool:
        """Whether another type of this class says the same."""
        return bool(self.non_empty == other.non_empty)

    def empty(self, ev: Evaluation, loc: Loc) -> Any:
        """The value where nothing is defined."""
        return []

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        elem = self.elem
        plain = elem.immediate
        result: list[Any] = []
        for number, definition in enumerate(defs, 1):
            for index, item in enumerate(definition.value, 1):
                if plain and not isinstance(item, Wrapper | Deferred) and elem.valid(item):
                    result.append(item)
                    continue
                inner = (*loc, f"[definition {number}-entry {index}]")
                found = surviving(inner, [Def(item, definition.where, definition.env)])
                if found:
                    result.append(elem.merge(ev, inner, found))
        return result


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
        from micros.lang.places import place

        return [place(definition.where) for definition in self.defs]


class AttrsOf(Wrapping):
    """Sets of named values; a name whose only definitions do not count is not there (lazy: it stays)."""

    name = "attrsOf"
    shape = "attribute set of {}"
    has_empty = True

    def __init__(self, elem: Type, *, lazy: bool = False, placeholder: str = "name") -> None:
        super().__init__(elem)
        self.lazy, self.placeholder = lazy, placeholder
        if lazy:
            self.name, self.shape = "lazyAttrsOf", "lazy attribute set of {}"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return is_set(value) or hasattr(value, "__micros_value__")

    def unite(self, other: Type) -> Type | None:
        """One type for two declarations, or None."""
        if not isinstance(other, AttrsOf) or other.lazy != self.lazy:
            return None
        placeholder = self.placeholder if self.placeholder != "name" else other.placeholder
        if placeholder not in (other.placeholder, self.placeholder) and other.placeholder != "name":
            return None
        result = super().unite(other)
        if isinstance(result, AttrsOf) and result.placeholder != placeholder:
            import copy

            result = copy.copy(result)
            result.placeholder = placeholder
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
        return Attrs(result, self.lazy)


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
    """Data without a type: what is deferred inside is computed when it is read; wrappers stay, but for places."""
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
        return "set"
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
        try:
            return self.elem.merge(ev, loc, defs)
        except MicrosError as problem:
            if problem.kind is Kind.WRONG_TYPE and any(not self.valid(definition.value) for definition in defs):
                raise mismatch(loc, self, [item for item in defs if not self.valid(item.value)]) from None
            raise

    @property
    def submodules(self) -> list[Any] | None:
        """The modules of the records inside."""
        return self.elem.submodules


class Either(Type):
    """One of two types; the left one where it takes all definitions."""

    name = "either"

    def __init__(self, left: Type, right: Type) -> None:
        super().__init__()
        self.left, self.right = left, right
        comma = "," if left.phrase == "clause" else ""
        head = left.description if comma else phrase(left, "noun", "conjunction")
        self.description = f"{head}{comma} or {phrase(right, 'noun', 'conjunction', 'composite')}"
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
        return Either(left, right) if left is not None and right is not None else None

    def merge(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of the surviving definitions."""
        values = [force(definition, loc) for definition in defs]
        for side in (self.left, self.right):
            if all(side.valid(value) for value in values):
                return side.merge(ev, loc, defs)
        bad = [definition for definition in defs if not self.valid(definition.value)]
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
        for definition in defs:
            value = force(definition, loc)
            if self.source.valid(value):
                try:
                    value = self.function(value)
                except MicrosError:
                    raise
                except Exception as problem:
                    raise body_failed(problem, loc, definition.where) from problem
            elif not self.target.valid(value):
                raise mismatch(loc, self, [definition])
            ready.append(Def(value, definition.where, definition.env))
        return self.target.merge(ev, loc, ready)


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


class FunctionTo(Wrapping):
    """Functions; the results of all definitions are merged at each call."""

    name = "functionTo"
    shape = "function that evaluates to a(n) {}"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return callable(value)

    def suboptions(self, loc: Loc) -> list[tuple[Loc, Any]]:
        """Evaluations without definitions to document."""
        return self.elem.suboptions((*loc, "<function body>"))

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        inner = (*loc, "<function body>")
        elem = self.elem

        def call(*args: Any, **keywords: Any) -> Any:
            results = []
            for definition in defs:
                try:
                    results.append(Def(definition.value(*args, **keywords), definition.where, definition.env))
                except MicrosError:
                    raise
                except Exception as problem:
                    raise body_failed(problem, inner, definition.where) from problem
            return merge_definitions(ev, inner, elem, results)

        return call


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
        entries: list[tuple[str, Def]] = []
        for definition in defs:
            value = definition.value
            items = [{name: item} for name, item in value.items()] if is_set(value) else value
            for index, item in enumerate(items, 1):
                if not is_set(item) or len(item) != 1:
                    what = f"{len(item)} keys" if is_set(item) else "no set"
                    headline = f"entry {index} of `{show_path(loc)}` must be a set with one key, but has {what}"
                    notes = tuple(notes_of([definition], loc))
                    raise MicrosError(Problem(Kind.WRONG_TYPE, headline, notes, "write [{name = value}]"))
                ((name, inner),) = item.items()
                found = surviving((*loc, name), [Def(inner, definition.where, definition.env)])
                entries += [(name, one) for one in found]
        best: dict[str, int] = {}
        for name, one in entries:
            best[name] = min(one.priority, best.get(name, one.priority))
        kept = [(name, one) for name, one in entries if one.priority == best[name]]
        kept.sort(key=lambda entry: entry[1].order)
        return [{name: self.elem.merge(ev, (*loc, name), [one])} for name, one in kept]
