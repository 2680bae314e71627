"""The initial RAM file system: a busybox, the modules that reach the root, a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.store.step import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from micros.base.digest import Digest
    from micros.plan.builder import Builder, FileSteps


def archive(build: Builder) -> FileSteps:
    """The compressed cpio archive."""
    options = {"compression": build.plan.initrd_compression, "level": build.plan.initrd_level}
    return {"initrd": Step("micros.formats.cpio:write", {"tree": tree(build)}, options, "initrd")}


def extra_utils(build: Builder) -> FileSteps:
    """The same archive as it is before compression: every program, module and file of the initrd."""
    return {"extra-utils.cpio": Step("micros.formats.cpio:write", {"tree": tree(build)}, {"compression": "none"}, "extra-utils")}


def tree(build: Builder, more_modules: Sequence[str] = ()) -> Step:
    """The initrd's tree: its modules with what they depend on and the firmware they ask for."""
    plan, trees = build.plan, build.initrd.trees
    modules = list(dict.fromkeys([*plan.initrd_modules, *more_modules]))
    wanted = {"modules": modules, "load": list(plan.initrd_loaded), "firmware": list(plan.firmware)}
    sources = build.module_trees | {name: build.root.trees[name] for name in plan.firmware}
    links = {"package": trees[plan.initrd_shell]}
    inputs: dict[str, Digest | Step] = {
        **trees,
        "applets": Step("micros.formats.busybox:links", links, {"at": "usr/bin"}, "initrd applets", "tree"),
        "modules": Step("micros.formats.kmod:select", sources, wanted, "initrd modules", "tree"),
        **build.sources(plan.initrd_files),
    }
    parameters = {"files": plan.initrd_files, "below": ["applets"]}
    return Step("micros.formats.compose:compose", inputs, parameters, "initrd tree", "tree")
