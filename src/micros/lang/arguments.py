"""Arguments of modules, and the options every evaluation has of its own, below `_module`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, error
from micros.lang.cells import NEW
from micros.lang.merging import merge_definitions
from micros.lang.modules import Decl

if TYPE_CHECKING:
    from micros.lang.evaluation import Evaluation
    from micros.lang.tree import Node


def argument(ev: Evaluation, name: str) -> Any:
    """An argument: the evaluation's own, a special one, or one of `_module.args`.

    Raises an error of kind `missing-argument` that names it.
    """
    if name in ev.special_args:
        return ev.special_args[name]
    own = _OWN.get(name)
    if own is not None:
        return own(ev)
    if ev.state == NEW:
        ev.ready()
    if not ev.members:
        raise error(
            Kind.CYCLE,
            f"`imports` needs the module argument `{name}`, but `_module.args` is known only after importing",
            hint="give it as a special argument",
        )
    args = module_args(ev)
    if name not in args:
        raise error(
            Kind.MISSING_ARGUMENT,
            f"there is no module argument `{name}`",
            hint=f"it is no special argument either; define `_module.args.{name}`",
        )
    return args[name]


def module_args(ev: Evaluation) -> Any:
    """What `_module.args` holds, each value computed when it is read."""
    from micros.lang.containers import AttrsOf, RawOpen

    assert ev.spreading is not None
    kind = AttrsOf(RawOpen(), lazy=True)
    loc = (*ev.prefix, "_module", "args")
    defs = ev.spreading.special_defs("args")
    return merge_definitions(ev, loc, kind, defs)


def module_options(ev: Evaluation) -> dict[str, Any]:
    """Values of the evaluation's own options."""
    ev.ready()
    assert ev.spreading is not None
    return {
        "args": module_args(ev),
        "check": ev.checked,
        "freeformType": ev.spreading.freeform_type(),
        "specialArgs": dict(ev.special_args),
    }


def own_declarations() -> dict[str, Decl]:
    """Their declarations, for documentation."""
    from micros.lang.containers import AttrsOf, NullOr, RawOpen
    from micros.lang.module_types import OptionType
    from micros.lang.types import BOOL

    raw = AttrsOf(RawOpen(), lazy=True)
    return {
        "args": Decl(raw, description="Arguments for modules.", internal=True),
        "check": Decl(BOOL, default=True, description="Whether all definitions need a declaration.", internal=True),
        "freeformType": Decl(
            NullOr(OptionType()), default=None, description="The type of undeclared definitions.", internal=True
        ),
        "specialArgs": Decl(raw, description="Arguments given from outside.", internal=True, read_only=True),
    }


@cache
def own_node() -> Node:
    """The place `_module` of every evaluation, where its own options are."""
    from micros.lang.tree import Node

    top = Node(("_module",))
    for name, decl in own_declarations().items():
        node = top.children[name] = Node(("_module", name))
        node.decls.append(decl)
    return top


_OWN: dict[str, Any] = {
    "config": lambda ev: ev.config,
    "options": lambda ev: ev.options,
    "specialArgs": lambda ev: ev.special_args,
    "extendModules": lambda ev: ev.extended,
    "moduleType": lambda ev: ev.type,
    "_prefix": lambda ev: list(ev.prefix),
    "_class": lambda ev: ev.kind,
}

__all__ = ["argument", "module_args", "module_options", "own_declarations", "own_node"]
