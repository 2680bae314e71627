"""Places in source text: which file and line said something."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a user's or a module's source; prints as `boards/pi.py:14`."""

    file: str
    """Path as the user gave it, or a label in angle brackets such as `<command line>`."""
    line: int = 0
    """1-based, as editors count; 0 where a file has no lines to speak of."""

    def __str__(self) -> str:
        name = self.file
        if name.startswith("/"):
            relative = os.path.relpath(name)
            if not relative.startswith(".."):
                name = relative
        return f"{name}:{self.line}" if self.line else name
