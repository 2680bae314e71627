"""A person's terminal, given to a guest's console (termios(3)).

Every key goes to QEMU, which keeps Ctrl-A for itself: Ctrl-A X ends it, Ctrl-A Ctrl-A types a Ctrl-A.
"""

from __future__ import annotations

import contextlib
import os
import sys
import termios
import tty
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def show(data: bytes) -> None:
    """Write what the guest's console says to standard output, now."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


@contextlib.contextmanager
def raw(descriptor: int) -> Iterator[None]:
    """Hand over every key as it is typed; the terminal is as it was afterwards, whatever happens."""
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):  # nobody has it open any more
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def is_terminal() -> bool:
    """Whether a person sits at both ends."""
    return os.isatty(0) and os.isatty(1)
