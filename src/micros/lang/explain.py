"""Why an option has its value: the definitions that won, those that lost, and where each was written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.errors import MicrosError
from micros.lang.merging import Def, discharge
from micros.lang.places import place
from micros.lang.reading import plain
from micros.lang.values import parse_path, show_path, show_value

if TYPE_CHECKING:
    from micros.lang.evaluation import Evaluation


def explain(ev: Evaluation, path: str) -> dict[str, Any]:
    """How an option came to its value, as data that can be written as JSON.

    Keys: option, type, description, declarations, value (or error), and definitions: where, priority (100 for a plain one,
    1500 for the default), value, and whether it won. Raises an error of kind `unknown-option`.
    """
    ev.ready()
    node = ev.root
    for name in parse_path(path):
        child = node.children.get(name)
        if child is None:
            raise ev.unknown(parse_path(path))
        node = child
    if not node.decls:
        raise ev.unknown((*node.path, "*"))
    if node.decls[0].redirect is not None:
        return explain(ev, show_path(node.decls[0].redirect))
    cell = ev.cell(node)
    found: list[Def] = []
    for definition in cell.candidates():
        discharge(definition.value, definition.where, definition.env, cell.loc, found)
    best = min((one.priority for one in found), default=0)
    record: dict[str, Any] = {
        "option": show_path(cell.loc),
        "type": cell.type.description,
        "description": cell.option.get("description", ""),
        "declarations": [str(where) for where in cell.declarations],
        "definitions": [
            {
                "where": str(place(one.where)),
                "priority": one.priority,
                "value": show_value(given() if (given := getattr(one.value, "__micros_value__", None)) else one.value),
                "wins": one.priority == best,
            }
            for one in sorted(found, key=lambda one: one.priority)
        ],
    }
    try:
        record["value"] = show_value(plain(cell.read()), lines=1000)
    except MicrosError as problem:
        record["error"] = str(problem)
    return record
