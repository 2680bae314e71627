"""Places in source text: which file and line said something."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a user's or a module's source; prints as `boards/pi.py:14`."""

    file: str
    """Path as the user gave it, or a label in angle brackets such as `<command line>`."""
    line: int = 0
    """1-based, as editors count; 0 where a file has no lines to speak of."""

    def __str__(self) -> str:
        name = relative(self.file)
        return f"{name}:{self.line}" if self.line else name


def relative(file: str) -> str:
    """A path as short as it can be understood: from the working directory, else from where Python finds modules."""
    if not file.startswith("/"):
        return file
    for roots in ([os.getcwd()], sys.path):
        inside = [file[len(root) + 1 :] for root in roots if root and file.startswith(root.rstrip("/") + "/")]
        if inside:
            return min(inside, key=len)
    return file
