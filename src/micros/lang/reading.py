"""Reading from outside: by path, and everything at once with every problem reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from micros.base.errors import MicrosError, Problem
from micros.lang.containers import AttrCell, Attrs
from micros.lang.merging import surviving

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
                for one in _beside(value, name):
                    found.setdefault((one.kind, one.message), one)
            else:
                _collect(inner, found)
    elif isinstance(value, list | tuple):
        for item in value:
            _collect(item, found)


def _beside(values: Mapping[str, Any], name: str) -> list[Problem]:
    """Problems of the options of a record that failed because of undeclared ones."""
    from micros.lang.hooks import sound_rest
    from micros.lang.records import Submodule

    entry = values.values_by_name.get(name) if isinstance(values, Attrs) else None
    if not isinstance(entry, AttrCell) or not isinstance(entry.elem, Submodule):
        return []
    record: Evaluation | None = None
    try:
        defs = entry.elem.forced(entry.loc, surviving(entry.loc, entry.defs))
        record = entry.elem.evaluation(entry.ev, entry.loc, defs)
        record.ready()
    except MicrosError:
        return sound_rest(record) if record is not None else []
    return []


def _keep(problem: MicrosError, found: dict[tuple[str, str], Problem]) -> None:
    for one in problem.problems:
        found.setdefault((one.kind, one.message), one)
