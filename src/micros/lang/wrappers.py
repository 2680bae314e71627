"""Wrappers as users write them, each of the type of what it wraps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from micros.lang.bodies import argument_of, condition_of
from micros.lang.values import AFTER, BEFORE, DEFAULT, FORCE, Deferred, If, Merge, Order, Override

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def override(priority: int, value: T) -> T:
    """A definition of this priority; lower numbers win, 100 where nothing is said."""
    return Override(priority, value)  # type: ignore[return-value] # a wrapper has the type of what it wraps


def force(value: T) -> T:
    """A definition that wins over plain ones (priority 50)."""
    return override(FORCE, value)


def default(value: T) -> T:
    """A definition that gives way to plain ones (priority 1000)."""
    return override(DEFAULT, value)


def order(number: int, value: T) -> T:
    """A definition with a place among the others: ascending, 1000 where nothing is said."""
    return Order(number, value)  # type: ignore[return-value] # a wrapper has the type of what it wraps


def before(value: T) -> T:
    """A definition that comes before the others (order 500)."""
    return order(BEFORE, value)


def after(value: T) -> T:
    """A definition that comes after the others (order 1500)."""
    return order(AFTER, value)


def when(condition: Any, value: T) -> T:
    """A definition that counts only where a condition holds: a bool, a bool option, or `lazy(...)`."""
    return If(condition_of(condition), value)  # type: ignore[return-value] # a wrapper has the type of what it wraps


def merge(*values: T) -> T:
    """Several definitions in one place."""
    return Merge(list(values))  # type: ignore[return-value] # a wrapper has the type of what it wraps


def lazy(function: Callable[[Any], T]) -> T:
    """A value computed when it is read, from the configuration; as a record's default, from the record itself."""
    return Deferred(lambda ev: function(argument_of(ev)))  # type: ignore[return-value] # as every wrapper
