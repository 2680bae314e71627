"""Disk images: the partitions one by one, then all of them in one file."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, error
from micros.plan.artefacts import initrd, kernel, uki
from micros.plan.artefacts import root as root_image
from micros.plan.artefacts.signing import signed
from micros.store.command import CLOCK
from micros.store.step import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from micros.base.digest import Digest
    from micros.plan.builder import Builder, FileSteps

MIB = 1 << 20
ESP_TYPE = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", 0xEF
"""Of an ESP, in a GPT (UEFI 2.10, table 5.7) and in an MBR (5.2.2)."""
LINUX_TYPE = "0fc63daf-8483-4772-8e79-3d69d8477de4", 0x83
FILE_SYSTEMS = uuid.UUID("0f3c9a66-9a0e-5d39-8d7b-6a3b7c1f2e55")
"""Namespace of the UUIDs of file systems."""
QEMU_FORMATS = {
    "qcow2": ("qcow2", []),
    "vmdk": ("vmdk", ["-o", "subformat=monolithicSparse"]),
    "vhd": ("vpc", ["-o", "subformat=dynamic,force_size=on"]),
}
"""By our name: QEMU's, and options."""


def image(build: Builder) -> FileSteps:
    """The image, in the format that is asked for."""
    layout = build.plan.artefact.parameters
    raw = _raw(build, layout)
    kind = layout["format"]
    return {"disk.img": raw} if kind == "raw" else {f"disk.{kind}": converted(build.tools("qemu-utils"), raw, kind)}


def esp(build: Builder) -> Step:
    """The file system that UEFI reads."""
    layout = build.plan.artefact.parameters
    tree = _esp_of_uki(build) if layout["contents"] == "uki" else _esp_of_loader(build)
    parameters = {
        "size_bytes": layout["esp"]["size"] * MIB,
        "sector_bytes": layout["sector_size"],
        "label": layout["esp"]["label"],
    }
    return Step("micros.formats.fat:write", {"tree": tree}, parameters, "ESP")


def _esp_of_uki(build: Builder) -> Step:
    return Step(
        "micros.formats.directory:files", {build.machine.efi_path: uki.image(build)["uki.efi"]}, {}, "ESP's files", "tree"
    )


def _esp_of_loader(build: Builder) -> Step:
    """systemd-boot, which finds its entries as the UAPI group's specification 1 has them."""
    parts: dict[str, Digest | Step] = {**kernel.image(build), **initrd.archive(build), "cmdline": uki.cmdline(build)}
    title = f"MicrOS ({build.plan.name})"
    entry = Step("micros.formats.loader:entry", {"cmdline": parts["cmdline"]}, {"title": title}, "loader entry")
    inputs: dict[str, Digest | Step] = {
        build.machine.efi_path: uki.loader(build),
        "loader/entries/micros.conf": entry,
        "micros/kernel": signed(build, parts["kernel"], "kernel"),
        "micros/initrd": parts["initrd"],
    }
    texts = {"texts": {"loader/loader.conf": "timeout 0\n"}}
    return Step("micros.formats.directory:files", inputs, texts, "ESP's files", "tree")


def _raw(build: Builder, layout: Any) -> Step:
    first, root, data = layout["esp"], layout["root"], layout["data"]
    inputs: dict[str, Digest | Step] = {
        first["label"]: esp(build),
        root["label"]: root_image.content(build),
    }
    types = [(first, ESP_TYPE), (root, (build.machine.root_type, LINUX_TYPE[1]))]
    if data is not None:
        types.append((data, LINUX_TYPE))
        if data["format"] == "ext4":
            inputs[data["label"]] = ext4(build, data["label"], data["size"])
    partitions = [
        {"label": one["label"], "guid": guid, "mbr_type": number, "size_bytes": one["size"] * MIB}
        for one, (guid, number) in types
    ]
    parameters = {
        "table": layout["table"],
        "sector_bytes": layout["sector_size"],
        "size_bytes": layout["size"] * MIB,
        "partitions": partitions,
        "identity": root["label"],
    }
    return Step("micros.formats.disk:write", inputs, parameters, "disk.img")


def ext4(build: Builder, label: str, size_mib: int) -> Step:
    """An ext4 file system with the files that are declared for it."""
    tools = build.tools("e2fsprogs", "libarchive13t64")  # mke2fs reads archives with the latter
    files = build.plan.data_files
    held = sum(len(entry.get("text", "").encode()) for entry in files.values())
    held += sum(build.store.path(digest).stat().st_size for digest in build.sources(files).values())
    if held > size_mib * MIB:
        hint = "make images.disk.data.size larger"
        raise error(Kind.DOES_NOT_FIT, f"the partition {label} has {size_mib * MIB} bytes, its files {held}", hint=hint)
    tree = Step("micros.formats.compose:compose", build.sources(files), {"files": files}, f"files of {label}", "tree")
    return ext4_image(tools, tree, label, size_mib, f"{build.plan.name}/{label}/{size_mib}")


def ext4_image(
    tools: Digest | Step, tree: Digest | Step, label: str, size_mib: int, name: str, environment: Mapping[str, str] | None = None
) -> Step:
    """The ext4 file system of a tree; its UUID is made of `name`. What is zero in it takes no room, and nobody writes it."""
    identity = str(uuid.uuid5(FILE_SYSTEMS, name))
    options = f"hash_seed={identity},root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1,nodiscard"
    argv = ["mke2fs", "-q", "-t", "ext4", "-b", "4096", "-m", "0", "-L", label, "-U", identity, "-E", options]
    argv += ["-d", "/in/files.tar", "/out/image", f"{size_mib}M"]
    inputs: dict[str, Digest | Step] = {
        "root": tools,
        "files.tar": Step("micros.formats.tar_writer:write", {"tree": tree}, {}, f"archive of {label}"),
    }
    variables = {"E2FSPROGS_FAKE_TIME": CLOCK, **(environment or {})}
    return Step("micros.store.command:run", inputs, {"argv": argv, "output": "image", "environment": variables}, f"ext4 {label}")


def converted(tools: Digest | Step, raw: Digest | Step, kind: str, environment: Mapping[str, str] | None = None) -> Step:
    """A raw image in another format, by qemu-img."""
    name, options = QEMU_FORMATS[kind]
    argv = ["qemu-img", "convert", "-f", "raw", "-O", name, *options, "/in/raw", "/out/image"]
    parameters = {"argv": argv, "output": "image", "environment": dict(environment or {})}
    made = Step("micros.store.command:run", {"root": tools, "raw": raw}, parameters, f"disk.{kind}")
    if kind == "qcow2":
        return made
    # QEMU puts the time and random numbers into these.
    return Step("micros.formats.virtual_disks:settle", {"image": made, "raw": raw}, {"format": kind}, f"disk.{kind}, settled")
