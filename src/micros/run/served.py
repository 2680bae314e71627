"""A directory that servers hand out: read-only, and nothing outside it."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, BinaryIO

from micros.base.errors import Kind, error

if TYPE_CHECKING:
    from pathlib import Path


class Served:
    """The regular files below a directory, by their path in URLs.

    Raises errors of kind `bad-file` where there is no such directory.
    """

    def __init__(self, directory: Path) -> None:
        if not directory.exists():
            raise error(Kind.BAD_FILE, f"there is no {directory}", hint="build one: `micros build FILE netboot`")
        if not directory.is_dir():
            raise error(Kind.BAD_FILE, f"{directory} is not a directory", hint="give the directory that holds it")
        self.directory = directory.resolve()

    def open(self, path: str) -> BinaryIO:
        """A file to read. Raises `FileNotFoundError` for everything that is none, or that lies elsewhere.

        What was opened is asked where it is, so that no link or rename can lead out between a look and the opening.
        """
        words = [word for word in path.split("/") if word not in ("", ".")]
        if not words or ".." in words or "\0" in path:
            raise FileNotFoundError(path)
        try:
            # A FIFO without a writer would keep us waiting.
            number = os.open(self.directory.joinpath(*words), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            raise FileNotFoundError(path) from None
        inside = os.readlink(f"/proc/self/fd/{number}").startswith(f"{str(self.directory).rstrip('/')}/")
        if inside and stat.S_ISREG(os.fstat(number).st_mode):
            return os.fdopen(number, "rb")
        os.close(number)
        raise FileNotFoundError(path)


def shown(text: str) -> str:
    """What a client sent, fit for a log."""
    return text.encode("unicode_escape", "surrogatepass").decode()
