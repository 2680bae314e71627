"""Everything that boots, side by side, with a list of what is in it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from micros.plan.artefacts import initrd, kernel, root
from micros.store.step import Step

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.debian.index import Offer
    from micros.plan.builder import Builder, FileSteps


def files(build: Builder) -> FileSteps:
    """Kernel, initrd (where there is one), root file system, command line and manifest."""
    build.module_trees  # noqa: B018 - whether the kernel has what was asked for is said before anything is built
    first = initrd.archive(build) if build.plan.initrd_shell else {}
    made = {**kernel.image(build), **first, **root.image(build), **kernel.cmdline(build)}
    return {**made, "manifest.json": manifest_of(build, made)}


def manifest(build: Builder) -> FileSteps:
    """The manifest alone, of the artefact that parameter `of` names."""
    module, _, function = build.plan.artefact.parameters["of"].partition(":")
    made: FileSteps = getattr(importlib.import_module(module), function)(build)
    return {"manifest.json": made["manifest.json"]}


def manifest_of(build: Builder, made: FileSteps) -> Step:
    """The step that writes what is in these artefacts."""
    inputs: dict[str, Digest | Step] = {f"artefact:{name}": value for name, value in made.items()}
    packages = []
    closures = {"root": build.root} | ({"initrd": build.initrd} if build.plan.initrd_shell else {})
    for part, closure in closures.items():
        inputs |= {f"package:{part}:{name}": tree for name, tree in closure.trees.items()}
        packages += [_record(part, offer) for offer in closure.packages]
    parameters = {"system": build.plan.name, "machine": build.plan.machine, "packages": packages}
    return Step("micros.formats.manifest:write", inputs, parameters, "manifest.json")


def _record(part: str, offer: Offer) -> dict[str, str]:
    return {
        "name": offer.name,
        "version": offer.version,
        "architecture": offer.architecture,
        "sha256": offer.sha256,
        "part": part,
    }
