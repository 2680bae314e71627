"""Files that a system holds inside, alone: for people, and for boot loaders of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.base.errors import Kind, error

if TYPE_CHECKING:
    from micros.plan.builder import Builder, FileSteps


def text(build: Builder) -> FileSteps:
    """One declared file of the root file system, or of the initrd. Parameters: `name`, `path`, `initrd`."""
    told = build.plan.artefact.parameters
    files = build.plan.initrd_files if told.get("initrd") else build.plan.files
    if told["path"] not in files:
        raise error(Kind.USAGE, f"this system has no /{told['path']}", hint="see boot.initrd.enable and boot.is_container")
    return {told["name"]: build.store.add_bytes(files[told["path"]]["text"].encode())}
