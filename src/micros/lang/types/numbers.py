"""Numbers: integers and floating point, within bounds that two declarations intersect."""

from __future__ import annotations

from typing import Any

from micros.base.errors import Kind, error
from micros.lang.types.base import Scalar, Type, is_int


class Number(Type):
    """Numbers between two bounds, both included; None is no bound. With `above`, the lower bound itself is not included."""

    immediate = True

    def __init__(
        self,
        low: float | None,
        high: float | None,
        description: str = "",
        phrase: str = "noun",
        *,
        real: bool = False,
        above: bool = False,
    ) -> None:
        super().__init__()
        self.low, self.high, self.real, self.above = low, high, real, above
        self.name = "number" if real else "int"
        self.description = description or _description(low, high, real, above)
        self.phrase = phrase if description else "clause" if (low is None) != (high is None) else "noun"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        kind = type(value)
        if kind is not int and not (self.real and kind is float) and not is_int(value):
            return False
        if self.low is not None and (value <= self.low if self.above else not value >= self.low):
            return False
        return self.high is None or value <= self.high

    def unite(self, other: Type) -> Type | None:
        """The intersection, as a value must satisfy both declarations; None where nothing could."""
        if not isinstance(other, Number) or other.real != self.real:
            return None
        for one, another in ((self, other), (other, self)):
            if one.within(another):
                return self._with_checks_of(other, one)
        low, above = max(
            ((one.low, one.above) for one in (self, other) if one.low is not None), default=(None, False), key=_bound
        )
        high = min((bound for bound in (self.high, other.high) if bound is not None), default=None)
        if low is not None and high is not None and (low > high or (above and low == high)):
            return None
        return self._with_checks_of(other, Number(low, high, real=self.real, above=above))

    def within(self, other: Number) -> bool:
        """Whether every number of this type is one of the other."""
        below = other.low is None or (self.low is not None and _bound((self.low, self.above)) >= _bound((other.low, other.above)))
        return below and (other.high is None or (self.high is not None and self.high <= other.high))


def _bound(bound: tuple[float | None, bool]) -> tuple[float, bool]:
    low, above = bound
    return (float("-inf") if low is None else low, above)


def _description(low: float | None, high: float | None, real: bool, above: bool) -> str:
    noun = "integer or floating point number" if real else "integer"
    if low is not None and high is not None:
        open_end = f", without {low}" if above else ""
        return f"{noun} between {low} and {high} (both inclusive){open_end}"
    if low is not None:
        return f"{noun}, meaning {'>' if above else '>='}{low}"
    if high is not None:
        return f"{noun}, meaning <={high}"
    return "signed integer or floating point number" if real else "signed integer"


def between(low: float, high: float, *, real: bool = False) -> Number:
    """Numbers from `low` to `high`, both included. Raises an error of kind `bad-declaration` where they are reversed."""
    if low > high:
        raise error(Kind.BAD_DECLARATION, f"the range from {low} to {high} is empty", hint="the lower bound comes first")
    return Number(low, high, real=real)


def _sized(bits: int, signed: bool) -> Number:
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    sign = "signed" if signed else "unsigned"
    return Number(low, high, f"{bits} bit {sign} integer; between {low} and {high} (both inclusive)")


INT = Number(None, None, "signed integer")
UINT = Number(0, None, "unsigned integer, meaning >=0", "clause")
POSITIVE = Number(1, None, "positive integer, meaning >0", "clause")
U8, U16, U32 = _sized(8, False), _sized(16, False), _sized(32, False)
S8, S16, S32 = _sized(8, True), _sized(16, True), _sized(32, True)
PORT = U16
FLOAT = Scalar("float", "floating point number", lambda value: isinstance(value, float))
NUMBER = Number(None, None, "signed integer or floating point number", "conjunction", real=True)
NON_NEGATIVE = Number(0, None, "nonnegative integer or floating point number, meaning >=0", "clause", real=True)
POSITIVE_NUMBER = Number(0, None, "positive integer or floating point number, meaning >0", "clause", real=True, above=True)
