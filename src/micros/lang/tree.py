"""The tree of declared options, shared by all evaluations of the same modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Note, Problem, error
from micros.lang.containers import UNSPECIFIED
from micros.lang.modules import UNKNOWN, UNSET, Decl, Spec
from micros.lang.places import place
from micros.lang.values import Loc, show_path

if TYPE_CHECKING:
    from micros.base.where import Where
    from micros.lang.places import Site
    from micros.lang.types import Type


class Node:
    """A place in the tree: an inner one with children, or an option with its declarations."""

    __slots__ = ("below", "children", "decls", "merged", "path")

    def __init__(self, path: Loc) -> None:
        self.path = path
        self.children: dict[str, Node] = {}
        self.decls: list[Decl] = []
        self.below: list[tuple[Where | Site, dict[str, Any]]] = []
        self.merged: Option | MicrosError | None = None

    @property
    def hidden(self) -> bool:
        """Whether it only leads elsewhere: another name of an option, a removed one, or a tree of such."""
        if self.decls:
            return self.decls[0].silent or self.decls[0].removed is not None
        return bool(self.children) and all(child.hidden for child in self.children.values())

    @property
    def told(self) -> bool:
        """Whether users hear of it: not another name, and not an option between modules."""
        return not self.hidden and not any(decl.internal for decl in self.decls)

    def option(self, prefix: Loc) -> Option:
        """All declarations as one. Raises an error of kind `bad-declaration` where they do not fit."""
        merged = self.merged
        if merged is None:
            try:
                merged = Option(self, prefix + self.path)
            except MicrosError as problem:
                merged = problem
            self.merged = merged
        if isinstance(merged, MicrosError):
            raise merged
        return merged


class Option:
    """What the declarations of one option say together."""

    __slots__ = ("apply", "default", "default_where", "node", "read_only", "redirect", "type")

    def __init__(self, node: Node, loc: Loc) -> None:
        self.node = node
        self.type: Type = UNSPECIFIED
        self.default: Any = UNSET
        self.default_where = node.decls[0].where
        self.apply: Any = None
        self.read_only = False
        self.redirect: Decl | None = None
        seen: set[str] = set()
        for decl in node.decls:
            if decl.redirect is not None or decl.removed is not None:
                self.redirect = decl
            for name in ("default", "example", "description", "apply"):
                value = getattr(decl, name)
                if value is not UNSET and value is not None:
                    if name in seen:
                        raise _twice(loc, node, f"both give its {name}")
                    seen.add(name)
            if decl.default is not UNSET:
                self.default = decl.default
            self.apply = decl.apply or self.apply
            self.read_only = bool(decl.read_only) or self.read_only
        self.type = _united(loc, node)

    def get(self, name: str, otherwise: Any) -> Any:
        """An attribute that at most one declaration gives."""
        for decl in self.node.decls:
            value = getattr(decl, name)
            if value is not UNSET and value is not None:
                return value
        return otherwise


def _united(loc: Loc, node: Node) -> Type:
    united: Type | None = None
    for decl in node.decls:
        if decl.type is None:
            continue
        if united is None:
            united = decl.type
            continue
        both = united.unite(decl.type)
        if both is None:
            raise _twice(loc, node, f"as {united.description} and as {decl.type.description}")
        united = both
    if node.below:
        extend = getattr(united, "with_modules", None)
        if united is None or extend is None:
            notes = [Note(at, show_path(loc + path)) for where, tree in node.below for path, at in _leaves(tree, where)]
            kind = united.description if united is not None else "no type"
            raise MicrosError(
                Problem(
                    Kind.BAD_DECLARATION,
                    f"`{show_path(loc)}` is an option ({kind}) and cannot have options below it",
                    (Note(node.decls[0].where), *notes),
                    "only an option whose type is a record can be extended",
                )
            )
        return extend([Spec(file=where, options=tree) for where, tree in node.below])  # type: ignore[no-any-return]
    return united or UNSPECIFIED


def _leaves(tree: dict[str, Any], where: Where | Site, path: Loc = ()) -> list[tuple[Loc, Where]]:
    """The options of a tree, each with the place of its declaration."""
    found: list[tuple[Loc, Where]] = []
    for name, item in tree.items():
        if isinstance(item, Decl):
            found.append(((*path, name), place(where) if item.where == UNKNOWN else item.where))
        else:
            found += _leaves(item, where, (*path, name))
    return found


def _twice(loc: Loc, node: Node, why: str) -> MicrosError:
    notes = tuple(Note(decl.where, "declared here") for decl in node.decls)
    return MicrosError(Problem(Kind.BAD_DECLARATION, f"`{show_path(loc)}` is declared several times: {why}", notes))


def declare(root: Node, tree: dict[str, Any], where: Where | Site, prefix: Loc) -> None:
    """Add a module's declarations. Raises an error of kind `bad-declaration` for what is no option."""
    _declare(root, tree, where, prefix)


def _declare(node: Node, tree: Any, where: Where | Site, prefix: Loc) -> None:
    if isinstance(tree, Decl):
        if node.children:
            node.below += _as_trees(node, len(node.path))
            node.children = {}
        if tree.where == UNKNOWN:
            tree.where = place(where)
        if tree.type is not None:
            tree.type.label(tree.where)
        node.decls.append(tree)
        return
    if not isinstance(tree, dict) or "_type" in tree:
        raise bare(prefix + node.path, tree, where)
    if node.decls:
        node.below.append((where, tree))
        return
    children = node.children
    for name, item in tree.items():
        child = children.get(name)
        if child is None:
            child = children[name] = Node((*node.path, name))
        _declare(child, item, where, prefix)


def _as_trees(node: Node, depth: int) -> list[tuple[Where | Site, dict[str, Any]]]:
    """The declarations below a node, each as a tree of its own with its place."""
    found: list[tuple[Where | Site, dict[str, Any]]] = []
    for child in node.children.values():
        for decl in child.decls:
            tree: Any = decl
            for name in reversed(child.path[depth:]):
                tree = {name: tree}
            found.append((decl.where, tree))
        found += _as_trees(child, depth)
        for where, below in child.below:
            for name in reversed(child.path[depth:]):
                below = {name: below}
            found.append((where, below))
    return found


def bare(loc: Loc, found: Any, where: Where | Site) -> MicrosError:
    """A type, or another value, where an option is expected."""
    what = getattr(found, "description", None) or type(found).__name__
    return error(
        Kind.BAD_DECLARATION,
        f"`{show_path(loc)}` is declared with a bare {what}",
        at=place(where),
        hint=f"write {loc[-1] if loc else 'name'} = option of that type",
    )
