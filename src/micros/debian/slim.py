"""Slimming: what of a package an image keeps, and what those files need from other packages.

Left out: documentation, manuals, translations, headers, static libraries, what other init systems and package tools read.
Needed: the libraries of ELF files by soname, and the interpreters of scripts; what is loaded at run time by name stands in
runtime.toml. /bin/sh is there in every system.
"""

from __future__ import annotations

import fnmatch
import functools
import json
import posixpath
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, error
from micros.base.tree import File, Symlink, Tree
from micros.formats import elf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from micros.base.digest import Digest
    from micros.base.step import Job
    from micros.base.tree import Entry

_LEFT_OUT = (
    "DEBIAN/",
    "etc/cron.d/",
    "etc/cron.daily/",
    "etc/default/",
    "etc/init.d/",
    "etc/logrotate.d/",
    "etc/sv/",
    "etc/ufw/",
    "usr/include/",
    "usr/lib/debug/",
    "usr/lib/modules-load.d/",
    "usr/lib/systemd/",
    "usr/lib/sysusers.d/",
    "usr/lib/tmpfiles.d/",
    "usr/share/applications/",
    "usr/share/bash-completion/",
    "usr/share/bug/",
    "usr/share/doc-base/",
    "usr/share/doc/",
    "usr/share/fish/",
    "usr/share/gdb/",
    "usr/share/help/",
    "usr/share/icons/",
    "usr/share/info/",
    "usr/share/initramfs-tools/",
    "usr/share/lintian/",
    "usr/share/locale/",
    "usr/share/man/",
    "usr/share/menu/",
    "usr/share/metainfo/",
    "usr/share/pixmaps/",
    "usr/share/runit/",
    "usr/share/zsh/",
)
_LEFT_OUT_ENDS = (".a", ".la", ".pc")
_LEFT_OUT_PARTS = ("/gconv/", "/pkgconfig/")
_SHELLS = {"/bin/sh", "/usr/bin/sh"}
_PROGRAM_DIRECTORIES = ("/usr/bin/", "/usr/sbin/")


@functools.cache
def runtime_table() -> dict[str, Any]:
    """runtime.toml."""
    return tomllib.loads(Path(__file__).with_name("runtime.toml").read_text())


def kept(name: str, tree: Tree, wanted: Sequence[str] = ()) -> Tree:
    """The part of a package's tree that a slim image keeps, and what the globs want; directories that become empty go too."""
    drops = _globs("drops", name)
    keeps = [*wanted, *_globs("keeps", name)]

    def keep(path: str, entry: Entry) -> bool:
        if not isinstance(entry, File | Symlink):
            return False
        if any(fnmatch.fnmatchcase(path, glob) for glob in keeps) and not path.startswith("DEBIAN/"):
            return True
        return (
            not path.startswith(_LEFT_OUT)
            and not path.endswith(_LEFT_OUT_ENDS)
            and not any(part in path for part in _LEFT_OUT_PARTS)
            and not any(fnmatch.fnmatchcase(path, glob) for glob in drops)
        )

    return tree.only(keep)


def _globs(table: str, name: str) -> list[str]:
    """The globs of one table of runtime.toml that are meant for a package."""
    return [glob for key, globs in runtime_table()[table].items() if fnmatch.fnmatchcase(name, key) for glob in globs]


def slim(job: Job) -> Digest:
    """Step program: the kept part of the tree `package`.

    Parameters: `name`, and `keep`, globs of what stays besides, or `only`, the paths of all that stays, with what they are
    links to. Raises an error of kind `bad-tree` where one of those is not there.
    """
    tree, only = job.tree(job.inputs["package"]), job.parameters.get("only")
    if only is None:
        return job.put_tree(kept(job.parameters["name"], tree, job.parameters.get("keep", ())))
    if missing := [path for path in only if path not in tree]:
        raise error(Kind.BAD_TREE, f"the package {job.parameters['name']} has no /{missing[0]}")
    wanted = {path for name in only for path in _with_targets(tree, name)}
    return job.put_tree(tree.only(lambda path, _: path in wanted))


