"""Steps that are commands of the archive's own programs, run in the sandbox: the same bytes wherever they run.

/                the tree of the programs, read-only
/etc/            a tree, where the step has one for it, read-only
/in/<role>       inputs, read-only
/secrets/<role>  files of the user that the store does not hold, read-only
/out/            a directory of this run's own
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.store.sandbox import Sandbox, lay_out, write_tree

if TYPE_CHECKING:
    from pathlib import Path

    from micros.base.digest import Digest
    from micros.store.scheduler import StoreJob

CLOCK = "1"
"""What programs that ask for it are told the time is, in seconds of 1970; some take 0 for none."""


def run(job: StoreJob) -> Digest:
    """Step program: what a command leaves in one file, or prints.

    Inputs: `root`, a tree with the programs and bubblewrap; `etc`, a tree that is seen at /etc; all others are contents that
    the command finds as `/in/<role>`. Parameters: `argv`; `output`, the file's name below /out, without which what the
    command prints is the result; `environment`; `capabilities` over its own namespaces. The command has no network, is root
    in its own eyes, and is told a fixed time where it asks for one. Raises errors of kind `step-failed` and `sandbox`.
    """
    given = job.parameters
    root = lay_out(job.store, job.tree(job.inputs["root"]))
    sandbox = Sandbox.of_host() or Sandbox.of_root(root)
    out = job.scratch / "out"
    out.mkdir()
    inside = {f"/in/{role}": job.store.path(digest) for role, digest in job.inputs.items() if role not in ("root", "etc")}
    inside |= {f"/secrets/{role}": path for role, path in job.secrets.items()}
    if "etc" in job.inputs:
        inside["/etc"] = job.scratch / "etc"
        write_tree(job.tree(job.inputs["etc"]), inside["/etc"], lambda digest, path: _copy(job, digest, path))
    command = sandbox.command(
        root,
        given["argv"],
        inside=inside,
        writable_inside={"/out": out},
        environment={"SOURCE_DATE_EPOCH": CLOCK, **given.get("environment", {})},
        as_root=True,
        capabilities=given.get("capabilities", ()),
    )
    printed = sandbox.run(command, what=given["argv"][0])
    if "output" not in given:
        return job.put(printed)
    result = out / given["output"]
    if not result.is_file():
        raise error(Kind.STEP_FAILED, f"{given['argv'][0]} left no file {given['output']}")
    return job.put_file(result)


def _copy(job: StoreJob, digest: Digest, path: Path) -> None:
    with job.open(digest) as source, path.open("xb") as out:
        shutil.copyfileobj(source, out)
