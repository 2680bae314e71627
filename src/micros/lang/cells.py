"""Values that are computed when they are read, once; cycles among them, and chains of any length.

Cycles are found on the stack of what is being read. Chains of bodies that read each other may be thousands long: every
few levels the work moves to a fresh thread, because both Python's recursion limit and the C stack would end it otherwise.
"""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Note, Problem
from micros.lang.purity import is_module
from micros.lang.values import Loc, show_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.base.where import Where

HOP = 40
STACK_BYTES = 1 << 20
ROOM = 40
"""Nested calls that starting a thread takes, and some more."""
NEW, RUNNING, DONE, FAILED = range(4)


class Runtime:
    """What is being read at this moment, outermost first; one for an evaluation and all inside it."""

    __slots__ = ("stack",)

    def __init__(self) -> None:
        self.stack: list[Cell] = []


class Cell:
    """Something that is computed at most once."""

    __slots__ = ("loc", "runtime", "state", "value")

    def __init__(self, loc: Loc, runtime: Runtime) -> None:
        self.loc = loc
        self.runtime = runtime
        self.state = NEW
        self.value: Any = None

    def compute(self) -> Any:
        """The value."""
        raise NotImplementedError

    def places(self) -> list[Where]:
        """Where it is defined."""
        return []

    def read(self) -> Any:
        """The value. Raises whatever makes it impossible, each time; an error of kind `cycle` where it needs itself."""
        state = self.state
        if state == DONE:
            return self.value
        if state == FAILED:
            raise self.value
        stack = self.runtime.stack
        if state == RUNNING:
            raise _cycle([*stack[stack.index(self) :], self])
        stack.append(self)
        self.state = RUNNING
        try:
            try:
                value = self.compute() if len(stack) % HOP else _hop(self.compute)
            except RecursionError:  # bodies may call deeply: once more, on a fresh stack
                value = _hop(self.compute)
        except MicrosError as problem:
            self.state = FAILED
            problem.__traceback__ = None
            self.value = _needed(problem, self)
            raise self.value from None
        except _EndlessError:
            self.state = FAILED
            self.value = _too_deep(self)
            raise self.value from None
        except BaseException:
            self.state = NEW
            raise
        finally:
            stack.pop()
        self.state = DONE
        self.value = value
        return value


TRACED = {Kind.BODY_FAILED, Kind.NO_VALUE, Kind.MISSING_ARGUMENT, Kind.REMOVED, Kind.IMPURE}
"""What is wrong with one option only, so that it matters who reads it."""
MOST_READERS = 5


def _needed(problem: MicrosError, reader: Cell) -> MicrosError:
    """The error with the user's option that needed the failing one; the first few, where one needs the other."""
    first = problem.problems[0]
    name = f"`{show_path(reader.loc)}`"
    if first.kind not in TRACED or len(problem.problems) > 1 or name in first.message:
        return problem
    if sum(note.text.startswith("needed by") for note in first.notes) >= MOST_READERS:
        return problem
    where = next(iter(reader.places()), None)
    if where is not None and is_module(where.file):
        return problem  # what MicrOS' own modules read of each other helps nobody
    note = Note(where, f"needed by {name}")
    return MicrosError(Problem(first.kind, first.message, (*first.notes, note), first.hint))


def _too_deep(cell: Cell) -> MicrosError:
    notes = tuple(Note(where) for where in cell.places()[:1])
    message = f"computing `{show_path(cell.loc)}` calls itself without end, or nearly"
    return MicrosError(Problem(Kind.BODY_FAILED, message, notes, "give the recursion an end"))


def _hop(work: Callable[[], Any]) -> Any:
    """Run in a thread of its own, which has a stack of its own.

    Raises RecursionError where there is no room to start one, and _EndlessError where a stack of its own did not suffice.
    """
    _room(ROOM)
    result: list[Any] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            result.append(work())
        except BaseException as problem:
            failure.append(problem)

    before = threading.stack_size(STACK_BYTES)
    try:
        thread = threading.Thread(target=run)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    if failure:
        failure[0].__traceback__ = None
        raise _EndlessError if isinstance(failure[0], RecursionError) else failure[0]
    return result[0]


class _EndlessError(Exception):
    """A recursion that no stack is enough for."""


def _room(calls: int) -> None:
    """Raise RecursionError unless as many calls may still be nested: starting a thread must not fail half-way."""
    if calls:
        _room(calls - 1)


def _cycle(chain: list[Cell]) -> MicrosError:
    names = [show_path(cell.loc) for cell in chain]
    shown = names if len(names) <= 12 else [*names[:6], "...", *names[-6:]]
    notes = []
    for cell, needed in list(pairwise(chain))[:20]:
        text = f"{show_path(cell.loc)} needs {show_path(needed.loc)}"
        notes += [Note(where, text) for where in cell.places()[:1]] or [Note(None, text)]
    hint = "one of them must not depend on the next: give it a value that does not read the other"
    return MicrosError(Problem(Kind.CYCLE, f"`{names[0]}` needs its own value: {' -> '.join(shown)}", tuple(notes), hint))
