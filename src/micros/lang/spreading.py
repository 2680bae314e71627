"""Definitions find their options: sets are taken apart along the declared tree, wrappers pushed down to each option."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Note, Problem, error
from micros.lang.arguments import own_node
from micros.lang.merging import Def, compute, force, merge_definitions, notes_of, surviving
from micros.lang.modules import Decl
from micros.lang.places import place
from micros.lang.renames import Optional
from micros.lang.types import BOOL
from micros.lang.values import At, Deferred, If, Loc, Merge, Order, Override, kind_name, show_path, show_value, snake

if TYPE_CHECKING:
    from micros.base.where import Where
    from micros.lang.evaluation import Evaluation
    from micros.lang.places import Site
    from micros.lang.tree import Node
    from micros.lang.types import Type

Wraps = tuple[tuple[Any, Any], ...]
"""What is to be wrapped around a value, outermost first: a wrapper class and its argument."""

_UNKNOWN_SHOWN = 50
"""Unknown names reported one by one, each with what it looks like; the others are counted."""


class Spreading:
    """The definitions of one evaluation on their way to its options."""

    def __init__(self, ev: Evaluation) -> None:
        self.ev = ev
        self.undeclared: list[tuple[Loc, Def]] = []
        self.problems: list[Problem] = []
        self._freeform_type: Type | None = None
        self._freeform_known = False

    def spread(self, node: Node, value: Any, where: Where | Site, env: Evaluation, wraps: Wraps = ()) -> None:
        """Hand a value to the options at and below a node."""
        if node.decls:
            self._define(node, value, where, env, wraps)
            return
        kind = type(value)
        if kind is dict:
            self._spread_set(node, value, where, env, wraps)
        elif kind is Merge:
            for item in value.values:
                self.spread(node, item, where, env, wraps)
        elif kind is If:
            self.spread(node, value.value, where, env, (*wraps, (If, value.condition)))
        elif kind is Override:
            self.spread(node, value.value, where, env, (*wraps, (Override, value.priority)))
        elif kind is Order:
            self.spread(node, value.value, where, env, (*wraps, (Order, value.order)))
        elif kind is At:
            self.spread(node, value.value, value.where, env, wraps)
        elif kind is Deferred:
            self.spread(node, compute(value, env, self.ev.prefix + node.path, where), where, env, wraps)
        elif hasattr(value, "__micros_value__"):
            self.spread(node, value.__micros_value__(), where, env, wraps)
        elif isinstance(value, Mapping):
            self._spread_set(node, value, where, env, wraps)
        elif isinstance(value, Decl):
            self._misplaced(node.path, where)
        else:
            from micros.lang.suggest import did_you_mean

            inner = [child for child in node.children.values() if child.told]
            self.problems.append(
                Problem(
                    Kind.WRONG_TYPE,
                    f"`{show_path(self.ev.prefix + node.path)}` holds options, but is set to {kind_name(value)}",
                    (Note(place(where), show_value(value)),),
                    did_you_mean((), [show_path(self.ev.prefix + child.path) for child in inner[:5]]),
                )
            )

    def _spread_set(self, node: Node, value: Any, where: Where | Site, env: Evaluation, wraps: Wraps) -> None:
        children = node.children
        for name, item in value.items():
            child = children.get(name)
            if child is None:
                child = children.get(snake(name))
            if child is not None:
                if child.decls and not wraps:
                    self._define(child, item, where, env, wraps)
                else:
                    self.spread(child, item, where, env, wraps)
            elif isinstance(item, Decl):
                self._misplaced((*node.path, name), where)
            elif name == "_module" and not node.path:
                self.spread(own_node(), item, where, env, wraps)
            elif type(item) is not Optional:
                definition = Def(wrapped(item, wraps), where, env)
                self.undeclared.append(((*node.path, name), definition))

    def _define(self, node: Node, value: Any, where: Where | Site, env: Evaluation, wraps: Wraps) -> None:
        if node.decls[0].entries:
            value, led = without_entries(value, node.decls[0].entries)
            for path, part in led:
                for name in reversed(path):
                    part = {name: part}
                self.spread(self.ev.root, part, where, env, wraps)
        definition = Def(wrapped(value, wraps) if wraps else value, where, env)
        defs = self.ev.defs
        found = defs.get(node.path)
        if found is None:
            defs[node.path] = [definition]
        else:
            found.append(definition)
        decl = node.decls[0]
        if decl.redirect is not None:
            self._redirect(decl, definition, value, wraps)

    def _redirect(self, decl: Decl, definition: Def, value: Any, wraps: Wraps) -> None:
        """The definitions of an old name are definitions of the new one."""
        assert decl.redirect is not None
        if decl.convert is not None:
            value = converted(value, decl.convert)
        if decl.condition is not True:
            wraps = ((If, decl.condition), *wraps)
        node = self.ev.root
        for index, name in enumerate(decl.redirect):
            if node.decls:
                for part in reversed(decl.redirect[index:]):
                    value = {part: value}
                break
            child = node.children.get(name)
            if child is None:
                self.undeclared.append((decl.redirect, definition))
                return
            node = child
        self.spread(node, value, definition.where, definition.env, wraps)

    def _misplaced(self, path: Loc, where: Where | Site) -> None:
        self.problems.append(
            error(
                Kind.BAD_DECLARATION,
                f"`{show_path(self.ev.prefix + path)}` is an option declaration among the definitions",
                at=place(where),
                hint="declare it under `options`, not under `config`",
            ).problems[0]
        )

    # undeclared definitions
    @property
    def has_freeform(self) -> bool:
        """Whether undeclared definitions are welcome."""
        return self.freeform_type() is not None

    def special_defs(self, name: str) -> list[Def]:
        """The definitions of one of the evaluation's own options."""
        return self.ev.defs.get(("_module", name), [])

    def freeform_type(self) -> Type | None:
        """The type of undeclared definitions, all of several united."""
        if not self._freeform_known:
            self._freeform_known = True
            kinds = [met.spec.freeform for met in self.ev.members if met.spec.freeform is not None]
            loc = (*self.ev.prefix, "_module", "freeformType")
            kinds += [force(found, loc) for found in surviving(loc, self.special_defs("freeformType"))]
            for kind in kinds:
                united = kind if self._freeform_type is None else self._freeform_type.unite(kind)
                if united is None:
                    raise error(Kind.BAD_DECLARATION, f"freeform types of `{show_path(self.ev.prefix)}` do not fit")
                self._freeform_type = united
        return self._freeform_type

    def freeform_value(self) -> Any:
        """All undeclared definitions, merged by the freeform type."""
        kind = self.freeform_type()
        assert kind is not None
        defs = []
        for path, definition in self.undeclared:
            value = definition.value
            for name in reversed(path):
                value = {name: value}
            defs.append(Def(value, definition.where, definition.env))
        return merge_definitions(self.ev, self.ev.prefix, kind, defs) if defs else {}

    def verify(self) -> None:
        """Raise every definition that has no declaration, and every other problem met on the way."""
        problems = list(self.problems)
        given = self.special_defs("specialArgs")
        if given:
            loc = (*self.ev.prefix, "_module", "specialArgs")
            problems.append(Problem(Kind.READ_ONLY, f"`{show_path(loc)}` is read-only", tuple(notes_of(given, loc))))
        if self.undeclared and self.ev.checked and not self.has_freeform and self._check_wanted():
            from micros.lang.suggest import unknown_option

            problems += [unknown_option(self.ev, path, definition) for path, definition in self.undeclared[:_UNKNOWN_SHOWN]]
            if (more := len(self.undeclared) - _UNKNOWN_SHOWN) > 0:
                problems.append(Problem(Kind.UNKNOWN_OPTION, f"{more} more names are no options either"))
        if problems:
            raise MicrosError(*problems)

    def _check_wanted(self) -> bool:
        found = self.special_defs("check")
        if not found:
            return True
        return bool(merge_definitions(self.ev, (*self.ev.prefix, "_module", "check"), BOOL, found))


