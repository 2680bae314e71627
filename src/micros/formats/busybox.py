"""busybox: one program, many names. The names come from the program itself, so none is missing and none dangles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.base.tree import File, Symlink, Tree

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.base.step import Job

PATH = "usr/bin/busybox"
_START = b"[\0[[\0a"
"""The table of names is sorted and begins with these two (busybox, applets/applet_tables.c)."""
_NAME = re.compile(rb"[a-z0-9_.\[-]+")
_NOT_OURS = {"init", "linuxrc", "poweroff", "reboot", "halt", "runlevel"}
"""Names that belong to the init system."""


def applets(program: bytes) -> list[str]:
    """The names a busybox answers to, sorted. Raises an error of kind `bad-archive` where the table is not found."""
    start = program.find(_START)
    if start < 0:
        raise error(Kind.BAD_ARCHIVE, "the busybox has no table of applet names")
    names: list[str] = []
    for raw in program[start : start + 16384].split(b"\0"):
        name = raw.decode("ascii", "replace")
        if not _NAME.fullmatch(raw) or (names and name <= names[-1]):
            break
        names.append(name)
    return names


def links(job: Job) -> Digest:
    """Step program: symbolic links to the busybox of the tree `package`, in the directory `at` (no slash at its ends)."""
    entry = job.tree(job.inputs["package"]).get(PATH)
    if not isinstance(entry, File):
        raise error(Kind.BAD_TREE, f"the shell's package has no /{PATH}")
    at = job.parameters["at"]
    names = [name for name in applets(job.read(entry.digest)) if name not in _NOT_OURS and name != "busybox"]
    return job.put_tree(Tree.of((f"{at}/{name}", Symlink("busybox")) for name in names))
