"""What values containers take apart, and what types around another type share."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from micros.lang.types import Type, phrase

if TYPE_CHECKING:
    from micros.base.where import Where
    from micros.lang.values import Loc


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
        return self._with_checks_of(other, self if elem is self.elem else self.around(elem))

    def label(self, where: Where) -> None:
        """Modules inside without a place of their own are at the option."""
        self.elem.label(where)

    def around(self, elem: Type) -> Type:
        """The same around another element type."""
        result = copy.copy(self)
        result.elem = elem
        return result

    @property
    def submodules(self) -> list[Any] | None:
        """The modules of the records inside."""
        return self.elem.submodules

    def suboptions(self, loc: Loc) -> list[tuple[Loc, Any]]:
        """Evaluations without definitions to document."""
        return self.elem.suboptions((*loc, "*"))