def _with_targets(tree: Tree, path: str) -> Iterator[str]:
    """A path, and as long as it is a link within the tree, where it leads."""
    seen = set()
    while path in tree and path not in seen:
        yield path
        seen.add(path)
        entry = tree[path]
        if not isinstance(entry, Symlink):
            return
        path = posixpath.normpath(posixpath.join("/", posixpath.dirname(path), entry.target)).lstrip("/")


def whole(job: Job) -> Digest:
    """Step program: all of the tree `package` but its control files."""
    tree = job.tree(job.inputs["package"])
    return job.put_tree(tree.only(lambda path, _: path != "DEBIAN" and not path.startswith("DEBIAN/")))


def summary(job: Job) -> Digest:
    """Step program: what the tree `package` needs and gives, as JSON.

    `needs`: sonames and absolute paths of programs; `gives`: base names of libraries, and absolute paths of what lies in
    the program directories.
    """
    tree = job.tree(job.inputs["package"])
    needs: set[str] = set()
    gives: set[str] = set()
    for path, entry in tree.items():
        name = posixpath.basename(path)
        if ".so" in name:
            gives.add(name)
        if path.startswith(("usr/bin/", "usr/sbin/")):
            gives.add("/" + path)
            target = _target(path, entry)
            if target.startswith(_PROGRAM_DIRECTORIES):
                needs.add(target)
        if isinstance(entry, File) and entry.size > 4:
            needs |= _needs(job, path, entry)
    needs = {need for need in needs if need not in gives and need not in _SHELLS}
    return job.put(json.dumps({"needs": sorted(needs), "gives": sorted(gives), "files": len(tree)}).encode())


def _target(path: str, entry: Entry) -> str:
    """Where a symbolic link leads, as an absolute path; empty for anything else."""
    if not isinstance(entry, Symlink):
        return ""
    return canonical_program(posixpath.normpath(posixpath.join("/", posixpath.dirname(path), entry.target)))


def _needs(job: Job, path: str, entry: File) -> set[str]:
    with job.open(entry.digest) as stream:
        start = stream.read(4)
        if start == elf.MAGIC and not path.endswith((".ko", ".o")):
            facts = elf.read(job.read(entry.digest))
            return set(facts.needed) if facts is not None else set()
        if start[:2] == b"#!" and entry.mode & 0o111:
            line = (start + stream.read(256)).split(b"\n")[0][2:].decode("utf-8", "replace").split()
            if line[:1] == ["/usr/bin/env"] and len(line) > 1:
                line = [posixpath.join("/usr/bin", line[1])]
            return {canonical_program(line[0])} if line else set()
    return set()


def canonical_program(path: str) -> str:
    """A program's path on a merged-/usr system."""
    return "/usr" + path if path.startswith(("/bin/", "/sbin/")) else path


def brought(name: str) -> list[str]:
    """Globs of dependencies that a package brings at run time."""
    return _globs("brings", name)


def likely_package(program: str) -> str:
    """The package that most likely gives a program, by its path."""
    found: str = runtime_table()["gives"].get(program, posixpath.basename(program))
    return found


def is_skipped(name: str) -> bool:
    """Whether a package serves maintainer scripts alone, so that nothing without files of its own brings it."""
    return name in runtime_table()["skipped"]["packages"]


def likelihood(need: str, package: str) -> int:
    """How likely a package gives a need, by names alone (policy 8.1): 4 by the table, 3 by the rule, 2 by a common start,
    else 0."""
    if runtime_table()["gives"].get(need) == package:
        return 4
    plain = package.removesuffix("t64")
    if need.startswith("/"):
        return 3 if posixpath.basename(need) == plain else 0
    base, _, version = need.partition(".so")
    base = base.lower().replace("_", "-")
    version = version.lstrip(".")
    joined = f"{base}-{version}" if base[-1:].isdigit() else f"{base}{version}"
    if plain == joined:
        return 3
    return 2 if plain.startswith(base) else 0
