"""The error of a name that nothing declares, with the declared names that were probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Note, Problem
from micros.lang.places import place, reading_line
from micros.lang.values import At, If, Loc, Order, Override, show_path, show_value, snake

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from micros.base.where import Where
    from micros.lang.evaluation import Evaluation
    from micros.lang.merging import Def
    from micros.lang.places import Site
    from micros.lang.tree import Node

MOST = 3
"""Names that are suggested at most."""


def distance(left: str, right: str, limit: int = 1000) -> int:
    """Insertions, deletions, substitutions and swaps of neighbours between two texts, or `limit` if there are more.

    The optimal string alignment distance (Damerau 1964, restricted).
    """
    if abs(len(left) - len(right)) >= limit:
        return limit
    before: list[int] = []
    row = list(range(len(right) + 1))
    for line, letter in enumerate(left, 1):
        above, before = before, row
        row = [line]
        for column, other in enumerate(right, 1):
            steps = min(before[column] + 1, row[column - 1] + 1, before[column - 1] + (letter != other))
            if line > 1 and column > 1 and letter == right[column - 2] and left[line - 2] == other:
                steps = min(steps, above[column - 2] + 1)
            row.append(steps)
        if min(row) >= limit:
            return limit
    return min(row[-1], limit)


def _apart(name: str, known: str) -> int:
    """How far two names are apart; spelling does not count."""
    return distance(_bare(name), _bare(known))


def _bare(name: str) -> str:
    return snake(name).replace("_", "")


def is_close(name: str, known: str) -> bool:
    """Whether one is likely a slip for the other: one letter in three may differ."""
    return _apart(name, known) <= max(1, min(len(name), len(known)) // 3)


def nearest(name: str, known: Iterable[str], most: int = MOST) -> list[str]:
    """Up to three known names, best first; in a crowd of a hundred only those at most two letters away."""
    names = list(known)
    limit = 1000 if len(names) < 100 else 3
    ranked = sorted((_apart(name, other), other) for other in names)
    return [other for apart, other in ranked if apart < limit][:most]


def did_you_mean(likely: Iterable[str], others: Iterable[str] = ()) -> str:
    """A hint from names that were probably meant, and others that there are."""
    meant = [f"`{text}`" for text in dict.fromkeys(likely)]
    rest = [text for text in (f"`{text}`" for text in dict.fromkeys(others)) if text not in meant]
    hint = f"did you mean {' or '.join(meant)}?" if meant else ""
    if rest:
        verb = "is" if len(rest) == 1 else "are"
        hint += f" There {verb} also {', '.join(rest)}" if meant else f"there {verb} {', '.join(rest)}"
    return hint


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
    depth = min(depth, len(path) - 1)
    tail, where, value = _leaf(definition) if definition is not None else ((), reading_line(), None)
    wanted = path[depth:] + tail
    siblings = {name: child for name, child in node.children.items() if name != "_module" and child.told}
    near = nearest(wanted[0], siblings)
    likely = [_corrected(siblings[name], wanted[1:]) for name in near if is_close(wanted[0], name)]
    elsewhere = _elsewhere(ev.root, path[:depth], wanted)
    likely += elsewhere
    others = [siblings[name].path for name in near if not elsewhere and not is_close(wanted[0], name)]
    shown = [[show_path(ev.prefix + one) for one in found] for found in (likely, others)]
    notes: tuple[Note, ...] = ()
    if definition is not None:
        assert where is not None
        notes = (Note(place(where), f"{show_path(path[-1:] + tail)} = {_shown(value)}"),)
    elif where is not None:
        notes = (Note(place(where), "read here"),)
    return Problem(Kind.UNKNOWN_OPTION, f"there is no option `{show_path(full)}`", notes, did_you_mean(*shown))


def _shown(value: Any) -> str:
    try:
        return show_value(value)
    except MicrosError:
        return "(its value cannot be computed)"


def _leaf(definition: Def) -> tuple[Loc, Where | Site, Any]:
    """What a definition sets: the path below its own, the place where that was written, and the value."""
    tail: Loc = ()
    where, value = definition.where, definition.value
    while True:
        if type(value) is At:
            where, value = value.where, value.value
        elif isinstance(value, If | Override | Order):
            value = value.value
        elif type(value) is dict and len(value) == 1:
            ((name, value),) = value.items()
            tail = (*tail, name)
        else:
            return tail, where, value


def _corrected(node: Node, rest: Loc) -> Loc:
    """The path of a node, and as much of the rest below it as is declared or nearly is, or lies within an option."""
    for index, name in enumerate(rest):
        if node.decls:
            return node.path + rest[index:]
        found = [other for other in nearest(name, node.children, 1) if is_close(name, other)]
        if not found:
            break
        node = node.children[found[0]]
    return node.path


def _elsewhere(root: Node, above: Loc, wanted: Loc) -> list[Loc]:
    """Places in the tree that end like the path that was meant: `services.getty.enable` for `getty.enable`."""
    for start in range(len(wanted)):
        ending = [_bare(name) for name in wanted[start:]]
        if len(ending) == 1 and len(ending[0]) <= 6:
            break  # short names are everywhere
        ends = (node.path for node in _nodes(root) if [_bare(name) for name in node.path[-len(ending) :]] == ending)
        found = [path for path in ends if path != above + wanted]
        if found:
            return found[:2]
    return []


def _nodes(node: Node) -> Iterator[Node]:
    for child in node.children.values():
        if child.told:
            yield child
            yield from _nodes(child)
