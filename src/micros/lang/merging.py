"""Definitions of one place become one value: conditions, priorities, order, then the type's own merge."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Note, Problem, error
from micros.lang.places import place, users_frames
from micros.lang.purity import enter, leave
from micros.lang.values import (
    MIDDLE,
    PLAIN,
    UNDEFINED_PRIORITY,
    At,
    Deferred,
    Derived,
    If,
    Loc,
    Merge,
    Order,
    Override,
    Wrapper,
    show_path,
    show_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from micros.base.where import Where
    from micros.lang.evaluation import Evaluation
    from micros.lang.places import Site
    from micros.lang.types import Type


class Def:
    """One definition of one place: a value that may be wrapped or deferred, and the evaluation it was written in."""

    __slots__ = ("env", "order", "priority", "value", "where")

    def __init__(self, value: Any, where: Where | Site, env: Evaluation, priority: int = PLAIN, order: int = MIDDLE) -> None:
        self.value = value
        self.where = where
        self.env = env
        self.priority = priority
        self.order = order


def force(definition: Def, loc: Loc) -> Any:
    """The value itself; a deferred one is computed, once."""
    value = definition.value
    if type(value) is Deferred:
        value = definition.value = compute(value, definition.env, loc, definition.where)
    return value


def compute(value: Deferred, env: Evaluation, loc: Loc, where: Where | Site | None = None) -> Any:
    """Run a deferred value. What a body raises becomes an error of kind `body-failed` that names the option."""
    result: Any = value
    before = enter(loc)
    try:
        while type(result) is Deferred:
            result = result.run(env)
    except MicrosError as problem:
        if problem.kind in _ASKED and not problem.problems[0].notes and where is not None:
            raise _asked(problem, env, where) from None
        raise
    except RecursionError:
        raise  # the cell tries again on a fresh stack
    except Exception as problem:
        raise body_failed(problem, loc, where) from problem
    finally:
        leave(before)
    return result


_ASKED = (Kind.MISSING_ARGUMENT, Kind.CYCLE)


def _asked(problem: MicrosError, env: Evaluation, where: Where | Site) -> MicrosError:
    """The error of an argument, or of imports that need values, with the module that asked."""
    asking = place(where)
    keys = [met.key for met in env.members if place(met.file).file == asking.file]
    note = Note(asking, f"asked for by module `{keys[0]}`" if keys else "asked for here")
    first = problem.problems[0]
    return MicrosError(Problem(first.kind, first.message, (note,), first.hint))


def body_failed(problem: Exception, loc: Loc, where: Where | Site | None) -> MicrosError:
    """The error of a body that raised something of its own, with the lines of its author that led there."""
    notes = [Note(line, text) for line, text in users_frames(problem.__traceback__)]
    if where is not None and place(where) not in [note.where for note in notes]:
        notes.insert(0, Note(place(where)))
    return error(Kind.BODY_FAILED, f"computing `{show_path(loc)}` failed: {type(problem).__name__}: {problem}", notes=notes)


def discharge(value: Any, where: Where | Site, env: Evaluation, loc: Loc, into: list[Def]) -> None:
    """Resolve conditions, merges and places; the definitions that remain go to `into`, with their priority."""
    while True:
        kind = type(value)
        if kind is If:
            if not holds(value.condition, env, loc, where):
                return
            value = value.value
        elif kind is At:
            where, value = value.where, value.value
        elif kind is Merge:
            for item in value.values:
                discharge(item, where, env, loc, into)
            return
        elif kind is Derived:
            into.extend(derived(value, where, env))
            return
        elif kind is Override:
            into.append(Def(_unplaced(value.value), where, env, value.priority))
            return
        else:
            into.append(Def(value, where, env))
            return


def derived(value: Derived, where: Where | Site, env: Evaluation) -> list[Def]:
    """What a derived definition stands for; nothing where the other option has no definition."""
    function, path = value.function, value.path
    found = env.option_at(path).surviving()
    if not found:
        return []
    priority = found[0].priority if value.priority is None else value.priority
    if function is None:
        return [Def(one.value, one.where, one.env, priority, one.order) for one in found]
    mapped = Deferred(lambda ev: function(ev.config.lookup(path)))
    return [Def(mapped, where, env, priority)]


def _unplaced(value: Any) -> Any:
    while type(value) is At:
        value = value.value
    return value


def holds(condition: Any, env: Evaluation, loc: Loc, where: Where | Site) -> bool:
    """Whether a condition holds. Raises an error of kind `wrong-type` where it is no bool."""
    if type(condition) is Deferred:
        condition = compute(condition, env, loc, where)
    if condition is True or condition is False:
        return bool(condition)
    raise error(
        Kind.WRONG_TYPE,
        f"a condition of `{show_path(loc)}` is not a boolean but {show_value(condition)}",
        at=place(where),
        hint="a condition is true, false, an option that is a bool, or lazy(lambda config: ...) that gives one",
    )


def surviving(loc: Loc, defs: Iterable[Def]) -> list[Def]:
    """The definitions that count: conditions hold, priority wins, in order."""
    found: list[Def] = []
    for definition in defs:
        value = definition.value
        if isinstance(value, Wrapper):
            discharge(value, definition.where, definition.env, loc, found)
        else:
            found.append(definition)
    if not found:
        return found
    if len(found) > 1:
        best = min(map(_PRIORITY, found))
        found = [definition for definition in found if definition.priority == best]
    ordered = False
    for index, definition in enumerate(found):
        if type(definition.value) is Order:
            found[index] = Def(
                definition.value.value, definition.where, definition.env, definition.priority, definition.value.order
            )
            ordered = True
    if ordered and len(found) > 1:
        found.sort(key=_ORDER)
    return found


_PRIORITY = attrgetter("priority")
_ORDER = attrgetter("order")


def merge_definitions(ev: Evaluation, loc: Loc, kind: Type, defs: Iterable[Def]) -> Any:
    """The value of one place. Raises an error of kind `no-value` where nothing is defined and the type has no empty one."""
    found = surviving(loc, defs)
    if found:
        return kind.merge(ev, loc, found)
    return empty_or_error(ev, loc, kind)


def empty_or_error(ev: Evaluation, loc: Loc, kind: Type) -> Any:
    """The type's empty value."""
    if kind.has_empty:
        return kind.empty(ev, loc)
    notes = [Note(place(one.where), f"{show_path(ev.prefix)} is set here") for one in ev.values or ()]
    raise error(
        Kind.NO_VALUE,
        f"`{show_path(loc)}` is required but has no value",
        notes=notes,
        hint=f"set {loc[-1]}; it takes: {kind.description}",
    )


