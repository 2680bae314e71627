"""The root file system: packages side by side, the system's own files over them, as one read-only image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.store.step import Step

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.plan.builder import Builder, FileSteps

TIME_FILE = "etc/micros/time"
"""The time before which no clock can be right, for activation."""


def image(build: Builder) -> FileSteps:
    """The squashfs image."""
    options = {"compression": build.plan.root_compression, "level": build.plan.root_level}
    return {"root.squashfs": Step("micros.formats.squashfs:write", {"tree": tree(build)}, options, "root.squashfs")}


def tree(build: Builder) -> Step:
    """The tree of the root file system. The kernel's package gives it modules only, and those that are asked for."""
    plan, trees = build.plan, build.root.trees
    left_out = {plan.kernel, *plan.module_packages, *([build.kernel[0]] if plan.kernel else [])}
    inputs: dict[str, Digest | Step] = {name: digest for name, digest in trees.items() if name not in left_out}
    below = []
    if plan.shell in trees:
        links = {"package": trees[plan.shell]}
        inputs["applets"] = Step("micros.formats.busybox:links", links, {"at": "usr/bin"}, "applets", "tree")
        below = ["applets"]
    if plan.kernel and plan.kernel_modules:
        wanted = {"modules": list(plan.kernel_modules)}
        inputs["modules"] = Step("micros.formats.kmod:select", build.module_trees, wanted, "kernel modules", "tree")
    if "ca-certificates" in trees or plan.certificates:
        package: dict[str, Digest | Step] = {"package": trees["ca-certificates"]} if "ca-certificates" in trees else {}
        more = {"more": list(plan.certificates)} if plan.certificates else {}
        inputs["ca-bundle"] = Step("micros.formats.pem:bundle", package, more, "CA bundle", "tree")
    inputs |= build.sources(plan.files)
    files = {**plan.files, TIME_FILE: {"mode": "0644", "uid": 0, "gid": 0, "text": f"{build.time}\n"}}
    parameters = {"files": files, "below": below, "privileged": plan.privileged, "required": plan.required}
    return Step("micros.formats.compose:compose", inputs, parameters, "root tree", "tree")
