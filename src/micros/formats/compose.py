"""Composing a tree: packages side by side, the files a system declares over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.tree import Directory, Entry, File, Symlink, Tree, union

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.base.step import Job


def compose(job: Job) -> Digest:
    """Step program: the union of all input trees, with declared entries over it.

    Inputs: trees by owner. Parameters: `below`, owners whose entries give way to every other tree's; `files`, entries by
    path: `{"text", "mode", "uid", "gid"}`, `{"link"}`, or `{"directory": true, "mode", ...}`. Two owners of one path, and
    neither of them below, are an error of kind `clash`.
    """
    below: list[str] = job.parameters.get("below", [])
    base = union((owner, job.tree(job.inputs[owner])) for owner in below)
    packages = union((owner, job.tree(digest)) for owner, digest in sorted(job.inputs.items()) if owner not in below)
    declared = {path: _entry(job, spec) for path, spec in job.parameters["files"].items()}
    merged = packages.over(base)
    # A declared link or file takes the place of a package's entry, but a directory that holds something stays.
    return job.put_tree(Tree.of(declared.items()).over(merged))


def _entry(job: Job, spec: dict[str, Any]) -> Entry:
    if spec.get("link") is not None:
        return Symlink(spec["link"])
    mode = int(spec["mode"], 8)
    if spec.get("directory"):
        return Directory(mode, spec["uid"], spec["gid"])
    data = spec["text"].encode("utf-8", "surrogateescape")
    return File(job.put(data), len(data), mode, spec["uid"], spec["gid"])
