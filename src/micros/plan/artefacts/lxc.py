"""System containers: the root as one archive, what describes it as another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.plan.artefacts.dist import manifest_of
from micros.plan.artefacts.oci import check_container
from micros.plan.artefacts.squashfs import tree
from micros.store.step import Step

if TYPE_CHECKING:
    from micros.plan.builder import Builder, FileSteps


def image(build: Builder) -> FileSteps:
    """Both archives; LXC's templates read xz only."""
    check_container(build)
    told = build.plan.artefact.parameters
    texts = {name: {"text": text, "mode": "0644", "uid": 0, "gid": 0} for name, text in told["texts"].items()}
    metadata = Step("micros.formats.compose:compose", {}, {"files": texts}, "metadata", "tree")
    made: FileSteps = {
        f"{name}.tar.xz": Step("micros.formats.tar_writer:write", {"tree": part}, {"compression": "xz"}, f"{name}.tar.xz")
        for name, part in (("rootfs", tree(build)), ("metadata", metadata))
    }
    return {**made, "manifest.json": manifest_of(build, made)}
