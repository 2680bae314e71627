"""The initial RAM file system: a busybox, the modules that reach the root, a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.store.step import Step

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.plan.builder import Builder, FileSteps


def archive(build: Builder) -> FileSteps:
    """The compressed cpio archive."""
    plan, trees = build.plan, build.initrd.trees
    kernel = build.kernel[1]
    load = {"modules": list(plan.initrd_modules), "load": True}
    links = {"package": trees[plan.initrd_shell]}
    inputs: dict[str, Digest | Step] = {
        **trees,
        "applets": Step("micros.formats.busybox:links", links, {"at": "usr/bin"}, "initrd applets", "tree"),
        "modules": Step("micros.formats.kmod:select", {"kernel": kernel}, load, "initrd modules", "tree"),
    }
    directory = {"directory": True, "mode": "0755", "uid": 0, "gid": 0}
    files: dict[str, dict[str, Any]] = dict.fromkeys(("dev", "proc", "root", "sys"), directory)
    files["bin"] = {"link": "usr/bin"}
    files["init"] = {"text": plan.initrd_script, "mode": "0755", "uid": 0, "gid": 0}
    tree = Step("micros.formats.compose:compose", inputs, {"files": files, "below": ["applets"]}, "initrd tree", "tree")
    options = {"compression": plan.initrd_compression, "level": plan.initrd_level}
    return {"initrd": Step("micros.formats.cpio:write", {"tree": tree}, options, "initrd")}
