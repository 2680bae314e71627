"""What boots from the network: initrds with and without the root, scripts of iPXE, and iPXE itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.base.tree import File
from micros.plan.artefacts import initrd, kernel, squashfs
from micros.plan.described import cmdline_of
from micros.plan.modules import check_modules
from micros.store.step import Step

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.plan.builder import Builder, FileSteps

RAMDISK = "netboot-ramdisk"
"""The initrd that carries the root."""
ROOT = "root.squashfs"
_NO_WORD = re.compile(r"#.*|\|\||&&|;")
"""What iPXE's shell takes for a comment or the end of a command."""
FETCHING = ("loop", "af_packet")
"""Modules that stage 1 mounts a file with, and asks for an address."""


def directory(build: Builder) -> FileSteps:
    """Everything that a server hands out, and a script for each way, one of which is boot.ipxe."""
    made = {**kernel.image(build), "initrd": _fetching(build), **ramdisk(build), **squashfs.image(build)}
    return {**made, **{f"{way}.ipxe": _script(build, way) for way in ("carried", "fetched")}, **script(build)}


def served(build: Builder) -> FileSteps:
    """The same with iPXE for machines whose network card has none."""
    return {**directory(build), **programs(build)}


def ramdisk(build: Builder) -> FileSteps:
    """An initrd, and after it an archive of the root's image alone, which is compressed already."""
    tree = Step("micros.formats.directory:files", {**squashfs.image(build)}, {}, "root in the initrd", "tree")
    parameters = {"compression": "none", "prepend": ["initrd"]}
    return {RAMDISK: Step("micros.formats.cpio:write", {"tree": tree, "initrd": _fetching(build)}, parameters, RAMDISK)}


def script(build: Builder) -> FileSteps:
    """The script of the way that is asked for."""
    return {"boot.ipxe": _script(build, build.plan.artefact.parameters["root"])}


def programs(build: Builder) -> FileSteps:
    """iPXE, and the script that it finds beside itself.

    Raises an error of kind `missing-file` for a machine that the package has no program for.
    """
    efi = f"ipxe-{build.machine.debian}.efi"
    found: FileSteps = {"ipxe.efi": _program(build, efi)}
    if build.machine.name == "x86_64":
        found |= {name: _program(build, name) for name in ("undionly.kpxe", "ipxe.lkrn")}
    return {**found, "autoexec.ipxe": script(build)["boot.ipxe"]}


def _program(build: Builder, name: str) -> Digest:
    package = build.plan.artefact.parameters["ipxe"]
    for tree in build.boot_packages(package).trees.values():
        entry = build.store.tree(tree).get(f"usr/lib/ipxe/{name}")
        if isinstance(entry, File):
            return entry.digest
    raise error(Kind.MISSING_FILE, f"the package {package} has no {name}", hint="see images.netboot.ipxe")


def _fetching(build: Builder) -> Step:
    """The initrd with what it takes to fetch the root."""
    modules = [*FETCHING, *build.plan.artefact.parameters["drivers"]]
    trees = [build.store.tree(digest) for digest in build.module_trees.values()]
    check_modules(modules, build.plan.module_places, build.store, trees)
    options = {"compression": build.plan.initrd_compression, "level": build.plan.initrd_level}
    return Step("micros.formats.cpio:write", {"tree": initrd.tree(build, modules)}, options, "initrd of netboot")


def _script(build: Builder, way: str) -> Step:
    """One script. Raises an error of kind `usage` for a word of the kernel's that a line of it cannot hold."""
    told = build.plan.artefact.parameters
    words = [*build.plan.cmdline.split(), *(part for word in told["kernel_params"] for part in word.split())]
    if cut := [word for word in words if _NO_WORD.fullmatch(word)]:
        hint = "leave it out of boot.kernel_params and images.netboot.kernel_params"
        raise error(Kind.USAGE, f"iPXE ends a command line at the word {cut[0]!r}", hint=hint)
    fetched: dict[str, Digest | Step] = {"root": squashfs.image(build)[ROOT]} if way == "fetched" else {}
    parameters = {
        "name": build.plan.name,
        "url": told["url"],
        "cmdline": cmdline_of(words),
        "initrd": "initrd" if fetched else RAMDISK,
    }
    return Step("micros.formats.ipxe:script", fetched, parameters, f"{way}.ipxe")
