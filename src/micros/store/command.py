"""A step that runs a command in the sandbox, with a tree as its whole file system."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from micros.store.sandbox import Sandbox, write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from micros.base.digest import Digest
    from micros.base.step import Job


def run(job: Job) -> Digest:
    """Step program: what a command prints, with its errors in it. Errors of kinds `sandbox` and `step-failed`.

    Input `root`: a tree with the command, what it needs, and bubblewrap where the host may have none; other inputs are
    files, which the command finds as /inputs/<role>. Parameters: `argv`; `capabilities`, names of those the command has
    over its own namespaces; `environment`, variables.
    """
    root = job.scratch / "root"
    write_tree(job.tree(job.inputs["root"]), root, lambda digest, path: _copy(job, digest, path))
    (root / "inputs").mkdir()
    for role, digest in job.inputs.items():
        if role != "root":
            _copy(job, digest, root / "inputs" / role)
    sandbox = Sandbox.of_host() or Sandbox.of_root(root)
    argv: list[str] = job.parameters["argv"]
    line = sandbox.command(
        root, argv, capabilities=job.parameters.get("capabilities", ()), environment=job.parameters.get("environment")
    )
    return job.put(sandbox.run(line, what=argv[0]))


def _copy(job: Job, digest: Digest, path: Path) -> None:
    with job.open(digest) as source, path.open("xb") as out:
        shutil.copyfileobj(source, out)
