"""Bodies only compute: one that opens a file or a socket or starts a process is refused where it does.

Python reports such acts to audit hooks (PEP 578). The hook here is silent unless a body runs in the same thread, and finds
who acts: the nearest frame that is not the standard library's. What the language or the package index do for themselves
while a body runs is theirs, and so is an import, whoever causes it. A module of MicrOS is held to the rule like a user's.

Limits: what raises no audit event is not seen (the clock, the environment, whether a file exists, random numbers), nor is
what a C library does by itself, what a module does while it is being imported, or what a thread does that a body starts.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, error
from micros.base.where import Where
from micros.lang.values import Loc, show_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


class _State(threading.local):
    """The body that runs in this thread, and what it was refused."""

    depth = 0
    loc: Loc = ()
    refused: MicrosError | None = None


_STATE = _State()


def enter(loc: Loc) -> Loc:
    """A body of this option begins; the result is for `leave`."""
    before = _STATE.loc
    _STATE.loc = loc
    _STATE.depth += 1
    return before


def leave(before: Loc) -> None:
    """The body has ended. Raises what it was refused, also where it swallowed that."""
    state = _STATE
    state.depth -= 1
    state.loc = before
    if state.refused is not None:
        refused, state.refused = state.refused, None
        raise refused


def pure(function: Callable[..., Any], loc: Loc, *arguments: Any) -> Any:
    """The function's result; what it may not do is an error of kind `impure`."""
    before = enter(loc)
    try:
        return function(*arguments)
    finally:
        leave(before)


_LIBRARY = os.path.dirname(os.__file__)
_STDLIB = (os.path.join(_LIBRARY, ""), "<frozen ")
_PACKAGES = tuple(os.path.join(_LIBRARY, name, "") for name in ("site-packages", "dist-packages"))
_OURS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
_MODULES = os.path.join(_OURS, "modules", "")

_ACTS: dict[str, Callable[[Any], str]] = {
    "open": lambda args: f"opens the file {args[0]}",
    "os.listdir": lambda args: f"lists the directory {args[0]}",
    "os.scandir": lambda args: f"lists the directory {args[0]}",
    "os.remove": lambda args: f"removes {args[0]}",
    "os.rename": lambda args: f"renames {args[0]}",
    "os.mkdir": lambda args: f"makes the directory {args[0]}",
    "os.rmdir": lambda args: f"removes the directory {args[0]}",
    "os.symlink": lambda args: f"makes the link {args[1]}",
    "os.link": lambda args: f"makes the link {args[1]}",
    "os.truncate": lambda args: f"truncates {args[0]}",
    "os.chmod": lambda args: f"changes the mode of {args[0]}",
    "socket.__new__": lambda _: "opens a socket",
    "socket.connect": lambda args: f"connects to {args[1]}",
    "socket.getaddrinfo": lambda args: f"looks up the host {args[0]}",
    "socket.gethostbyname": lambda args: f"looks up the host {args[0]}",
    "subprocess.Popen": lambda args: f"starts the process {_command(args[1])}",
    "os.system": lambda args: f"starts the process {_command(args[0])}",
    "os.exec": lambda args: f"becomes the process {_command(args[1])}",
    "os.posix_spawn": lambda args: f"starts the process {_command(args[1])}",
    "os.spawn": lambda args: f"starts the process {_command(args[2])}",
    "os.fork": lambda _: "starts a process",
    "os.forkpty": lambda _: "starts a process",
    "builtins.input": lambda _: "asks for input",
}


def _command(given: Any) -> str:
    return " ".join(map(os.fsdecode, given)) if isinstance(given, list | tuple) else os.fsdecode(given)


def _hook(event: str, args: Any) -> None:
    if not _STATE.depth:
        return
    act = _ACTS.get(event)
    if act is None:
        return
    frame = _actor(sys._getframe(1))
    if frame is None:
        return
    refused = _STATE.refused = error(
        Kind.IMPURE,
        f"computing `{show_path(_STATE.loc)}` {act(args)}",
        at=Where(frame.f_code.co_filename, frame.f_lineno),
        hint="a body only computes its value: do this outside, where the file is read once, and give the body the result",
    )
    raise refused


def _actor(frame: FrameType | None) -> FrameType | None:
    """Whose act it is: the frame of a user or a module; None for the language, the package index, and imports."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<frozen importlib") or is_ours(name):
            return None
        if is_theirs(name):
            return frame
        frame = frame.f_back
    return None


def is_ours(file: str) -> bool:
    """Whether a source file is the language's or another part of MicrOS, and no module."""
    return file.startswith(_OURS) and not is_module(file)


def is_module(file: str) -> bool:
    """Whether a source file is one of MicrOS' own modules."""
    return file.startswith(_MODULES)


def is_theirs(file: str) -> bool:
    """Whether a source file is a user's, a library's or a module's."""
    return not is_ours(file) and (not file.startswith(_STDLIB) or file.startswith(_PACKAGES))


sys.addaudithook(_hook)