def without_entries(value: Any, entries: Mapping[str, Loc]) -> tuple[Any, list[tuple[Loc, Any]]]:
    """A mapping without the entries that lead elsewhere, and those, each with its wrappers and where it leads."""
    kind = type(value)
    if kind is dict:
        led = [(entries[name], item) for name, item in value.items() if name in entries]
        return ({name: item for name, item in value.items() if name not in entries} if led else value), led
    if kind is Merge:
        parts = [without_entries(item, entries) for item in value.values]
        return Merge([rest for rest, _ in parts]), [one for _, led in parts for one in led]
    if kind in (At, If, Override, Order):
        argument = getattr(value, {At: "where", If: "condition", Override: "priority", Order: "order"}[kind])
        rest, led = without_entries(value.value, entries)
        return kind(argument, rest), [(path, kind(argument, item)) for path, item in led]
    return value, []


def wrapped(value: Any, wraps: Wraps) -> Any:
    """The value inside its wrappers again."""
    for wrapper, argument in reversed(wraps):
        value = wrapper(argument, value)
    return value


def converted(value: Any, function: Any) -> Any:
    """A definition with a function applied to what is inside its wrappers."""
    kind = type(value)
    if kind is Merge:
        return Merge([converted(item, function) for item in value.values])
    if kind is If:
        return If(value.condition, converted(value.value, function))
    if kind is Override:
        return Override(value.priority, converted(value.value, function))
    if kind is Order:
        return Order(value.order, converted(value.value, function))
    if kind is At:
        return At(value.where, converted(value.value, function))
    if kind is Deferred:
        return Deferred(lambda env: function(value.run(env)))
    return function(value)
