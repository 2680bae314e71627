"""A disk image: a partition that UEFI starts from, the root, and one for what is to stay.

ESP   FAT    EFI/BOOT/BOOT<machine>.EFI: the unified kernel image, or a loader beside kernel and initrd
root         the squashfs
data  ext4   if it is asked for
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from micros.lang import REQUIRED, Complaint, Config, Module, Pattern, Range, Record, check, lazy, option
from micros.modules.system import Artefact, FileSpec

Mib = Annotated[int, Range(1, 1 << 24)]
Label = Annotated[str, Pattern("[A-Za-z0-9._-]{1,16}", "label: 1 to 16 letters, digits, dots, hyphens, underscores")]
EspLabel = Annotated[str, Pattern("[A-Z0-9_-]{1,11}", "label: 1 to 11 capital letters, digits, hyphens, underscores")]


SIZES = ("images.disk.size", "images.disk.esp_size", "images.disk.root_size", "images.disk.data.size")
"""The options that say how large something is."""


class DataPartition(Record):
    """A partition for what outlives a boot."""

    label: Label = option(default="data", doc="Name of the partition, and of its file system.")
    size: Mib = option(default=REQUIRED, doc="Size in MiB.", example=512)
    format: Literal["ext4", "blank"] = option(
        default="ext4", doc="What is on it; a blank one is made a file system of by storage.data when it first boots."
    )
    files: dict[str, FileSpec] = option(
        default={}, doc="What an ext4 one begins with, by path below its root.", example={"etc/wifi.conf": {"text": "..."}}
    )


class DiskImage(Module, at="images.disk"):
    """The layout of disk_image."""

    table: Literal["gpt", "mbr"] = option(default="gpt", doc="Kind of partition table.")
    size: Mib | None = option(default=None, default_text="as needed", doc="Size of the disk in MiB.", example=1024)
    sector_size: Literal[512, 4096] = option(default=512, doc="Bytes of the disk's logical sectors.")
    contents: Literal["uki", "loader"] = option(
        default="uki", doc="What the ESP holds: one program, or systemd-boot with a menu beside kernel and initrd."
    )
    esp_size: Mib | None = option(default=None, default_text="as needed", doc="Size of the ESP in MiB.", example=64)
    esp_label: EspLabel = option(default="ESP", doc="Name of the ESP, and of its file system.")
    root_size: Mib | None = option(default=None, default_text="as needed", doc="Size of the root's partition in MiB.")
    root_label: Label = option(default="root", doc="Name of the root's partition.")
    data: DataPartition | None = option(default=None, doc="A partition for what outlives a boot; see storage.data.")
    format: Literal["raw", "qcow2", "vmdk", "vhd"] = option(default="raw", doc="How the image is kept in its file.")

    @check
    def labels_differ(self, config: Config) -> Complaint | None:
        """Two partitions of one name cannot be told apart, nor by letters that differ in case alone."""
        labels = {"esp_label": self.esp_label, "root_label": self.root_label}
        labels |= {"data.label": self.data.label} if self.data is not None else {}
        folded = [label.lower() for label in labels.values()]
        twice = {name: label for name, label in labels.items() if folded.count(label.lower()) > 1}
        if not twice:
            return None
        text = "images.disk: two partitions have one label: " + ", ".join(f"{name} is {label}" for name, label in twice.items())
        return Complaint(text, tuple(f"images.disk.{name}" for name in twice), "case does not count: Linux finds them without it")

    @check
    def blank_holds_nothing(self, config: Config) -> str | None:
        """Files need a file system."""
        is_bad = self.data is not None and self.data.format == "blank" and self.data.files
        return "images.disk.data.files: a blank partition has no file system to hold them" if is_bad else None

    def layout(self) -> dict[str, Any]:
        """All of it as plain data."""
        data = None if self.data is None else {"label": self.data.label, "size": self.data.size, "format": self.data.format}
        return {
            "table": self.table,
            "size": self.size or 0,
            "sector_size": self.sector_size,
            "contents": self.contents,
            "esp": {"label": self.esp_label, "size": self.esp_size or 0},
            "root": {"label": self.root_label, "size": self.root_size or 0},
            "data": data,
            "format": self.format,
        }


class DiskImageArtefact(Module, at="system.build"):
    """The image by itself."""

    disk_image: Artefact = option(
        default=lazy(lambda config: Artefact("micros.plan.artefacts.disk:image", config[DiskImage].layout())),
        default_text="of boot.* and images.disk",
        doc="a disk that UEFI boots, as images.disk describes it",
    )
