"""The unified kernel image, and the command line that finds the root of a disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.base.tree import File
from micros.modules.environment import os_release_text
from micros.plan.artefacts import initrd, kernel, root
from micros.plan.artefacts.signing import signed
from micros.plan.described import cmdline_of
from micros.store.step import Step

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.plan.builder import Builder, FileSteps

ROOT_NUMBER = 2
"""The root's place among the partitions, counted from 1."""
_PARTUUID_WORD = "root=PARTUUID=" + "0" * 36


def image(build: Builder) -> FileSteps:
    """The program."""
    return {"uki.efi": program(build, cmdline(build))}


def program(build: Builder, cmdline: Digest | Step) -> Digest | Step:
    """The program with this command line, signed where the system says so."""
    inputs: dict[str, Digest | Step] = {
        "stub": loader_file(build, f"linux{build.machine.efi.lower()}.efi.stub"),
        "cmdline": cmdline,
        **kernel.image(build),
        **initrd.archive(build),
    }
    parameters = {"os_release": os_release(build), "release": build.kernel_release}
    return signed(build, Step("micros.formats.uki:write", inputs, parameters, "uki.efi"), "uki.efi")


def loader(build: Builder) -> Digest | Step:
    """systemd-boot, signed where the system says so."""
    name = f"systemd-boot{build.machine.efi.lower()}.efi"
    return signed(build, loader_file(build, name), name)


def cmdline(build: Builder) -> Digest | Step:
    """The command line of a disk: as configured, and where the root is unless that is said there."""
    words = build.plan.cmdline.split(" ") if build.plan.cmdline else []
    if any(word.startswith("root=") for word in words):
        return kernel.cmdline(build)["cmdline"]
    cmdline_of([*words, _PARTUUID_WORD])  # whether there is room for it
    layout = build.plan.artefact.parameters
    parameters = {
        "text": build.plan.cmdline,
        "table": layout["table"],
        "label": layout["root"]["label"],
        "number": ROOT_NUMBER,
    }
    return Step("micros.formats.disk:cmdline", {"root": root.content(build)}, parameters, "cmdline")


def loader_file(build: Builder, name: str) -> Digest:
    """A file of the package of what UEFI starts. Raises an error of kind `missing-file` where it has none of this name."""
    for tree in build.loader.trees.values():
        for path, entry in build.store.tree(tree).items():
            if path.endswith("/" + name) and isinstance(entry, File):
                return entry.digest
    raise error(Kind.MISSING_FILE, f"the package {build.plan.efi_stub} has no {name}", hint="see images.uki.stub")


def os_release(build: Builder) -> str:
    """What the system calls itself, for boot menus (os-release(5))."""
    declared = build.plan.files.get("etc/os-release", {}).get("text", "")
    return declared or os_release_text(build.plan.name)
