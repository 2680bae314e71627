"""Composing a tree: packages side by side, the files a system declares over them."""

from __future__ import annotations

import fnmatch
import os
import posixpath
from typing import TYPE_CHECKING, Any

from micros.base.capabilities import XATTR
from micros.base.errors import Kind, MicrosError, Problem, error
from micros.base.tree import Directory, Entry, File, Symlink, Tree, union

if TYPE_CHECKING:
    from collections.abc import Mapping

    from micros.base.digest import Digest
    from micros.base.step import Job

MOST_LINKS = 40
"""Symbolic links on the way to a file, as Linux follows them (path_resolution(7))."""


def compose(job: Job) -> Digest:
    """Step program: the union of all input trees, with declared entries over it.

    Inputs: trees by owner, and `blob:<digest>`, contents of declared files. Parameters: `below`, owners whose entries give
    way to every other tree's; `files`, entries by path: `{"text" or "blob", "mode", "uid", "gid", "capabilities"}`,
    `{"link"}`, `{"directory": true, "mode", ...}`, `{"copy": path, ...}` with the content of another file of the tree,
    or `{"absent": true}`;
    `privileged`, what happens to files of packages that give whoever runs them more rights: `keep` or `strip` by glob of
    path; `required`, paths that have to be there, each with what asks for it.

    Two owners of one path, and neither of them below, are an error of kind `clash`; a privileged file about which nothing
    is said one of kind `privileged`; a missing path one of kind `missing-file`.
    """
    parameters = job.parameters
    below: list[str] = parameters.get("below", [])
    trees = {owner: job.tree(digest) for owner, digest in sorted(job.inputs.items()) if not owner.startswith("blob:")}
    trees = _without_privileges(trees, parameters.get("privileged", {}))
    base = union((owner, trees[owner]) for owner in below)
    packages = union((owner, tree) for owner, tree in trees.items() if owner not in below)
    files: dict[str, dict[str, Any]] = parameters["files"]
    absent = {path for path, spec in files.items() if spec.get("absent")}
    merged = packages.over(base)
    merged = merged.only(lambda path, _: path not in absent) if absent else merged
    declared = {path: _entry(job, spec) for path, spec in files.items() if not spec.keys() & {"copy", "absent"}}
    # A declared link or file takes the place of a package's entry, but a directory that holds something stays.
    whole = Tree.of(declared.items()).over(merged)
    copies = {path: _copy(path, spec, whole) for path, spec in files.items() if "copy" in spec}
    whole = Tree.of(copies.items()).over(whole) if copies else whole
    _check_required(whole, parameters.get("required", {}))
    return job.put_tree(whole)


def _entry(job: Job, spec: dict[str, Any]) -> Entry:
    if spec.get("link") is not None:
        return Symlink(spec["link"])
    mode = int(spec["mode"], 8)
    if spec.get("directory"):
        return Directory(mode, spec["uid"], spec["gid"])
    if "blob" in spec:
        digest = job.inputs[f"blob:{spec['blob']}"]
        with job.open(digest) as stream:
            size = stream.seek(0, os.SEEK_END)
    else:
        data = spec["text"].encode("utf-8", "surrogateescape")
        digest, size = job.put(data), len(data)
    return File(digest, size, mode, spec["uid"], spec["gid"], _xattrs(spec))


def _xattrs(spec: dict[str, Any]) -> tuple[tuple[str, bytes], ...]:
    return ((XATTR, bytes.fromhex(spec["capabilities"])),) if spec.get("capabilities") else ()


def _copy(path: str, spec: dict[str, Any], tree: Tree) -> Entry:
    """The file that another path of the tree leads to, with an owner and a mode of its own."""
    entry = tree.get(resolved(tree, spec["copy"]))
    if not isinstance(entry, File):
        what = "is not a file" if entry is not None else "is in none of the system's packages"
        raise error(Kind.MISSING_FILE, f"/{spec['copy']}, of which /{path} is to be a copy, {what}")
    mode = entry.mode & 0o777 if spec["mode"] is None else int(spec["mode"], 8)
    return File(entry.digest, entry.size, mode, spec["uid"], spec["gid"], _xattrs(spec))


def resolved(tree: Mapping[str, Entry], path: str) -> str:
    """Where a path leads when the symbolic links on its way are followed; where they go in circles, some path."""
    left = path.strip("/").split("/")
    done = ""
    for _ in range(MOST_LINKS):
        while left:
            done = posixpath.normpath(posixpath.join(done, left.pop(0)))
            entry = tree.get(done)
            if isinstance(entry, Symlink):
                target = posixpath.normpath(posixpath.join("/", posixpath.dirname(done), entry.target)).strip("/")
                left = [*target.split("/"), *left]
                done = ""
                break
        else:
            break
    return done


def _without_privileges(trees: dict[str, Tree], said: Mapping[str, str]) -> dict[str, Tree]:
    """The trees of packages, with setuid, setgid and capable files as is said about them."""
    problems: list[Problem] = []
    result: dict[str, Tree] = {}
    for owner, tree in trees.items():
        changes: dict[str, Entry] = {}
        for path, entry in tree.items():
            if type(entry) is not File or not (entry.mode & 0o6000 or entry.xattrs):
                continue
            verdict = next((said[glob] for glob in said if fnmatch.fnmatchcase(path, glob)), "")
            if verdict == "strip":
                changes[path] = File(entry.digest, entry.size, entry.mode & 0o1777, entry.uid, entry.gid)
            elif not verdict:
                problems.append(_privileged(owner, path, entry))
        result[owner] = Tree(dict(tree.items()) | changes) if changes else tree
    if problems:
        raise MicrosError(*problems)
    return result


def _privileged(owner: str, path: str, entry: File) -> Problem:
    """The problem of a file that gives whoever runs it more rights."""
    bits = [name for bit, name in ((0o4000, "setuid"), (0o2000, "setgid")) if entry.mode & bit]
    what = " and ".join(bits) if bits else "more than an ordinary file (it has extended attributes)"
    message = f"/{path} of the package {owner} is {what}, and nothing says whether that is wanted"
    hint = f'security.privileged_files."{path}" = "strip" leaves the file without, "keep" keeps it as it is'
    return Problem(Kind.PRIVILEGED, message, (), hint)


def _check_required(tree: Tree, required: Mapping[str, str]) -> None:
    """Raise for every path that something asks for and that leads to nothing."""
    missing = [(path, who) for path, who in required.items() if tree.get(resolved(tree, path)) is None]
    if missing:
        hint = "put the package that brings it into environment.system_packages"
        raise MicrosError(
            *(
                Problem(Kind.MISSING_FILE, f"{who} names {path}, which the system does not have", (), hint)
                for path, who in missing
            )
        )