def priority_of(found: list[Def]) -> int:
    """The priority the surviving definitions have."""
    return found[0].priority if found else UNDEFINED_PRIORITY


def notes_of(defs: Sequence[Def], loc: Loc) -> list[Note]:
    """A note for each definition: its place and its value, where that can be shown."""
    notes = []
    for definition in defs:
        try:
            text = show_value(force(definition, loc))
        except MicrosError:
            text = "(its value cannot be computed)"
        notes.append(Note(place(definition.where), text))
    return notes


def mismatch(loc: Loc, kind: Type, bad: Sequence[Def]) -> MicrosError:
    """Definitions that are not of the type."""
    from micros.lang.hints import got, instead

    headline = f"wrong type for `{show_path(loc)}`: expected {kind.description}"
    hint = ""
    if len(bad) == 1:
        try:
            value = force(bad[0], loc)
        except MicrosError:
            headline += ", got a value that cannot be computed"
        else:
            headline += got(value)
            hint = instead(kind, value)
    return MicrosError(Problem(Kind.WRONG_TYPE, headline, tuple(notes_of(bad, loc)), hint))


def placed(problem: MicrosError, loc: Loc, definition: Def) -> MicrosError:
    """An error about a value, with the place of its definition where it has none."""
    note = Note(place(definition.where), show_path(loc))
    return MicrosError(*(one if one.places else replace(one, notes=(note, *one.notes)) for one in problem.problems))


def conflict(loc: Loc, defs: Sequence[Def], why: str = "has conflicting definitions") -> MicrosError:
    """Definitions that do not fit together."""
    hint = "remove one, or say which wins: force(value) (mkForce) wins, default(value) (mkDefault) gives way"
    return MicrosError(Problem(Kind.CONFLICT, f"`{show_path(loc)}` {why}", tuple(notes_of(defs, loc)), hint))
