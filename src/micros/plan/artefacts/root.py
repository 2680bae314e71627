"""The image that boots: the root file system in the format that `storage.root.fs_type` names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.plan.artefacts import erofs, squashfs

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.plan.builder import Builder, FileSteps
    from micros.store.step import Step


def image(build: Builder) -> FileSteps:
    """The image, as root.squashfs or root.erofs."""
    return erofs.image(build) if build.plan.root_format == "erofs" else squashfs.image(build)


def content(build: Builder) -> Digest | Step:
    """The image, whatever it is called."""
    (made,) = image(build).values()
    return made
