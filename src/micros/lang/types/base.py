"""What every type can do: check values, merge definitions, say what it is, unite with another declaration's type."""

# ruff: noqa: ARG002 - methods of types take what any type may need
from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Problem
from micros.lang.merging import Def, body_failed, conflict, force, mismatch, notes_of
from micros.lang.values import Loc, PathValue, bare, show_path

if TYPE_CHECKING:
    from micros.base.where import Where
    from micros.lang.evaluation import Evaluation

Check = Callable[[Any], bool]


class Type:
    """Base of all types; as it stands, any value of which there is one."""

    _type = "option-type"
    name = "anything"
    description = "value"
    phrase = "noun"
    """How the description reads: noun, composite, conjunction, clause (after a comma), or empty."""
    has_empty = False
    immediate = False
    """Whether one valid value stands for itself, so that containers need not merge it."""
    deprecated = ""
    """What to use instead, where options should no longer be of this type: a warning for each option that is."""

    def __init__(self) -> None:
        self.extra: tuple[Check, ...] = ()

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as it can be told without looking inside, is of this type."""
        return True

    def valid(self, value: Any) -> bool:
        """Like `accepts`, with the checks that were added."""
        return self.accepts(value) and (not self.extra or self.passes(value))

    def passes(self, value: Any) -> bool:
        """Whether a value passes the checks that were added."""
        given = bare(value)
        return all(check(given) for check in self.extra)

    def forced(self, loc: Loc, defs: list[Def]) -> list[Def]:
        """The definitions with their values computed. Raises an error of kind `wrong-type` that lists all that are bad."""
        for definition in defs:
            force(definition, loc)
        bad = [definition for definition in defs if not valid_at(self, definition, loc)]
        if bad:
            raise mismatch(loc, self, bad)
        return defs

    def merge(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of the surviving definitions, at least one."""
        return self.combine(ev, loc, self.forced(loc, defs))

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """Merge definitions that are computed and valid: equal ones are one."""
        first = defs[0].value
        for definition in defs[1:]:
            if not same(definition.value, first):
                raise conflict(loc, defs)
        return first

    def empty(self, ev: Evaluation, loc: Loc) -> Any:
        """The value where nothing is defined, if `has_empty`."""
        raise NotImplementedError

    def unite(self, other: Type) -> Type | None:
        """One type for two declarations, or None where they do not fit."""
        if type(other) is not type(self) or not self.fits(other):
            return None
        return self._with_checks_of(other, self)

    def fits(self, other: Any) -> bool:
        """Whether another type of the same class says the same."""
        return bool(self.name == other.name)

    def _with_checks_of(self, other: Type, result: Type) -> Type:
        extra = self.extra + tuple(check for check in other.extra if check not in self.extra)
        if extra == result.extra:
            return result
        return result.checked(*extra)

    def checked(self, *checks: Check) -> Type:
        """This type with other added checks."""
        result = copy.copy(self)
        result.extra = checks
        result.immediate = self.immediate and not checks
        return result

    def suboptions(self, loc: Loc) -> list[tuple[Loc, Any]]:
        """Evaluations without definitions to document, each with its path."""
        return []

    def label(self, where: Where) -> None:
        """Modules inside the type that have no place of their own are at the option's."""

    @property
    def submodules(self) -> list[Any] | None:
        """The modules of a submodule type; None where options cannot be declared below."""
        return None


def valid_at(kind: Type, definition: Def, loc: Loc) -> bool:
    """Whether a computed definition is of a type. What an added check raises becomes an error of kind `body-failed`."""
    try:
        return kind.valid(definition.value)
    except MicrosError:
        raise
    except Exception as problem:
        raise body_failed(problem, loc, definition.where) from problem


def same(left: Any, right: Any) -> bool:
    """Equal and of one kind: 1 is neither true nor 1.0."""
    if type(left) is not type(right) and (isinstance(left, bool) or isinstance(right, bool)):
        return False
    return bool(left == right)


def phrase(kind: Type, *bare: str) -> str:
    """A description inside another one: in parentheses unless its phrase is one of `bare`."""
    return kind.description if kind.phrase in bare else f"({kind.description})"


def add_check(kind: Type, check: Check) -> Type:
    """The type with one more predicate; its description stays."""
    return kind.checked(*kind.extra, check)


class Scalar(Type):
    """A value that a predicate accepts; several definitions must be equal."""

    immediate = True

    def __init__(self, name: str, description: str, accepts: Check, phrase: str = "noun") -> None:
        super().__init__()
        self.name, self.description, self.phrase = name, description, phrase
        self._accepts = accepts

    def accepts(self, value: Any) -> bool:
        """Whether the predicate holds."""
        return self._accepts(value)


def is_int(value: Any) -> bool:
    """Whether a value is an integer; a boolean is none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_str(value: Any) -> bool:
    """Whether a value is a text; a path value is none."""
    return isinstance(value, str) and not isinstance(value, PathValue)


def not_unique(loc: Loc, defs: list[Def], text: str = "") -> MicrosError:
    """More than one definition where one is meant."""
    headline = f"`{show_path(loc)}` is defined several times; {text or 'it takes one definition'}"
    return MicrosError(Problem(Kind.NOT_UNIQUE, headline, tuple(notes_of(defs, loc))))
