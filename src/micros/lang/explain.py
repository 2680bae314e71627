"""Why an option has its value: definitions that won and lost with their places, what it reads, and what reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from micros.base.errors import MicrosError
from micros.lang.containers import AttrCell, Attrs
from micros.lang.evaluation import OptionCell, View
from micros.lang.merging import Def, discharge, force, holds
from micros.lang.places import place, portable
from micros.lang.reading import plain
from micros.lang.spelling import spelled, spelled_value
from micros.lang.trace import traced
from micros.lang.values import At, Deferred, If, Loc, Merge, Order, Override, parse_path, show_path, snake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from micros.lang.evaluation import Evaluation
    from micros.lang.trace import Read


@dataclass(frozen=True, slots=True)
class _Target:
    """What is explained: an option, or an entry of one."""

    cell: OptionCell | AttrCell
    option: OptionCell
    """The option itself, or the one that holds the entry."""

    def candidates(self) -> list[Def]:
        """All its definitions, conditions resolved."""
        found: list[Def] = []
        every = self.cell.candidates() if isinstance(self.cell, OptionCell) else self.cell.defs
        for one in every:
            discharge(one.value, one.where, one.env, self.cell.loc, found)
        return found

    def dropped(self) -> list[Def]:
        """The definitions whose condition does not hold."""
        found: list[Def] = []
        for one in self.cell.defs:
            _unheld(one.value, one, self.cell.loc, found)
        return found


def _unheld(value: Any, one: Def, loc: Loc, into: list[Def]) -> None:
    """Collect what stands under a false condition."""
    while isinstance(value, At | If):
        if isinstance(value, At):
            one = Def(value.value, value.where, one.env)
        elif not holds(value.condition, one.env, loc, one.where):
            into.append(Def(value.value, one.where, one.env))
            return
        value = value.value
    if isinstance(value, Merge):
        for item in value.values:
            _unheld(item, one, loc, into)


def explain(ev: Evaluation, path: str | Loc) -> dict[str, Any]:
    """How an option, or an entry below one, came to its value, as data that can be written as JSON.

    Keys: option, type, description, declarations, value (or error); definitions, the winning ones first: where, priority
    (100 for a plain one, 1500 for the default; None where a condition does not hold), value, and whether it won; reads and
    read_by: option and where of every read by and of this option. Everything is evaluated, to know all reads.

    Raises an error of kind `unknown-option`.
    """
    parts = parse_path(path) if isinstance(path, str) else path
    whole = traced(ev)
    whole.ready()
    target = _found(whole, parts)
    reads = list(whole.reads)  # before definitions are shown, which reads too
    loc = target.cell.loc
    found = target.candidates()
    best = min((one.priority for one in found), default=0)
    record: dict[str, Any] = {
        "option": show_path(loc),
        "type": spelled(target.cell.elem if isinstance(target.cell, AttrCell) else target.cell.type),
        "description": target.option.option.get("description", ""),
        "declarations": [portable(where) for where in target.option.declarations],
        "definitions": [
            *(_definition(one, best, loc) for one in sorted(found, key=lambda one: one.priority)),
            *({**_definition(one, -1, loc), "priority": None} for one in target.dropped()),
        ],
    }
    try:
        record["value"] = spelled_value(plain(target.cell.read()))
    except MicrosError as problem:
        record["error"] = str(problem)
    record["reads"] = _edges((one.option, one) for one in reads if _inside(one.reader, loc) and not _inside(one.option, loc))
    exact = [one for one in reads if _inside(one.option, loc) and not _inside(one.reader, loc)]
    # An entry of a mapping is read with the whole of it.
    record["read_by"] = _edges((one.reader, one) for one in exact or (one for one in reads if _inside(loc, one.option)))
    return record


def _found(ev: Evaluation, parts: Loc) -> _Target:
    """The option or entry at a path; the way may lead through records and mappings."""
    view: Any = ev.config
    option: OptionCell | None = None
    cell: OptionCell | AttrCell | None = None
    for index, name in enumerate(parts):
        if isinstance(view, View):
            node = view._node.children.get(name) or view._node.children.get(snake(name))
            if node is None:
                raise view._ev.unknown(view._node.path + parts[index:])
            if not node.decls:
                view = View(view._ev, node)
                continue
            if node.decls[0].redirect is not None:
                return _found(ev, view._ev.prefix + node.decls[0].redirect + parts[index + 1 :])
            cell = option = view._ev.cell(node)
        elif isinstance(view, Attrs) and name in view and option is not None:
            cell = _entry(view, option, name)
        else:
            raise ev.unknown(parts[: index + 1])
        view = cell.read() if index + 1 < len(parts) else None
    if cell is None or option is None or view is not None:
        raise ev.unknown((*parts, "*"))
    return _Target(cell, option)


def _entry(values: Attrs, option: OptionCell, name: str) -> AttrCell:
    """One entry of a mapping; one that is written without wrappers has its definitions in the option's."""
    entry = values.values_by_name[name]
    if isinstance(entry, AttrCell):
        return entry
    defs = [Def(one.value[name], one.where, one.env) for one in option.surviving() if _holds(one.value, name)]
    return AttrCell(option.ev, (*option.loc, name), getattr(option.type, "elem", option.type), defs)


def _holds(value: Any, name: str) -> bool:
    return isinstance(value, Mapping) and name in value


def _definition(one: Def, best: int, loc: Loc) -> dict[str, Any]:
    wins = one.priority == best
    inner = one.value
    while isinstance(inner, At | Order | Override):
        inner = inner.value
    one = Def(inner, one.where, one.env, one.priority)
    try:
        # What lost need not be computable, so it is not computed.
        value = force(one, loc) if wins else one.value
        given = getattr(value, "__micros_value__", None)
        shown = "computed" if isinstance(value, Deferred) else spelled_value(given() if given is not None else value)
    except MicrosError:
        shown = "an error"
    return {"where": portable(place(one.where)), "priority": one.priority, "value": shown, "wins": wins}


def _inside(loc: Loc, outer: Loc) -> bool:
    return loc[: len(outer)] == outer


def _edges(found: Any) -> list[dict[str, Any]]:
    """Reads as records, each once; what only conditions read has no line."""
    edges: dict[tuple[str, str | None], None] = {}
    for loc, read in found:
        edges[_name(loc, read), portable(read.where) if read.where is not None else None] = None
    lines = {name for name, where in edges if where is not None}
    return [{"option": name, "where": where} for name, where in edges if where is not None or name not in lines]


def _name(loc: Sequence[str], read: Read) -> str:
    return show_path(tuple(loc)) if loc or read.where is None else "a check"
