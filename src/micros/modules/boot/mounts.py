"""What of the running system is no disk: the kernel's own file systems, and memory for what changes.

Stage 1 mounts what is needed for boot, activation the rest; in a container, what its runtime has not mounted.
"""

from __future__ import annotations

import shlex
from typing import Annotated

from micros.lang import Complaint, Config, Module, Pattern, Record, check, default, defines, lazy, option
from micros.modules.order import disorder, in_order
from micros.modules.storage.file_systems import FileSystems

Size = Annotated[str, Pattern(r"[1-9][0-9]*[kKmMgG]?|[1-9][0-9]?%|100%", 'size: bytes, or with k, m or g, or a share as "25%"')]
"""As tmpfs(5) takes it."""


class SpecialFileSystem(Record):
    """A file system that is on no disk."""

    enable: bool = option(default=True, doc="Whether it is mounted.")
    mount_point: str = option(default=lazy(lambda entry: entry.name), default_text="the name", doc="Where.")
    device: str = option(default="none", doc="What /proc/mounts shows as its source.")
    fs_type: str = option(default="tmpfs", doc="Type.")
    options: list[str] = option(default=[], doc="Mount options.")
    depends: list[str] = option(default=[], doc="Mount points that come before, besides those it lies below.")
    needed_for_boot: bool = option(default=False, doc="Mounted by stage 1.")
    populate: bool = option(default=False, doc="Begin with what the image has in the directory.")


class Mounts(Module, at="boot"):
    """The file systems that are memory."""

    dev_size: Size = option(default="5%", doc="Size of /dev.")
    dev_shm_size: Size = option(default="50%", doc="Size of /dev/shm.")
    run_size: Size = option(default="25%", doc="Size of /run.")
    special_file_systems: dict[str, SpecialFileSystem] = option(
        default={}, doc="File systems that are on no disk, by mount point; one of `file_systems` there takes its place."
    )

    @defines(special_file_systems)
    def usual(self, config: Config) -> dict[str, SpecialFileSystem]:
        """What programs expect (Linux Filesystem Hierarchy; pts: devpts.rst of the kernel)."""
        made = {
            "/proc": _special("proc", "proc", ["nosuid", "noexec", "nodev"]),
            "/sys": _special("sysfs", "sysfs", ["nosuid", "noexec", "nodev"]),
            "/dev": _special("devtmpfs", "dev", ["nosuid", "mode=0755", f"size={self.dev_size}"]),
            "/run": _special("tmpfs", "run", ["nosuid", "nodev", "mode=0755", f"size={self.run_size}"]),
            "/dev/pts": _special("devpts", "devpts", ["nosuid", "noexec", "mode=0620", "gid=5", "ptmxmode=0666"], late=True),
            "/dev/shm": _special("tmpfs", "shm", ["nosuid", "nodev", "mode=1777", f"size={self.dev_shm_size}"], late=True),
            "/tmp": _special("tmpfs", "tmp", ["nosuid", "nodev", "mode=1777"], late=True),
            "/var": _special("tmpfs", "var", ["nosuid", "nodev", "mode=0755"], late=True, populate=True),
        }
        disks = {entry.mount_point for entry in config[FileSystems].enabled()}
        return {point: made[point] if point not in disks else SpecialFileSystem(enable=default(False)) for point in made}

    def in_order(self) -> list[SpecialFileSystem]:
        """Those that are mounted, each after what it needs."""
        entries = {entry.mount_point: entry for entry in self.special_file_systems.values() if entry.enable}
        return [entries[point] for point in in_order(_needs(entries))]

    def script(self, *, stage_1: bool) -> str:
        """The calls of `special_mount DEVICE DIRECTORY OPTIONS TYPE`: all, or those of stage 1."""
        lines = [_line(entry) for entry in self.in_order() if entry.needed_for_boot or not stage_1]
        return "".join(lines)

    @check
    def order_exists(self, config: Config) -> list[Complaint]:
        """No two of them need each other, and what they need is there."""
        entries = {entry.mount_point: entry for entry in self.special_file_systems.values() if entry.enable}
        keys = {entry.mount_point: key for key, entry in self.special_file_systems.items() if entry.enable}
        said = {point: entry.depends for point, entry in entries.items()}
        return disorder("boot.special_file_systems", "depends", said, _needs(entries), keys)


def _special(fs_type: str, device: str, options: list[str], *, late: bool = False, populate: bool = False) -> SpecialFileSystem:
    return SpecialFileSystem(
        fs_type=default(fs_type),
        device=default(device),
        options=default(options),
        needed_for_boot=default(not late),
        populate=default(populate),
    )


def _needs(entries: dict[str, SpecialFileSystem]) -> dict[str, list[str]]:
    """The mount points that come before each one's: what it says, and what it lies below."""
    return {
        point: [*entry.depends, *(other for other in entries if other != point and point.startswith(other.rstrip("/") + "/"))]
        for point, entry in entries.items()
    }


def _line(entry: SpecialFileSystem) -> str:
    program = "populated_mount" if entry.populate else "special_mount"
    return shlex.join([program, entry.device, entry.mount_point, ",".join(entry.options) or "defaults", entry.fs_type]) + "\n"
