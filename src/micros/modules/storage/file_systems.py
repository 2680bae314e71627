"""File systems on disks, swap, and /etc/fstab (fstab(5)).

`/usr/lib/micros/mount-all` mounts them in order: stage 1 runs it in the root file system for what the boot needs, the
activation for the rest.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Annotated

from micros.lang import REQUIRED, Complaint, Config, Module, Range, Record, check, lazy, option
from micros.modules.order import disorder, in_order
from micros.modules.storage.kinds import FORMATTED, fs_kind

ALWAYS_NEEDED = ("/", "/etc", "/usr", "/var", "/var/lib", "/var/log")
"""What the boot needs whatever is said: programs and activation read or write there."""
_OF_FSTAB = ("noauto", "nofail", "auto", "defaults", "_netdev")
"""Options for programs that read /etc/fstab, not for the kernel."""


class FileSystem(Record):
    """One file system, on a disk or bound from elsewhere."""

    enable: bool = option(default=True, doc="Whether it is mounted.")
    mount_point: str = option(default=lazy(lambda entry: entry.name), default_text="the name", doc="Where.")
    device: str | None = option(
        default=None, doc="A path, or LABEL=, UUID=, PARTUUID=, PARTLABEL= and what it must be.", example="PARTLABEL=data"
    )
    label: str | None = option(default=None, doc="Label of the file system; instead of `device`.")
    fs_type: str = option(default="auto", doc="Type; `none` with the option `bind` for another directory.")
    options: list[str] = option(
        default=["defaults"], doc="Mount options; `nofail` lets it be missing. What can only be read is `ro` by itself."
    )
    needed_for_boot: bool = option(default=False, doc="Stage 1 mounts it, and goes no further without it.")
    depends: list[str] = option(default=[], doc="Mount points that come before, besides those it lies below.")
    auto_format: bool = option(default=False, doc="Make the file system if the device is blank.")
    format_options: str = option(default="", doc="Words for the program that makes it.")
    auto_resize: bool = option(default=False, doc="Let it fill its device.")
    no_check: bool = option(default=False, doc="Do not check it before it is mounted.")


class SwapDevice(Record):
    """Memory on a disk."""

    device: str = option(default=REQUIRED, doc="A partition, by path, LABEL=, UUID=, ...; or a file.")
    size: Annotated[int, Range(1, 1 << 20)] | None = option(default=None, doc="MiB of a file, which is made if it is not there.")
    priority: Annotated[int, Range(0, 32767)] | None = option(
        default=None, doc="Higher is used first, those without one last; of equal ones the first here."
    )


class FileSystems(Module):
    """What is mounted."""

    file_systems: dict[str, FileSystem] = option(
        default={},
        doc="File systems by mount point. `/` says where the root is (see storage.root); a tmpfs there takes its changes.",
    )
    swap_devices: list[SwapDevice] = option(default=[], doc="Partitions and files to swap to.")

    def enabled(self) -> list[FileSystem]:
        """Those that are mounted, each after what it needs; without the root, which stage 1 knows otherwise."""
        entries = {entry.mount_point: entry for entry in self.file_systems.values() if entry.enable}
        return [entries[point] for point in in_order(_needs(entries)) if point != "/"]

    def needed(self) -> set[str]:
        """The mount points that stage 1 mounts: what it is told, what is always needed, and what those need."""
        entries = {entry.mount_point: entry for entry in self.enabled()}
        needs = _needs(entries)
        found: set[str] = set()
        pending = [point for point, entry in entries.items() if entry.needed_for_boot or point in ALWAYS_NEEDED]
        while pending:
            point = pending.pop()
            if point not in found and point in entries:
                found.add(point)
                pending += needs[point]
        return found

    def swaps(self) -> list[SwapDevice]:
        """In the order they are to be used, which is that of their being switched on (swapon(2))."""
        return sorted(self.swap_devices, key=lambda swap: -1 if swap.priority is None else swap.priority, reverse=True)

    def of_root(self, device: str, file: str) -> dict[str, str]:
        """The mount points of what stage 1 has mounted to reach the root, a file on a device, and where it has."""
        media = {entry.mount_point: "/run/micros/medium" for entry in self.enabled() if file and source(entry) == device}
        images = {f"{point}/{file}" for point in media}
        return media | {entry.mount_point: "/run/micros/image" for entry in self.enabled() if entry.device in images}

    def script(self, device: str = "", file: str = "") -> str:
        """The calls of `one`, `shown` and `swap_on` (scripts/file-systems.sh); device and file are those of the root."""
        needed, known = self.needed(), self.of_root(device, file)
        lines: list[str] = []
        for entry in self.enabled():
            if "noauto" in entry.options:
                continue
            if entry.mount_point in known:
                lines.append(shlex.join(["shown", entry.mount_point, known[entry.mount_point]]))
                continue
            words = [*flags(entry), *(["needed"] if entry.mount_point in needed else [])]
            words += [] if "nofail" in entry.options else ["wait"]
            call = ["one", entry.mount_point, source(entry), entry.fs_type, mount_options(entry), " ".join(words)]
            lines.append(shlex.join([*call, entry.format_options]))
        for swap in self.swaps():
            lines.append(shlex.join(["swap_on", swap.device, "" if swap.size is None else str(swap.size)]))
        return "".join(line + "\n" for line in lines)

    def fstab(self, root: tuple[str, str, str]) -> str:
        """/etc/fstab: the root's source, type and options, then all others in the order they are mounted."""
        lines = [" ".join([_field(root[0]), "/", root[1], root[2], "0 0"])]
        for entry in self.enabled():
            fields = [source(entry), entry.mount_point, entry.fs_type, ",".join(options_of(entry)) or "defaults"]
            passes = "2" if "check" in flags(entry) else "0"
            lines.append(" ".join([*map(_field, fields), "0", passes]))
        for swap in self.swaps():
            options = "defaults" if swap.priority is None else f"pri={swap.priority}"
            lines.append(f"{_field(swap.device)} none swap {options} 0 0")
        return "".join(line + "\n" for line in lines)

    @check
    def mount_points_are_plain(self, config: Config) -> list[Complaint]:
        """Absolute, and each once."""
        found = []
        seen: dict[str, str] = {}
        for key, entry in self.file_systems.items():
            point, here = entry.mount_point, ("file_systems", key)
            if not entry.enable:
                continue
            if not point.startswith("/") or ".." in point.split("/"):
                found.append(Complaint(f"file_systems.{key!r} must be mounted at a path that begins with a slash", (here,)))
            elif (other := seen.setdefault(point.rstrip("/") or "/", key)) != key:
                text = f"file_systems.{other!r} and file_systems.{key!r} have the same mount point {point}"
                found.append(Complaint(text, (("file_systems", other), here)))
        return found

    @check
    def order_exists(self, config: Config) -> list[Complaint]:
        """What each needs is there, and no two need each other."""
        entries = {entry.mount_point: entry for entry in self.file_systems.values() if entry.enable}
        keys = {entry.mount_point: key for key, entry in self.file_systems.items() if entry.enable}
        said = {point: entry.depends for point, entry in entries.items()}
        return disorder("file_systems", "depends", said, _needs(entries), keys)

    @check
    def devices_are_said(self, config: Config) -> list[Complaint]:
        """Something is mounted, as one type."""
        found = []
        owners: dict[str, str] = {}
        for key, entry in self.file_systems.items():
            if not entry.enable:
                continue
            if entry.device is None and entry.label is None and entry.fs_type in ("auto", "none", *FORMATTED):
                found.append(Complaint(f"file_systems.{key!r} has neither device nor label", (("file_systems", key),)))
            elif is_block(entry):
                other = owners.setdefault(source(entry), key)
                theirs = self.file_systems[other].fs_type
                if theirs != entry.fs_type:
                    text = f"file_systems.{key!r} takes {source(entry)} for {entry.fs_type}, file_systems.{other!r} for {theirs}"
                    found.append(Complaint(text, (("file_systems", other, "fs_type"), ("file_systems", key, "fs_type"))))
        return found

    @check
    def types_can_what_is_asked(self, config: Config) -> list[Complaint]:
        """A blank device has no label to be found by, and only some types can be made, can grow or can be written."""
        return [
            Complaint(f"file_systems.{key!r}.{field}: {text}", (("file_systems", key, field),))
            for key, entry in self.file_systems.items()
            if entry.enable
            for field, text in _unable(entry)
        ]


