"""One option of one evaluation: its definitions and, once it is read, its value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Note, Problem
from micros.lang.cells import NEW, Cell
from micros.lang.merging import (
    Def,
    body_failed,
    compute,
    discharge,
    empty_or_error,
    notes_of,
    priority_of,
    surviving,
)
from micros.lang.modules import UNSET, Decl
from micros.lang.places import place
from micros.lang.purity import pure
from micros.lang.values import OPTION_DEFAULT, Deferred, Override, show_path

if TYPE_CHECKING:
    from micros.base.where import Where
    from micros.lang.evaluation import Evaluation
    from micros.lang.tree import Node, Option
    from micros.lang.types import Type


class OptionCell(Cell):
    """One option of one evaluation: its definitions and, once read, its value."""

    __slots__ = ("defs", "ev", "node")

    def __init__(self, ev: Evaluation, node: Node) -> None:
        self.loc = ev.prefix + node.path
        self.runtime = ev.runtime
        self.state = NEW
        self.value = None
        self.ev = ev
        self.node = node
        self.defs: list[Def] = ev.defs.get(node.path, [])

    @property
    def option(self) -> Option:
        """What is declared."""
        return self.node.option(self.ev.prefix)

    def candidates(self) -> list[Def]:
        """All definitions and the default."""
        option = self.option
        if option.default is UNSET:
            return self.defs
        default = Def(Override(OPTION_DEFAULT, option.default), option.default_where, self.ev)
        return [default, *self.defs]

    def surviving(self) -> list[Def]:
        """The definitions that count, in order."""
        return surviving(self.loc, self.candidates())

    def places(self) -> list[Where]:
        """Where it is defined."""
        return [place(definition.where) for definition in self.defs] or [decl.where for decl in self.node.decls]

    def compute(self) -> Any:
        """The value."""
        option = self.option
        if option.redirect is not None:
            return self._redirected(option.redirect)
        if option.read_only:
            self._once()
        found = self.surviving()
        value = option.type.merge(self.ev, self.loc, found) if found else empty_or_error(self.ev, self.loc, option.type)
        if option.apply is None:
            return value
        apply = compute(option.apply, self.ev, self.loc) if type(option.apply) is Deferred else option.apply
        try:
            return pure(apply, self.loc, value)
        except MicrosError:
            raise
        except Exception as problem:
            raise body_failed(problem, self.loc, option.default_where) from problem

    def _redirected(self, decl: Decl) -> Any:
        if decl.redirect is None:
            notes = [Note(place(definition.where), "set here") for definition in self.defs]
            raise MicrosError(Problem(Kind.REMOVED, f"`{show_path(self.loc)}` was removed", tuple(notes), decl.removed or ""))
        return self.ev.config.lookup(decl.redirect)

    def _once(self) -> None:
        found: list[Def] = []
        for definition in self.candidates():
            discharge(definition.value, definition.where, definition.env, self.loc, found)
        if len(found) > 1:
            notes = tuple(notes_of(found, self.loc))
            raise MicrosError(Problem(Kind.READ_ONLY, f"`{show_path(self.loc)}` is read-only and set several times", notes))

    def __str__(self) -> str:
        return show_path(self.loc)

    # what `options` shows
    @property
    def is_defined(self) -> bool:
        """Whether a definition or a default counts; runs no deferred value."""
        return bool(self.surviving())

    @property
    def priority(self) -> int:
        """The winning priority, 9999 where there is no definition."""
        return priority_of(self.surviving())

    @property
    def type(self) -> Type:
        """The type all declarations agree on."""
        return self.option.type

    @property
    def declarations(self) -> list[Where]:
        """Where it is declared, later modules first."""
        return [decl.where for decl in reversed(self.node.decls)]
