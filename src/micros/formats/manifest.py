"""manifest.json: what is in a system, for people and for programs that compare two.

{"system", "machine",
 "packages":  [{"name", "version", "architecture", "sha256" (of the .deb), "part", "installed_bytes"}, ...],
 "artefacts": {"root.squashfs": {"sha256", "bytes"}, ...}}
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.base.step import Job


def write(job: Job) -> Digest:
    """Step program. Inputs: `artefact:<file>`, finished files, and `package:<part>:<name>`, the trees that went in.

    Parameters: `system`, `machine`, and `packages`, a record for each package, without its size.
    """
    packages = [
        {**record, "installed_bytes": job.tree(job.inputs[f"package:{record['part']}:{record['name']}"]).size}
        for record in job.parameters["packages"]
    ]
    artefacts: dict[str, dict[str, Any]] = {}
    for role, digest in job.inputs.items():
        if role.startswith("artefact:"):
            with job.open(digest) as stream:
                artefacts[role.removeprefix("artefact:")] = {"sha256": digest, "bytes": stream.seek(0, os.SEEK_END)}
    document = {
        "system": job.parameters["system"],
        "machine": job.parameters["machine"],
        "packages": packages,
        "artefacts": artefacts,
    }
    return job.put(json.dumps(document, indent=1, sort_keys=True).encode() + b"\n")
