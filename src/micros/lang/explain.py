"""Why an option has its value: definitions that won and lost with their places, what it reads, and what reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.errors import MicrosError
from micros.lang.containers import AttrCell
from micros.lang.finding import found_at
from micros.lang.merging import Def, force
from micros.lang.places import place, portable
from micros.lang.reading import plain
from micros.lang.spelling import spelled, spelled_value
from micros.lang.trace import traced
from micros.lang.values import At, Deferred, Loc, Order, Override, parse_path, show_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from micros.lang.evaluation import Evaluation
    from micros.lang.trace import Read


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
    target = found_at(whole, parts)
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
