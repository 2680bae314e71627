"""What to write instead of a value that is of the wrong type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.lang import types as kinds
from micros.lang.containers import AttrsOf, ListOf, NullOr, is_list, is_set
from micros.lang.records import Submodule
from micros.lang.suggest import is_close, nearest
from micros.lang.values import Wrapper, kind_name, show_value

if TYPE_CHECKING:
    from micros.lang.types import Type

LONGEST = 40
"""Characters of a value in a headline."""


def got(value: Any) -> str:
    """A value at the end of a headline: itself where it is short, else its sort."""
    if isinstance(value, Wrapper):
        return ", got a wrapper inside a computed value"
    shown = show_value(value, lines=1)
    if (isinstance(value, str | int | float | None) or hasattr(value, "__micros_show__")) and len(shown) <= LONGEST:
        return f", got: {shown}"
    return f", got {kind_name(value)}"


def instead(kind: Type, value: Any) -> str:
    """A hint, where something better than the type's description can be said; else nothing."""
    from micros.lang.refs import Ref

    if isinstance(value, Wrapper):
        return "wrappers stand around what is computed, in this order: when(condition, force(before(lazy(...))))"
    if isinstance(value, Ref):
        return "an option has a value only while a system is evaluated: lazy(lambda config: config[Module].option)"
    if isinstance(kind, NullOr):
        return instead(kind.elem, value)
    if isinstance(kind, ListOf) and not is_list(value) and not is_set(value) and kind.elem.valid(value):
        return f"write a list: [{show_value(value)}]"
    if isinstance(kind, kinds.Enum):
        close = [text for text in nearest(str(value), map(str, kind.values)) if is_close(str(value), text)]
        return f"did you mean {show_value(next(one for one in kind.values if str(one) == close[0]))}?" if close else ""
    if isinstance(kind, AttrsOf | Submodule) and is_list(value):
        return "write a mapping: names with values, not a list"
    if isinstance(value, str) and kind.name == "bool":
        return "write true or false without quotes (in Python True or False)"
    if isinstance(value, int) and kind.name == "bool":
        return "write true or false (in Python True or False)"
    if isinstance(value, str) and isinstance(kind, kinds.Number) and _number(value) is not None:
        return f"write {value.strip()} without quotes" if kind.valid(_number(value)) else ""
    if isinstance(value, int | float) and kind.valid(str(value)):
        return f'a text stands in quotes: "{str(value).lower() if isinstance(value, bool) else value}"'
    return ""


def _number(text: str) -> float | None:
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return None
