"""Evaluation of modules: options that are computed when they are read, once each.

Reading one option runs only its own definitions; the check for undeclared definitions comes before any reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Problem, error
from micros.lang import modules as records
from micros.lang.arguments import own_node
from micros.lang.cells import DONE, FAILED, NEW, RUNNING, Runtime
from micros.lang.modules import UNSET, Met, Spec
from micros.lang.option_cell import OptionCell
from micros.lang.spreading import Spreading
from micros.lang.tree import Node, declare
from micros.lang.values import Loc, parse_path, show_path, snake
from micros.lang.views import Config, View

if TYPE_CHECKING:
    from micros.lang.merging import Def
    from micros.lang.types import Type

FREEING = 4
"""The state of an evaluation while its undeclared options are found, beside those of a cell."""


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


__all__ = ["Config", "Evaluation", "OptionCell", "Runtime", "View", "template_of"]
