"""Types of options: what a value must be, how several definitions merge, and how it is called.

A type that is declared twice for one option merges with the other declaration (`unite`); ranges intersect and added
checks are kept.
"""

# ruff: noqa: ARG002 - methods of types take what any type may need
from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, error
from micros.lang.merging import Def, body_failed, conflict, force, mismatch, placed
from micros.lang.values import Loc, PathValue, show_value

if TYPE_CHECKING:
    from micros.base.where import Where
    from micros.lang.evaluation import Evaluation

Check = Callable[[Any], bool]


class Type:
    """Base of all types; as it stands, any value of which there is one."""

    name = "anything"
    description = "value"
    phrase = "noun"
    """How the description reads: noun, composite, conjunction, clause (after a comma), or empty."""
    has_empty = False
    immediate = False
    """Whether one valid value stands for itself, so that containers need not merge it."""

    def __init__(self) -> None:
        self.extra: tuple[Check, ...] = ()

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as it can be told without looking inside, is of this type."""
        return True

    def valid(self, value: Any) -> bool:
        """Like `accepts`, with the checks that were added."""
        return self.accepts(value) and (not self.extra or all(check(value) for check in self.extra))

    def forced(self, loc: Loc, defs: list[Def]) -> list[Def]:
        """The definitions with their values computed. Raises an error of kind `wrong-type` that lists all that are bad."""
        bad = []
        for definition in defs:
            value = force(definition, loc)
            try:
                good = self.valid(value)
            except MicrosError:
                raise
            except Exception as problem:
                raise body_failed(problem, loc, definition.where) from problem
            if not good:
                bad.append(definition)
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
        import copy

        result = copy.copy(self)
        result.extra = checks
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


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_str(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, PathValue)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


BOOL = Scalar("bool", "boolean", lambda value: value is True or value is False)
STR = Scalar("str", "string", _is_str)
NON_EMPTY_STR = Scalar("nonEmptyStr", "non-empty string", lambda value: _is_str(value) and bool(value.strip()))
FLOAT = Scalar("float", "floating point number", lambda value: isinstance(value, float))
NUMBER = Scalar("number", "signed integer or floating point number", _is_number, "conjunction")
PASSWD_ENTRY = Scalar(
    "passwdEntry",
    "string, not containing newlines or colons",
    lambda v: _is_str(v) and not set(v) & {":", "\n"},
    "clause",
)


class Number(Type):
    """Numbers between two bounds, both included; None is no bound."""

    immediate = True

    def __init__(
        self, low: float | None, high: float | None, description: str = "", phrase: str = "noun", *, real: bool = False
    ) -> None:
        super().__init__()
        self.low, self.high, self.real = low, high, real
        self.name = "number" if real else "int"
        self.description = description or _range_description(low, high, real)
        self.phrase = phrase

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        kind = type(value)
        if kind is not int and not (self.real and kind is float) and not _is_int(value):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def unite(self, other: Type) -> Type | None:
        """The intersection: a value must satisfy both declarations."""
        if not isinstance(other, Number) or other.real != self.real:
            return None
        if (self.low, self.high) == (other.low, other.high):
            return self._with_checks_of(other, self)
        lows = [bound for bound in (self.low, other.low) if bound is not None]
        highs = [bound for bound in (self.high, other.high) if bound is not None]
        both = Number(max(lows, default=None), min(highs, default=None), real=self.real)
        return self._with_checks_of(other, both)


def _range_description(low: float | None, high: float | None, real: bool) -> str:
    noun = "integer or floating point number" if real else "integer"
    if low is not None and high is not None:
        return (
            f"{noun} between {low:g} and {high:g} (both inclusive)"
            if real
            else (f"{noun} between {low} and {high} (both inclusive)")
        )
    if low is not None:
        return f"{noun}, meaning >={low}"
    return f"{noun}, meaning <={high}" if high is not None else f"signed {noun}"


def between(low: int, high: int) -> Number:
    """Integers from `low` to `high`, both included. Raises an error of kind `bad-declaration` where they are reversed."""
    if low > high:
        raise error(Kind.BAD_DECLARATION, f"the range from {low} to {high} is empty")
    return Number(low, high)


def _sized(bits: int, signed: bool) -> Number:
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    sign = "signed" if signed else "unsigned"
    return Number(low, high, f"{bits} bit {sign} integer; between {low} and {high} (both inclusive)")


class _Positive(Number):
    """Numbers above zero."""

    def accepts(self, value: Any) -> bool:
        return super().accepts(value) and value > 0


INT = Number(None, None, "signed integer")
UINT = Number(0, None, "unsigned integer, meaning >=0", "clause")
POSITIVE = Number(1, None, "positive integer, meaning >0", "clause")
U8, U16, U32 = _sized(8, False), _sized(16, False), _sized(32, False)
S8, S16, S32 = _sized(8, True), _sized(16, True), _sized(32, True)
PORT = U16
NON_NEGATIVE = Number(0, None, "nonnegative integer or floating point number, meaning >=0", "clause", real=True)
POSITIVE_NUMBER = _Positive(0, None, "positive integer or floating point number, meaning >0", "clause", real=True)


class BoolByOr(Type):
    """True where any definition is."""

    name, description = "boolByOr", "boolean (merged using or)"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return isinstance(value, bool)

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        return any(definition.value for definition in defs)


class Matching(Type):
    """Texts that match a regular expression as a whole."""

    def __init__(self, pattern: str, description: str = "") -> None:
        super().__init__()
        self.name = f"strMatching {pattern}"
        self.description = description or f"string matching the pattern {pattern}"
        self._match = re.compile(pattern).fullmatch

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return _is_str(value) and self._match(value) is not None


class SingleLine(Type):
    """A text of one line; one newline at the end is dropped."""

    name, description = "singleLineStr", "(optionally newline-terminated) single-line string"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return _is_str(value) and "\n" not in value.removesuffix("\n")

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        return super().combine(ev, loc, defs).removesuffix("\n")


class Separated(Type):
    """Texts joined by a separator."""

    immediate = True

    def __init__(self, separator: str) -> None:
        super().__init__()
        self.separator = separator
        self.name = f"separatedString {separator!r}"
        self.description = f"strings concatenated with {show_value(separator)}"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return _is_str(value)

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        return self.separator.join(definition.value for definition in defs)


LINES, COMMAS, ENV_VAR = Separated("\n"), Separated(","), Separated(":")


def _is_path(value: Any) -> bool:
    return isinstance(value, str | PurePath) and str(value).startswith("/")


PATH = Scalar("path", "absolute path", _is_path)


class Enum(Type):
    """One of some values, of exactly their kind."""

    immediate = True

    name = "enum"

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


class Raw(Type):
    """One definition whose inside is left alone."""

    name, description = "raw", "raw value"

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        if len(defs) > 1:
            raise not_unique(loc, defs)
        return defs[0].value


def not_unique(loc: Loc, defs: list[Def], text: str = "") -> Exception:
    """More than one definition where one is meant."""
    from micros.base.errors import Problem
    from micros.lang.merging import notes_of
    from micros.lang.values import show_path

    headline = f"`{show_path(loc)}` is defined several times; {text or 'it takes one definition'}"
    return MicrosError(Problem(Kind.NOT_UNIQUE, headline, tuple(notes_of(defs, loc))))


class Sink(Type):
    """Accepts everything and cannot be read."""

    name, description = "sink", "anything, never read"

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        raise error(Kind.NO_VALUE, f"`{loc[-1]}` cannot be read")


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
                    value = self.coerce(value)
                except (ValueError, TypeError):
                    value = definition.value
                except MicrosError as problem:
                    raise placed(problem, loc, definition) from None
            ready.append(Def(value, definition.where, definition.env, definition.priority, definition.order))
        return super().forced(loc, ready)

    def fits(self, other: Any) -> bool:
        """Whether another type of this class says the same."""
        return bool(self.kind is other.kind)
