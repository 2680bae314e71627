"""A root file system cut into layers: one for each package or group of packages, what is left as the last.

A layer of packages holds what they bring and the system leaves as it is, with their own directories, so that its digest
depends on the packages alone and images share it. The last layer holds the rest, and says again what directories are
like where another layer says otherwise. No path is in two layers but directories, so none needs a whiteout
(OCI image specification 1.1, layer.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.base.tree import Directory, Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from micros.base.tree import Entry


def grouped(order: Sequence[str], sizes: Mapping[str, int], most: int) -> list[list[str]]:
    """Packages as groups, at most `most` (0: none), in this order: the largest alone, the others in one group at the end.

    What changes most often is small, and what is large is best shared.
    """
    if most <= 0:
        return []
    if len(order) <= most:
        return [[name] for name in order]
    alone = set(sorted(order, key=lambda name: (-sizes[name], name))[: most - 1])
    return [[name] for name in order if name in alone] + [[name for name in order if name not in alone]]


def split(whole: Tree, groups: Iterable[Sequence[Tree]]) -> list[tuple[int | None, Tree]]:
    """The layers, lowest first, each with the number of its group: one for each group that has anything of the whole, then
    the last one, of no group, which may be empty."""
    placed: dict[str, Entry] = {}
    layers: list[tuple[int | None, Tree]] = []
    for number, group in enumerate(groups):
        entries: dict[str, Entry] = {}
        for tree in group:
            for path, entry in tree.items():
                if not isinstance(entry, Directory) and path not in placed and whole.get(path) == entry:
                    entries[path] = entry
        if not entries:
            continue
        layer = Tree.of((_directories(group, whole) | entries).items())
        placed |= layer
        layers.append((number, layer))
    rest = {path: entry for path, entry in whole.items() if placed.get(path) != entry}
    above = {parent: whole[parent] for path in rest for parent in _parents(path)}
    return [*layers, (None, Tree.of((above | rest).items()))]


def _directories(group: Sequence[Tree], whole: Tree) -> dict[str, Entry]:
    """The directories that a group brings, where the whole has them."""
    found: dict[str, Entry] = {}
    plain = Directory()
    for tree in group:
        for path, entry in tree.items():
            if isinstance(entry, Directory) and isinstance(whole.get(path), Directory) and found.get(path, plain) == plain:
                found[path] = entry
    return found


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
