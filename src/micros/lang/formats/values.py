"""Types of what data formats can say."""

# ruff: noqa: ARG002 - methods of types take what any type may need
from __future__ import annotations

import copy
import math
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from micros.lang.containers import AttrsOf, ListOf, is_list, is_set
from micros.lang.merging import Def, conflict, mismatch
from micros.lang.types import Scalar, Type, same

if TYPE_CHECKING:
    from micros.lang.evaluation import Evaluation
    from micros.lang.values import Loc


class DataValue(Type):
    """A value of a data format: atoms, and lists and sets of such values, checked to the bottom; sets merge by name."""

    def __init__(self, label: str, *, null: bool, finite: bool = False, top: str = "") -> None:
        super().__init__()
        self.name = label.lower()
        self.null, self.finite, self.top = null, finite, top
        self.description = f"{label} {top or 'value'}"
        self.phrase = "noun" if top else "conjunction"
        self.inner: Type = DataValue(label, null=null, finite=finite) if top else self
        self.has_empty = null or bool(top)

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        if self.top:
            return is_set(value)
        if value is None:
            return self.null
        if isinstance(value, float):
            return not self.finite or math.isfinite(value)
        return isinstance(value, str | int | PurePath) or is_list(value) or is_set(value)

    def fits(self, other: Any) -> bool:
        """Whether another type of this class says the same."""
        return (self.name, self.top) == (other.name, other.top)

    def empty(self, ev: Evaluation, loc: Loc) -> Any:
        """The value where nothing is defined."""
        return {} if self.top else None

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        values = [definition.value for definition in defs]
        if all(is_set(value) for value in values):
            return AttrsOf(self.inner).combine(ev, loc, defs)
        if all(is_list(value) for value in values):
            return ListOf(self.inner).combine(ev, loc, defs)
        if all(same(value, values[0]) for value in values):
            return values[0]
        if any(value is None for value in values):
            raise conflict(loc, defs, "is null in one definition and a value in another")
        if len({type(value) for value in values}) > 1:
            raise mismatch(loc, self, defs)
        raise conflict(loc, defs)


def _is_atom(value: Any) -> bool:
    if isinstance(value, str):
        return "\n" not in value and "\0" not in value
    return value is None or isinstance(value, bool | int | float)


JSON_VALUE = DataValue("JSON", null=True, finite=True)
YAML_VALUE = DataValue("YAML", null=True)
TOML_VALUE = DataValue("TOML", null=False)
TOML_TABLE = DataValue("TOML", null=False, top="table")
ATOM = Scalar("iniAtom", "INI atom (null, bool, int, float or string)", _is_atom, "conjunction")


def named(kind: Type, description: str) -> Type:
    """The type, called otherwise."""
    result = copy.copy(kind)
    result.description = description
    result.phrase = "noun"
    return result


def section(file: str, values: Type) -> Type:
    """The type of one section of a file."""
    return _Section(file, values)


class _Section(AttrsOf):
    """A set of values with names that may stand before an equals sign."""

    def __init__(self, file: str, values: Type) -> None:
        super().__init__(values)
        self.file = file

    @property
    def description(self) -> str:  # type: ignore[override] # as its base
        """What it is called."""
        return f"section of an {self.file} (attrs of {self.elem.description})"
