"""Methods of modules and records: definitions of targets, checks, warnings, and what their bodies are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from micros.base.errors import Kind, error
from micros.base.where import Where
from micros.lang.complaints import Complaint
from micros.lang.refs import Ref, outside
from micros.lang.values import At, Deferred, If, Loc, Order, Override

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import LiteralString

    from micros.lang.evaluation import Config, Evaluation

T = TypeVar("T")
M = TypeVar("M")


class Body:
    """A method that defines a target."""

    __slots__ = ("function", "order", "priority", "target", "when")

    def __init__(self, function: Any, target: Any, when: Any, priority: int | None, order: int | None) -> None:
        self.function, self.target, self.when = function, target, when
        self.priority, self.order = priority, order


class Hook:
    """A method that checks or warns."""

    __slots__ = ("function", "kind")

    def __init__(self, function: Any, kind: str) -> None:
        self.function, self.kind = function, kind


@overload
def defines(  # type: ignore[overload-overlap] # a literal target widens to str in pyright only with this first
    target: LiteralString, *, when: Any = ..., priority: int | None = ..., order: int | None = ...
) -> Callable[[Callable[[Any, Config], str]], Any]: ...
@overload
def defines(
    target: T, *, when: Any = ..., priority: int | None = ..., order: int | None = ...
) -> Callable[[Callable[[Any, Config], T]], Any]: ...
def defines(
    target: Any, *, when: Any = True, priority: int | None = None, order: int | None = None
) -> Callable[[Callable[[Any, Config], Any]], Any]:
    """Make a method a definition of an option, of one key of a mapping, or of a field below one.

    The body runs when the target is read, and only where `when` (a bool option, or `lazy(...)`) holds.
    """
    if not isinstance(target, Ref):
        raise error(Kind.BAD_DECLARATION, "a definition's target is not an option", at=outside(), hint="defines(Other.option)")
    return lambda function: Body(function, target, when, priority, order)


Said = str | Complaint | Sequence[str | Complaint] | None
"""What a check finds wrong: nothing, one thing, or several."""


def check(function: Callable[[Any, Config], Said]) -> Callable[[Any, Config], Said]:
    """Make a method an assertion: it returns None, or what is wrong; a `Complaint` names the options it is about."""
    return Hook(function, "check")  # type: ignore[return-value] # collected when the class is made


def warns(function: Callable[[Any, Config], Any]) -> Callable[[Any, Config], Any]:
    """Make a method a source of warnings: it returns None, a message, or a list of them."""
    return Hook(function, "warns")  # type: ignore[return-value] # collected when the class is made


class Entry:
    """What a record's own deferred values read: its options by attribute, `name`, and `entry[Module].x` of the system.

    A record that has an option `name` itself reads the name it has among others as `entry_name`.
    """

    __slots__ = ("_entry",)

    def __init__(self, ev: Evaluation) -> None:
        self._entry = ev

    def __getitem__(self, module: type[M]) -> M:
        return root_of(self._entry).config[module]

    def __getattr__(self, name: str) -> Any:
        if name in ("name", "entry_name") and name not in self._entry.root.children:
            return self._entry.special_args["name"]
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._entry.config, name)


def root_of(ev: Evaluation) -> Evaluation:
    """The evaluation of the whole system."""
    while ev.parent is not None:
        ev = ev.parent
    return ev


def argument_of(ev: Evaluation) -> Config | Entry:
    """What a deferred value of a user is given: the record where a record's class says it, else the system."""
    return ev.config if ev.parent is None else Entry(ev)


def config_of(ev: Evaluation) -> Config:
    """The configuration as bodies see it: of the whole system, also inside records."""
    return root_of(ev).config


def below(view: Any, path: Loc) -> Any:
    """The part of a view at a path."""
    for name in path:
        view = view[name]
    return view


def reading(cls: Any, ev: Evaluation, view: Any) -> Any:
    """An instance of a class whose options have the values of a view."""
    instance = object.__new__(cls)
    instance._view, instance._ev, instance._given, instance._site = view, ev, {}, None
    return instance


def definition_of(cls: Any, body: Body) -> Any:
    """A method as a definition of its target."""
    code = body.function.__code__
    where = Where(code.co_filename, code.co_firstlineno)

    def run(ev: Evaluation) -> Any:
        return body.function(reading(cls, ev, below(ev.config, cls.__at__)), config_of(ev))

    value: Any = Deferred(run)
    if body.order is not None:
        value = Order(body.order, value)
    if body.priority is not None:
        value = Override(body.priority, value)
    if body.when is not True:
        value = If(condition_of(body.when), value)
    value = At(where, value)
    for part in reversed(body.target.path):
        value = {part: value}
    return value


def condition_of(condition: Any) -> Any:
    """What stands for a condition: a bool, a deferred bool, or an option that is read."""
    if isinstance(condition, Ref):
        path = condition.path
        ref = condition

        def run(ev: Evaluation) -> Any:
            owner = ref._base.owner
            inside = owner is not None and owner.__own_tree__
            return (ev if inside else root_of(ev)).config.lookup(path)

        return Deferred(run)
    return condition
