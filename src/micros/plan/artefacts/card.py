"""The card of a board: its boot partition, the root, and what lies before them."""

from __future__ import annotations

import difflib
import fnmatch
import posixpath
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, error
from micros.base.tree import File
from micros.modules.boards.facts import CMDLINE
from micros.plan.artefacts import initrd, kernel, squashfs, uki
from micros.plan.artefacts.disk import ESP_TYPE, LINUX_TYPE, MIB
from micros.store.step import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from micros.base.digest import Digest
    from micros.plan.builder import Builder, FileSteps

BOOT_TYPE = 0x0C
"""Type of a FAT32 partition in an MBR, by sector numbers."""


def image(build: Builder) -> FileSteps:
    """The image of the card."""
    layout = build.plan.artefact.parameters
    boards = layout["boards"]
    if not boards:
        raise error(Kind.USAGE, "the card is for no board", hint="choose one: boards.*.enable")
    boot, root = layout["boot"], layout["root"]
    inputs: dict[str, Digest | Step] = {
        boot["label"]: _boot(build, boards),
        root["label"]: squashfs.image(build)["root.squashfs"],
    }
    blobs = {}
    for board in boards:
        for blob in board["blobs"]:
            name = posixpath.basename(blob["file"]["path"])
            inputs[name] = _package_file(build, blob["file"])
            blobs[name] = blob["at_bytes"]
    partitions = [
        {"label": boot["label"], "guid": ESP_TYPE[0], "mbr_type": BOOT_TYPE, "size_bytes": boot["size"] * MIB, "active": True},
        {"label": root["label"], "guid": build.machine.root_type, "mbr_type": LINUX_TYPE[1]},
    ]
    parameters = {
        "table": layout["table"],
        "size_bytes": layout["size"] * MIB,
        "partitions": partitions,
        "identity": root["label"],
        "blobs": blobs,
    }
    return {"card.img": Step("micros.formats.disk:write", inputs, parameters, "card.img")}


def _boot(build: Builder, boards: list[Mapping[str, Any]]) -> Step:
    """The file system that loaders read."""
    inputs: dict[str, Digest | Step] = {**kernel.image(build), **initrd.archive(build)}
    texts: dict[str, str] = {}
    for board in boards:
        for pattern in board["kernel"]["device_trees"]:
            inputs |= _device_trees(build, pattern)
        inputs |= {path: _package_file(build, file) for path, file in board["files"].items()}
        texts |= board["texts"]
    for path, text in texts.items():
        filled: dict[str, Digest | Step] = {"cmdline": uki.cmdline(build)} if CMDLINE in text else {}
        inputs[path] = Step("micros.formats.loader:menu", filled, {"text": text, "mark": CMDLINE}, path)
    tree = Step("micros.formats.directory:files", inputs, {}, "boot partition's files", "tree")
    layout = build.plan.artefact.parameters["boot"]
    parameters = {"size_bytes": layout["size"] * MIB, "sector_bytes": 512, "label": layout["label"]}
    return Step("micros.formats.fat:write", {"tree": tree}, parameters, "boot partition")


def _device_trees(build: Builder, pattern: str) -> dict[str, Digest]:
    """The device trees of the kernel's package that a glob names, by path on the boot partition.

    Raises an error of kind `missing-file` where there is none, with those whose names are near.
    """
    package, digest = build.kernel
    known = {
        posixpath.basename(path): entry.digest
        for path, entry in build.store.tree(digest).items()
        if path.endswith((".dtb", ".dtbo")) and isinstance(entry, File)
    }
    found = fnmatch.filter(known, pattern)
    if not found:
        near = difflib.get_close_matches(pattern, known, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "see boot.kernel_package"
        raise error(Kind.MISSING_FILE, f"the kernel's package {package} has {len(known)} device trees, not {pattern}", hint=hint)
    return {name: known[name] for name in found}


def _package_file(build: Builder, file: Mapping[str, Any]) -> Digest:
    """A file of a package. Raises an error of kind `missing-file` where the package has none of this name."""
    tree = build.store.tree(build.loader_files(file["package"]))
    entry = tree.get(file["path"])
    if not isinstance(entry, File):
        raise error(Kind.MISSING_FILE, f"the package {file['package']} has no {file['path']}")
    return entry.digest
