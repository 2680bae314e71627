"""A tree of finished files: what a boot partition or a directory of an image holds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from micros.base.tree import File, Tree

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.base.step import Job


def files(job: Job) -> Digest:
    """Step program: a tree of the inputs, by path.

    Parameters: `texts`: more files, their text by path; `programs`: paths of inputs that can be run.
    """
    programs = job.parameters.get("programs", ())
    modes = {path: 0o755 if path in programs else 0o644 for path in job.inputs}
    entries = {path: File(digest, _size(job, digest), modes[path]) for path, digest in job.inputs.items()}
    for path, text in job.parameters.get("texts", {}).items():
        data = text.encode()
        entries[path] = File(job.put(data), len(data))
    return job.put_tree(Tree.of(entries.items()))


def _size(job: Job, digest: Digest) -> int:
    with job.open(digest) as stream:
        return stream.seek(0, os.SEEK_END)