def _unable(entry: FileSystem) -> Iterator[tuple[str, str]]:
    """What a file system is asked for and its type cannot: the field, what is wrong."""
    if entry.auto_format and source(entry).startswith(("LABEL=", "UUID=")):
        yield "auto_format", f"a blank device cannot be found by {source(entry)}; name a path or PARTLABEL="
    if entry.auto_format and entry.fs_type not in FORMATTED:
        yield "auto_format", f"{entry.fs_type!r} cannot be made, only {', '.join(FORMATTED)}"
    if entry.auto_resize and not fs_kind(entry.fs_type).resized:
        yield "auto_resize", f"{entry.fs_type!r} cannot grow"
    if "rw" in entry.options and fs_kind(entry.fs_type).read_only:
        yield "options", f"{entry.fs_type!r} can only be read; leave out `rw`"


def source(entry: FileSystem) -> str:
    """What is mounted, as mount(8) takes it."""
    return f"LABEL={entry.label}" if entry.label is not None else entry.device or entry.fs_type


def is_block(entry: FileSystem) -> bool:
    """Whether it is on a block device of its own."""
    return source(entry).startswith(("/dev/", "LABEL=", "UUID=", "PARTUUID=", "PARTLABEL="))


def flags(entry: FileSystem) -> list[str]:
    """What is done to it besides mounting."""
    if not is_block(entry):
        return []
    asked = {"format": entry.auto_format, "check": fs_kind(entry.fs_type).checked and not entry.no_check}
    return [name for name, wanted in {**asked, "resize": entry.auto_resize}.items() if wanted]


def options_of(entry: FileSystem) -> list[str]:
    """All mount options. Where another mount of the same device is `ro`, as the root is, the kernel refuses one that is not."""
    if not fs_kind(entry.fs_type).read_only or "ro" in entry.options:
        return entry.options
    return ["ro", *(word for word in entry.options if word != "defaults")]


def mount_options(entry: FileSystem) -> str:
    """The options that the kernel knows."""
    known = [word for word in options_of(entry) if word not in _OF_FSTAB and not word.startswith("x-")]
    return ",".join(known) or "defaults"


def _needs(entries: dict[str, FileSystem]) -> dict[str, list[str]]:
    """The mount points that come before each one's: what it says, what it lies below, and what its source lies on."""

    def below(path: str) -> list[str]:
        return [other for other in entries if path.startswith(other.rstrip("/") + "/")]

    return {
        point: [
            other
            for other in (*entry.depends, *below(point), *([] if is_block(entry) else below(entry.device or "")))
            if other != point
        ]
        for point, entry in entries.items()
    }


def _field(text: str) -> str:
    """A field of fstab(5): white space as octal."""
    return text.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011")
