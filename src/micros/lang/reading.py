"""Reading from outside: by path, and everything at once with every problem reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from micros.base.errors import MicrosError, Problem
from micros.lang.containers import AttrCell, Attrs

if TYPE_CHECKING:
    from micros.lang.evaluation import Evaluation
    from micros.lang.values import Loc


def read(ev: Evaluation, path: Loc) -> Any:
    """The value at a path. A mapping that is read through is computed as a whole, unless its type is a lazy one."""
    value: Any = ev.config
    for index, name in enumerate(path):
        if isinstance(value, Attrs) and not value.lazy:
            for other in value:
                value[other]
        try:
            value = value[int(name.removeprefix("#"))] if isinstance(value, list) else value[name]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ev.unknown(path[: index + 1]) from None
    return value


def plain(value: Any) -> Any:
    """A value with everything inside it computed, as dicts and lists."""
    kind = type(value)
    if kind is str or kind is int or kind is bool:
        return value
    if kind is list or kind is tuple:
        return [plain(item) for item in value]
    if isinstance(value, AttrCell):
        return plain(value.read())
    if isinstance(value, Mapping):
        return {name: plain(value[name]) for name in value}
    return value


def problems_in(value: Any) -> list[Problem]:
    """Everything that is wrong at and below a value."""
    found: dict[tuple[str, str], Problem] = {}
    _collect(value, found)
    return list(found.values())


def _collect(value: Any, found: dict[tuple[str, str], Problem]) -> None:
    if isinstance(value, Mapping):
        try:
            names = list(value)
        except MicrosError as problem:
            _keep(problem, found)
            return
        for name in names:
            try:
                inner = value[name]
            except MicrosError as problem:
                _keep(problem, found)
            else:
                _collect(inner, found)
    elif isinstance(value, list | tuple):
        for item in value:
            _collect(item, found)


def _keep(problem: MicrosError, found: dict[tuple[str, str], Problem]) -> None:
    for one in problem.problems:
        found.setdefault((one.kind, one.message), one)
