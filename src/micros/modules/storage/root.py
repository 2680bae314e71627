"""Where the root file system is, and what of it can be written.

The root is a read-only image: alone on a block device, or a file in a file system that a device holds (an ISO, a FAT stick).
Over it may lie what takes changes: memory, or the data partition.
"""

from __future__ import annotations

from typing import Annotated, Literal

from micros.lang import Config, Module, Range, lazy, option
from micros.modules.boot.mounts import Size
from micros.modules.storage.file_systems import FileSystem, FileSystems, options_of, source


def _entry(config: Config) -> FileSystem | None:
    """What `file_systems` says of the root."""
    return next((one for one in config[FileSystems].file_systems.values() if one.enable and one.mount_point == "/"), None)


def _in_memory(config: Config) -> bool:
    entry = _entry(config)
    return entry is not None and entry.fs_type in ("tmpfs", "ramfs")


def _image(config: Config) -> tuple[str, str, str, list[str]]:
    """Device, file on it, type and options of the root image.

    Where `file_systems` has a tmpfs as root, it is the squashfs there that the boot needs, and a file of another one where its
    device is a path below that.
    """
    entry = _entry(config)
    if entry is not None and not _in_memory(config):
        return source(entry), "", entry.fs_type, ["ro"] if entry.options == ["defaults"] else options_of(entry)
    entries = [one for one in config[FileSystems].enabled() if entry is not None]
    for one in entries:
        if one.fs_type != "squashfs" or not one.needed_for_boot:
            continue
        for other in entries:
            if source(one).startswith(other.mount_point.rstrip("/") + "/"):
                return source(other), source(one)[len(other.mount_point.rstrip("/")) + 1 :], "squashfs", ["ro"]
        return source(one), "", "squashfs", ["ro"]
    return "/dev/vda", "", "squashfs", ["ro"]


class Root(Module, at="storage.root"):
    """The root file system. /run, /tmp and /var are memory; /var starts as the image has it."""

    device: str = option(
        default=lazy(lambda config: _image(config)[0]),
        default_text="/dev/vda, or what file_systems says",
        doc="Block device: a path, LABEL=, UUID=, PARTUUID= or PARTLABEL=; `root=` on the kernel's command line wins.",
    )
    file: str = option(
        default=lazy(lambda config: _image(config)[1]),
        default_text="none, or what file_systems says",
        doc="Path of the image in the file system that the device holds; empty where the device is the image.",
        example="root.squashfs",
    )
    fs_type: str = option(
        default=lazy(lambda config: _image(config)[2]),
        default_text="squashfs",
        doc="File system of the root; with `erofs`, dist and disk_image hold an image of that (images.erofs).",
    )
    options: list[str] = option(default=lazy(lambda config: _image(config)[3]), default_text='["ro"]', doc="Mount options.")
    writable: Literal["no", "tmpfs", "data"] = option(
        default=lazy(lambda config: "tmpfs" if _in_memory(config) else "no"),
        default_text="no, or tmpfs where file_systems has one as root",
        doc="Where changes to the root go: nowhere, into memory until the next boot, or to the data partition (storage.data).",
    )
    size: Size = option(default="50%", doc="Memory that changes may take, where they go there.")
    kernel_modules: list[str] = option(default=["virtio_blk"], doc="Drivers of the disk.")
    compression: Literal["zstd", "xz", "gzip"] = option(default="zstd", doc="Compression of a squashfs.")
    level: Annotated[int, Range(0, 22)] = option(default=0, doc="Strength of the compression; 0 is the strongest usual one.")
