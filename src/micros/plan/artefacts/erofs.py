"""The root file system as an EROFS image, by mkfs.erofs of the archive from an archive of ours: owners need no root."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from micros.formats.disk import NAMESPACE
from micros.plan.artefacts import squashfs
from micros.store.step import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from micros.base.digest import Digest
    from micros.plan.builder import Builder, FileSteps

TOOLS = ("erofs-utils", "libgcc-s1")  # the C library loads the latter when a thread ends
USUAL_LEVEL = {"lzma": 9, "zstd": 19, "deflate": 9, "lz4hc": 12}
"""What level 0 means: the strongest that is usual."""


def image(build: Builder) -> FileSteps:
    """The image."""
    plan = build.plan
    return {"root.erofs": erofs_image(build.tools(*TOOLS), squashfs.tree(build), plan.root_erofs, plan.name)}


def erofs_image(
    tools: Digest | Step,
    tree: Digest | Step,
    options: Mapping[str, Any],
    name: str,
    environment: Mapping[str, str] | None = None,
) -> Step:
    """The image of a tree; its UUID is made of `name`. `options`: `compression`, `level`, and `cluster_size` in KiB."""
    argv = ["mkfs.erofs", "--quiet", "--tar=f", "-T", "0", "-U", str(uuid.uuid5(NAMESPACE, f"{name}/erofs"))]
    compression = options["compression"]
    # Not `fragments`, which is 3 % smaller: of an archive, mkfs.erofs 1.8.6 then writes some small files as other files' bytes.
    if compression != "none":
        level = options["level"] or USUAL_LEVEL[compression]
        argv += ["-z", f"{compression},level={level}", "-C", str(options["cluster_size"] << 10), "-E", "ztailpacking"]
    inputs: dict[str, Digest | Step] = {
        "root": tools,
        "files.tar": Step("micros.formats.tar_writer:write", {"tree": tree}, {}, "archive of the root"),
    }
    # What it puts aside goes beside the image: /tmp is memory.
    variables = {"TMPDIR": "/out", **(environment or {})}
    parameters = {"argv": [*argv, "/out/image", "/in/files.tar"], "output": "image", "environment": variables}
    return Step("micros.store.command:run", inputs, parameters, "root.erofs")
