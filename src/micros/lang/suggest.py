"""The error of a name that nothing declares, with the declared names that look like it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.base.errors import Kind, MicrosError, Note, Problem
from micros.base.where import Where
from micros.lang.places import place
from micros.lang.values import At, If, Loc, Order, Override, show_path, show_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from micros.lang.evaluation import Evaluation
    from micros.lang.merging import Def
    from micros.lang.places import Site
    from micros.lang.tree import Node


def distance(left: str, right: str, limit: int = 1000) -> int:
    """Insertions, deletions and substitutions between two texts (Levenshtein), or `limit` if there are more."""
    if abs(len(left) - len(right)) >= limit:
        return limit
    row = list(range(len(right) + 1))
    for line, letter in enumerate(left, 1):
        before, row[0] = row[0], line
        for column, other in enumerate(right, 1):
            before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, before + (letter != other))
        if min(row) >= limit:
            return limit
    return row[-1]


def nearest(name: str, known: Iterable[str], most: int = 3) -> list[str]:
    """Up to three known names, best first; in a crowd of a hundred only those at most two letters away."""
    names = list(known)
    limit = 1000 if len(names) < 100 else 3
    ranked = sorted((distance(name, other, limit), other) for other in names)
    return [other for apart, other in ranked if apart < limit][:most]


def unknown_option(ev: Evaluation, path: Loc, definition: Def | None) -> Problem:
    """The problem of a path that is not declared, defined or read."""
    full = ev.prefix + path
    node: Node = ev.root
    depth = 0
    for name in path:
        child = node.children.get(name)
        if child is None:
            break
        node, depth = child, depth + 1
    wrong = path[min(depth, len(path) - 1)]
    siblings = [name for name, child in node.children.items() if name != "_module" and not child.hidden]
    meant = [show_path((*ev.prefix, *node.path, name)) for name in nearest(wrong, siblings)]
    if definition is not None and not ev.prefix:
        meant += [text for text in _elsewhere(ev.root, path) if text not in meant]
    notes: tuple[Note, ...] = ()
    if definition is not None:
        try:
            text = show_value(_bare(definition.value))
        except MicrosError:
            text = "(its value cannot be computed)"
        notes = (Note(place(_innermost(definition)), f"{show_path(path[-1:])} = {text}"),)
    hint = f"did you mean {', '.join(f'`{text}`' for text in meant[:4])}?" if meant else ""
    return Problem(Kind.UNKNOWN_OPTION, f"there is no option `{show_path(full)}`", notes, hint)


def _innermost(definition: Def) -> Where | Site:
    """Where the value itself was written."""
    where, value = definition.where, definition.value
    while True:
        if type(value) is At:
            where, value = value.where, value.value
        elif isinstance(value, If | Override | Order):
            value = value.value
        elif type(value) is dict and value:
            value = next(iter(value.values()))
            if type(value) is not At or where.__class__ is not Where or where.line:
                return where
        else:
            return where


def _bare(value: object) -> object:
    while isinstance(value, If | Override | Order | At):
        value = value.value
    return value


def _elsewhere(root: Node, path: Loc) -> list[str]:
    """Options of the same name in other places."""
    found: list[str] = []
    stack = [root]
    while stack and len(found) < 2:
        node = stack.pop()
        for name, child in node.children.items():
            if child.decls and name == path[-1] and child.path != path and not child.hidden:
                found.append(show_path(child.path))
            stack.append(child)
    return found[:2] if len(path[-1]) > 6 else []
