"""Errors as values: a stable kind, the places involved, and what to do next.

Tests assert kinds and places; the words may change. Whoever finds several independent problems raises them together.
"""

from __future__ import annotations

import linecache
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from micros.base.where import Where


class Kind(StrEnum):
    """What went wrong, as a name that never changes once published."""

    # the module language
    UNKNOWN_OPTION = "unknown-option"
    WRONG_TYPE = "wrong-type"
    CONFLICT = "conflict"
    CYCLE = "cycle"
    NO_VALUE = "no-value"
    READ_ONLY = "read-only"
    NOT_UNIQUE = "not-unique"
    BAD_DECLARATION = "bad-declaration"
    BAD_MODULE = "bad-module"
    MISSING_ARGUMENT = "missing-argument"
    BODY_FAILED = "body-failed"
    IMPURE = "impure"
    REMOVED = "removed"
    ASSERTION = "assertion"
    # files and commands of the user
    BAD_FILE = "bad-file"
    USAGE = "usage"
    # this machine
    SYSTEM = "system"
    BUSY = "busy"
    NO_MEMORY = "no-memory"
    # the archive
    NO_MIRROR = "no-mirror"
    BAD_SIGNATURE = "bad-signature"
    EXPIRED = "expired"
    CLOCK = "clock"
    DOWNGRADE = "downgrade"
    WRONG_SUITE = "wrong-suite"
    WEAK_HASH = "weak-hash"
    DIGEST_MISMATCH = "digest-mismatch"
    BAD_INDEX = "bad-index"
    UNKNOWN_PACKAGE = "unknown-package"
    UNSATISFIABLE = "unsatisfiable"
    VANISHED = "vanished"
    BAD_LOCK = "bad-lock"
    DOWNLOAD = "download"
    OFFLINE = "offline"
    BAD_ARCHIVE = "bad-archive"
    UNSAFE_MEMBER = "unsafe-member"
    TOO_LARGE = "too-large"
    # trees, store, images
    CLASH = "clash"
    BAD_TREE = "bad-tree"
    PRIVILEGED = "privileged"
    MISSING_FILE = "missing-file"
    NO_SPACE = "no-space"
    STORE = "store"
    DAMAGED = "damaged"
    SANDBOX = "sandbox"
    STEP_FAILED = "step-failed"
    DOES_NOT_FIT = "does-not-fit"
    BAD_RULES = "bad-rules"
    BAD_KEY = "bad-key"
    UNKNOWN_MACHINE = "unknown-machine"
    UNKNOWN_MODULE = "unknown-module"
    # running
    QEMU = "qemu"
    TIMEOUT = "timeout"
    BOOT_FAILED = "boot-failed"
    EARLY_PANIC = "early-panic"
    COMMAND_FAILED = "command-failed"
    TEST_FAILED = "test-failed"


LONGEST_LINE = 160
"""Characters of a line of source or of a value that a message shows."""


@dataclass(frozen=True, slots=True)
class Note:
    """One line under a headline: a place, a text, or both. A place without a text shows its line of the source."""

    where: Where | None
    text: str = ""

    def __str__(self) -> str:
        if self.where is None:
            return self.text
        text = self.text or linecache.getline(self.where.file, self.where.line).strip()
        lines = [line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + " ..." for line in text.split("\n")]
        shown = "\n".join(lines)
        return f"{self.where!s:<24} {shown}".rstrip()


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    kind: Kind
    message: str
    """The headline, without a full stop: what, and which object."""
    notes: tuple[Note, ...] = ()
    hint: str = ""
    """What to do next, where that is known."""

    @property
    def places(self) -> tuple[Where, ...]:
        """The places of the notes, in order."""
        return tuple(note.where for note in self.notes if note.where is not None)

    def __str__(self) -> str:
        lines = [self.message]
        for note in self.notes:
            lines += ["  " + line for line in str(note).splitlines()]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


class MicrosError(Exception):
    """Input that cannot be used, or a world that does not allow it. Carries every problem that was found."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems: tuple[Problem, ...] = problems

    @property
    def kind(self) -> Kind:
        """The kind of the first, most basic problem."""
        return self.problems[0].kind

    @property
    def places(self) -> tuple[Where, ...]:
        """The places of the first problem."""
        return self.problems[0].places


def error(
    kind: Kind, message: str, *, at: Where | Sequence[Where] = (), notes: Iterable[Note | str] = (), hint: str = ""
) -> MicrosError:
    """One problem as an error, to be raised: `raise error(Kind.OFFLINE, "...", at=where, hint="...")`."""
    from micros.base.where import Where as Place

    places = (at,) if isinstance(at, Place) else tuple(at)
    all_notes = [Note(place) for place in places]
    all_notes += [Note(None, note) if isinstance(note, str) else note for note in notes]
    return MicrosError(Problem(kind, message, tuple(all_notes), hint))


def damaged(message: str, notes: Iterable[Note | str] = ()) -> MicrosError:
    """An error of kind `damaged`: what the store holds is not what its digest says, and how to mend that."""
    return error(Kind.DAMAGED, message, notes=notes, hint="run `micros store verify --repair`, then build again")
