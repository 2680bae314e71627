"""Places in source text: which file and line said something."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


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
    below = shortest(file, [os.getcwd()])
    return below if below != file else shortest(file, sys.path)


def shortest(file: str, roots: Iterable[str]) -> str:
    """The shortest path of a file below one of some folders; itself where it is below none."""
    folders = (os.path.join(os.path.abspath(root), "") for root in roots if root)
    return min((file.removeprefix(folder) for folder in folders), key=len, default=file)
