"""The root file system as a tar archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.plan.artefacts.dist import manifest_of
from micros.plan.artefacts.squashfs import tree
from micros.store.step import Step

if TYPE_CHECKING:
    from micros.plan.builder import Builder, FileSteps

ENDS = {"zstd": ".zst", "xz": ".xz", "gzip": ".gz", "none": ""}


def tarball(build: Builder) -> FileSteps:
    """The archive; the artefact's parameters are `compression`, and `name`, rootfs unless said."""
    told = build.plan.artefact.parameters
    compression = told.get("compression", "gzip")
    name = f"{told.get('name', 'rootfs')}.tar{ENDS[compression]}"
    return {name: Step("micros.formats.tar_writer:write", {"tree": tree(build)}, {"compression": compression}, name)}


def container(build: Builder) -> FileSteps:
    """What a container engine is given: the archive, and the manifest."""
    made = tarball(build)
    return {**made, "manifest.json": manifest_of(build, made)}
