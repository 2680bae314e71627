"""What lies at a path: an option, or an entry of one, with all its definitions and their places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from micros.lang.containers import AttrCell, Attrs
from micros.lang.evaluation import OptionCell, View
from micros.lang.merging import Def, discharge, holds
from micros.lang.places import place
from micros.lang.values import OPTION_DEFAULT, At, If, Loc, Merge, parse_path, snake

if TYPE_CHECKING:
    from micros.base.where import Where
    from micros.lang.evaluation import Config, Evaluation


@dataclass(frozen=True, slots=True)
class Target:
    """What was found: an option, or an entry of one."""

    cell: OptionCell | AttrCell
    option: OptionCell
    """The option itself, or the one that holds the entry."""

    def candidates(self) -> list[Def]:
        """All its definitions, conditions resolved."""
        found: list[Def] = []
        every = self.cell.candidates() if isinstance(self.cell, OptionCell) else self.cell.defs
        for one in every:
            discharge(one.value, one.where, one.env, self.cell.loc, found)
        return found

    def dropped(self) -> list[Def]:
        """The definitions whose condition does not hold."""
        found: list[Def] = []
        for one in self.cell.defs:
            _unheld(one.value, one, self.cell.loc, found)
        return found


def _unheld(value: Any, one: Def, loc: Loc, into: list[Def]) -> None:
    """Collect what stands under a false condition."""
    while isinstance(value, At | If):
        if isinstance(value, At):
            one = Def(value.value, value.where, one.env)
        elif not holds(value.condition, one.env, loc, one.where):
            into.append(Def(value.value, one.where, one.env))
            return
        value = value.value
    if isinstance(value, Merge):
        for item in value.values:
            _unheld(item, one, loc, into)


def found_at(ev: Evaluation, parts: Loc) -> Target:
    """The option or entry at a path; the way may lead through records and mappings.

    Raises an error of kind `unknown-option`.
    """
    view: Any = ev.config
    option: OptionCell | None = None
    cell: OptionCell | AttrCell | None = None
    for index, name in enumerate(parts):
        if isinstance(view, View):
            node = view._node.children.get(name) or view._node.children.get(snake(name))
            if node is None:
                raise view._ev.unknown(view._node.path + parts[index:])
            if not node.decls:
                view = View(view._ev, node)
                continue
            if node.decls[0].redirect is not None:
                return found_at(ev, view._ev.prefix + node.decls[0].redirect + parts[index + 1 :])
            cell = option = view._ev.cell(node)
        elif isinstance(view, Attrs) and name in view and option is not None:
            cell = _entry(view, option, name)
        else:
            raise ev.unknown(parts[: index + 1])
        view = cell.read() if index + 1 < len(parts) else None
    if cell is None or option is None or view is not None:
        raise ev.unknown((*parts, "*"))
    return Target(cell, option)


def _entry(values: Attrs, option: OptionCell, name: str) -> AttrCell:
    """One entry of a mapping; one that is written without wrappers has its definitions in the option's."""
    entry = values.values_by_name[name]
    if isinstance(entry, AttrCell):
        return entry
    defs = [Def(one.value[name], one.where, one.env) for one in option.surviving() if _holds(one.value, name)]
    return AttrCell(option.ev, (*option.loc, name), getattr(option.type, "elem", option.type), defs)


def _holds(value: Any, name: str) -> bool:
    return isinstance(value, Mapping) and name in value


def places_of(config: Config, path: str | Loc) -> list[Where]:
    """Where an option, or an entry below one, has its value from; where it has its default: where what holds it is from."""
    parts = parse_path(path) if isinstance(path, str) else path
    while parts:
        found = [one for one in found_at(config._ev, parts).candidates() if one.priority < OPTION_DEFAULT]
        if found:
            best = min(one.priority for one in found)
            return list(dict.fromkeys(place(one.where) for one in found if one.priority == best))
        parts = parts[:-1]
        if parts and not _is_cell(config, parts):
            break
    return []


def _is_cell(config: Config, parts: Loc) -> bool:
    """Whether a path leads to an option, not to a place above options."""
    node = config._ev.root
    for name in parts:
        if node.decls:
            return True
        child = node.children.get(name) or node.children.get(snake(name))
        if child is None:
            return False
        node = child
    return bool(node.decls)
