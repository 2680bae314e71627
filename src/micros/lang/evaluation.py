"""Evaluation of modules: options that are computed when they are read, once each.

Reading one option runs only its own definitions; the check for undeclared definitions comes before any reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, overload

from micros.base.errors import Kind, MicrosError, Note, Problem, error
from micros.lang import modules as records
from micros.lang.arguments import own_node
from micros.lang.cells import DONE, FAILED, NEW, RUNNING, Cell, Runtime
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
from micros.lang.modules import UNSET, Decl, Met, Spec
from micros.lang.places import place
from micros.lang.purity import pure
from micros.lang.spreading import Spreading
from micros.lang.tree import Node, Option, declare
from micros.lang.values import OPTION_DEFAULT, Deferred, Loc, Override, parse_path, show_path, snake

if TYPE_CHECKING:
    from micros.base.where import Where
    from micros.lang.types import Type

M = TypeVar("M")

FREEING = 4
"""The state of an evaluation while its undeclared options are found, beside those of a cell."""


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


class View(Mapping[str, Any]):
    """Values below a path, by attribute (`config.services.sshd`), by key, or by dotted path (`get`)."""

    __slots__ = ("_ev", "_node")

    def __init__(self, ev: Evaluation, node: Node) -> None:
        self._ev = ev
        self._node = node

    @overload
    def __getitem__(self, name: str) -> Any: ...
    @overload
    def __getitem__(self, name: type[M]) -> M: ...
    def __getitem__(self, name: Any) -> Any:
        if isinstance(name, type):
            from micros.lang.surface import reader

            return reader(name, self._ev)
        return self._ev.child(self._node, name)

    def get(self, path: str, default: Any = None) -> Any:  # noqa: ARG002 # the mapping's signature
        """The value at a dotted path; raises an error of kind `unknown-option` where nothing is declared."""
        return self.lookup(parse_path(path))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self._ev.child(self._node, name)
        except KeyError:
            raise self._ev.unknown((*self._node.path, name)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._ev.names(self._node))

    def __len__(self) -> int:
        return len(self._ev.names(self._node))

    def __contains__(self, name: object) -> bool:
        return name in self._ev.names(self._node)

    def __repr__(self) -> str:
        return f"<values below `{show_path(self._ev.prefix + self._node.path)}`>"

    def lookup(self, path: Loc) -> Any:
        """The value at a path; raises an error of kind `unknown-option` where nothing is declared."""
        value: Any = self
        for index, name in enumerate(path):
            try:
                value = value[int(name)] if isinstance(value, list) else value[name]
            except (KeyError, IndexError, ValueError, TypeError):
                if isinstance(value, View):
                    raise value._ev.unknown(value._node.path + path[index:]) from None
                raise self._ev.unknown(self._node.path + path[: index + 1]) from None
        return value


Config = View
"""What bodies are given: all values of the system, `config[Sshd].port` and `config.services.sshd.port`."""


class Evaluation:
    """Modules, evaluated lazily. Made by `evaluate`; inside a record, by the record's type."""

    _type = "configuration"

    def __init__(
        self,
        roots: list[Any],
        *,
        prefix: Loc = (),
        special_args: Mapping[str, Any] | None = None,
        kind: str | None = None,
        parent: Evaluation | None = None,
        template: tuple[Node, list[Met]] | None = None,
        values: list[Def] | None = None,
        checked: bool = True,
    ) -> None:
        self.roots = roots
        self.prefix = prefix
        self.special_args: Mapping[str, Any] = special_args or {}
        self.kind = kind
        self.parent = parent
        self.runtime: Runtime = parent.runtime if parent is not None else Runtime()
        self.template = template
        self.values = values
        self.checked = checked
        self.state = NEW
        self.failure: MicrosError | None = None
        self.defs: dict[Loc, list[Def]] = {}
        self.root = Node(())
        self.members: list[Met] = []
        self.graph: list[dict[str, Any]] = []
        self._cells: dict[Loc, OptionCell] = {}
        self._freeform: Any = UNSET
        self.spreading: Spreading | None = None

    # getting ready: collecting, declaring, spreading definitions, looking for undeclared ones
    def ready(self) -> None:
        """Collect the modules and check that all they define is declared. Raises every problem found."""
        if self.state == DONE:
            return
        if self.state == FAILED and self.failure is not None:
            raise self.failure
        if self.state == FREEING:
            raise error(
                Kind.CYCLE,
                f"which undeclared options `{show_path(self.prefix) or 'config'}` has depends on a value of its own `config`",
                hint="the type of undeclared options is an eager one: without the condition, or as lazyAttrsOf, it is known",
            )
        if self.state == RUNNING:
            raise error(
                Kind.CYCLE,
                "`imports` needs a value of `config`, but the imports decide what `config` is",
                hint="import unconditionally, and put what depends on config under an enable option",
            )
        self.state = RUNNING
        try:
            self._prepare()
            self.state = DONE
            assert self.spreading is not None
            self.spreading.verify()
        except MicrosError as problem:
            self.state = FAILED
            self.failure = problem
            raise
        except BaseException:
            self.state = NEW
            raise

    def _prepare(self) -> None:
        spreading = self.spreading = Spreading(self)
        if self.template is not None:
            self.root, self.members = self.template
        else:
            self.members, self.graph = records.collect(self, self.roots)
            self.root = Node(())
            declare_all(self.root, self.members, self.prefix)
        for met in self.members:
            if met.spec.config is not None:
                spreading.spread(self.root, met.spec.config, met.file, met.spec.env or self)
        for definition in self.values or ():
            spreading.spread(self.root, definition.value, definition.where, definition.env)

    @property
    def config(self) -> View:
        """All values."""
        if self.state != DONE:
            self.ready()
        return View(self, self.root)

    @property
    def options(self) -> dict[str, Any]:
        """The tree of options: nested dicts with `OptionCell`s."""
        self.ready()
        return {**self._option_tree(self.root), "_module": self._option_tree(own_node())}

    def _option_tree(self, node: Node) -> dict[str, Any]:
        return {name: self.cell(child) if child.decls else self._option_tree(child) for name, child in node.children.items()}

    def option_names(self) -> dict[str, Any]:
        """Names of declared options, nested; may be asked while definitions are being spread."""
        if self.state == NEW:
            self.ready()
        return self._option_tree(self.root)

    def option_at(self, path: Loc) -> OptionCell:
        """The option at a path. Raises an error of kind `unknown-option`."""
        node = self.root
        for name in path:
            child = node.children.get(name)
            if child is None:
                raise self.unknown(path)
            node = child
        return self.cell(node)

    def cell(self, node: Node) -> OptionCell:
        """The option of a node."""
        cell = self._cells.get(node.path)
        if cell is None:
            cell = self._cells[node.path] = OptionCell(self, node)
        return cell

    def child(self, node: Node, name: str) -> Any:
        """A value or a view below a node. Raises KeyError."""
        if self.state != DONE:
            self.ready()
        child = node.children.get(name) or node.children.get(snake(name))
        if child is None:
            if self.special_module(node.path, name):
                return self.module_value(name)
            return self._free(node.path)[name]
        if child.decls:
            cell = self._cells.get(child.path)
            if cell is None:
                cell = self._cells[child.path] = OptionCell(self, child)
            return cell.value if cell.state == DONE else cell.read()
        return View(self, child)

    def special_module(self, path: Loc, name: str) -> bool:
        """Whether this is one of the evaluation's own options, below `_module`."""
        return path == ("_module",) or (not path and name == "_module")

    def module_value(self, name: str) -> Any:
        """What lies below `_module`."""
        from micros.lang.arguments import module_options

        return module_options(self)[name] if name != "_module" else module_options(self)

    def names(self, node: Node) -> list[str]:
        """Names below a node, without the evaluation's own and those that only lead elsewhere."""
        if self.state != DONE:
            self.ready()
        found = [name for name, child in node.children.items() if not child.hidden]
        if self.spreading is not None and self.spreading.has_freeform:
            found += [name for name in self._free(node.path) if name not in node.children]
        return found

    def _free(self, path: Loc) -> Mapping[str, Any]:
        if self.spreading is None or not self.spreading.has_freeform:
            return {}
        if self._freeform is UNSET:
            self._freeform = self._undeclared()
        value = self._freeform
        for name in path:
            value = value.get(name, {}) if isinstance(value, Mapping) else {}
        return value if isinstance(value, Mapping) else {}

    def _undeclared(self) -> Any:
        """The undeclared options. Where their type is eager, which there are is known only once all conditions are."""
        assert self.spreading is not None
        lazy = getattr(self.spreading.freeform_type(), "lazy", False)
        self.state = DONE if lazy else FREEING
        try:
            return self.spreading.freeform_value()
        finally:
            self.state = DONE

    def unknown(self, path: Loc) -> MicrosError:
        """The error of reading something that is not declared."""
        from micros.lang.suggest import unknown_option

        return MicrosError(unknown_option(self, path, None))

    def argument(self, name: str) -> Any:
        """A module argument. Raises an error of kind `missing-argument`."""
        from micros.lang.arguments import argument

        return argument(self, name)

    # for people outside
    def get(self, path: str | Loc) -> Any:
        """The value at a path, `"services.sshd.port"`. A mapping that is read through must be sound as a whole."""
        from micros.lang.reading import read

        return read(self, parse_path(path) if isinstance(path, str) else tuple(path))

    def check(self) -> None:
        """Compute everything. Raises every independent problem, and every assertion that does not hold, in one error."""
        from micros.lang.hooks import all_problems

        problems = all_problems(self)
        if problems:
            raise MicrosError(*problems)

    @property
    def problems(self) -> list[Problem]:
        """What `check` would raise."""
        from micros.lang.hooks import all_problems

        return all_problems(self)

    @property
    def warnings(self) -> list[str]:
        """What deserves attention: uses of renamed options, and what `@warns` methods say."""
        from micros.lang.hooks import all_warnings

        return all_warnings(self)

    def extend(self, *more: Any) -> Evaluation:
        """These modules and more, evaluated anew; this evaluation stays what it is."""
        from micros.lang.api import as_root

        return self.extended([as_root(module) for module in more])

    def extended(
        self, more: list[Any], special_args: Mapping[str, Any] | None = None, *, prefix: Loc | None = None
    ) -> Evaluation:
        """Like `extend`, with more special arguments, or below another prefix."""
        arguments = {**self.special_args, **(special_args or {})}
        at = self.prefix if prefix is None else prefix
        return self.__class__([*self.roots, *more], prefix=at, special_args=arguments, kind=self.kind, checked=self.checked)

    @property
    def type(self) -> Type:
        """These modules as the type of an option: a record."""
        from micros.lang.records import Submodule

        return Submodule(list(self.roots), special_args=self.special_args, shorthand=False, kind=self.kind)


def declare_all(root: Node, members: list[Met], prefix: Loc) -> None:
    """Add the declarations of all modules; problems are reported together."""
    problems: list[Problem] = []
    for met in members:
        if met.spec.options:
            try:
                declare(root, met.spec.options, met.file, prefix)
            except MicrosError as problem:
                problems += problem.problems
    if problems:
        raise MicrosError(*problems)


def template_of(specs: list[Spec], prefix: Loc) -> tuple[Node, list[Met]]:
    """Declarations of modules that are the same in every evaluation."""
    members = [Met(f":anon-{number}", spec.file or records.UNKNOWN, spec) for number, spec in enumerate(specs, 1)]
    root = Node(())
    declare_all(root, members, prefix)
    return root, members


__all__ = ["Cell", "Deferred", "Evaluation", "OptionCell", "Runtime", "View", "template_of"]
