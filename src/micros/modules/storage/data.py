"""What outlives a boot: one partition, and the directories that lie on it.

<partition>/var/lib ...   what is bound over the directories, begun with what the image has there
<partition>/.root/        changes of the root, with storage.root.writable = "data"
<partition>/.old/         what was there before the last factory reset

Where the partition is missing, damaged, full or of another type, a fresh tmpfs takes its place, and the console says so.
"""

from __future__ import annotations

from typing import Annotated

from micros.lang import Config, Module, Pattern, check, defines, lazy, option
from micros.modules.boot.container import not_in_a_container
from micros.modules.boot.initrd import Initrd
from micros.modules.storage.file_systems import FileSystem, FileSystems
from micros.modules.storage.kinds import FORMATTED, fs_kind
from micros.modules.storage.root import Root
from micros.modules.storage.tools import FsPackages
from micros.packages import Package

STATE_DIRECTORY = "/var/lib/micros"
"""Where a module keeps what must outlive a boot, such as keys of this very machine; it does with a data partition."""
DATA = "/run/micros/data"
"""Where the partition is mounted."""


def _used(config: Config) -> bool:
    return config[Data].enable and not_in_a_container(config)


class Data(Module, at="storage.data"):
    """The partition of what outlives a boot."""

    enable: bool = option(default=False, doc="Keep the directories on a partition.")
    device: str = option(
        default="PARTLABEL=data", doc="The partition: a path, LABEL=, UUID=, PARTUUID= or PARTLABEL=.", example="/dev/vdb"
    )
    fs_type: str = option(default="ext4", doc="Its file system.")
    options: list[str] = option(default=["nosuid", "nodev"], doc="Mount options.")
    auto_format: bool = option(default=True, doc="Make the file system if the partition is blank: its first MiB zeros.")
    format_options: str = option(default="", doc="Words for the program that makes it.")
    auto_resize: bool = option(default=False, doc="Let the file system fill the partition (boot.grow_partition).")
    directories: list[Annotated[str, Pattern(r"(/(?!\.\.?(/|$))[A-Za-z0-9.@%+,_-]+)+/?", "path below / of plain names")]] = (
        option(default=["/var/lib", "/home"], doc="Directories that lie on it.")
    )

    @defines(FileSystems.file_systems, when=lazy(_used))
    def binds(self, config: Config) -> dict[str, FileSystem]:
        """The directories, bound from the partition."""
        return {path: FileSystem(device=DATA + path, fs_type="none", options=["bind"]) for path in self.directories}

    @defines(FsPackages.fs_packages, when=lazy(_used))
    def tools(self, config: Config) -> list[Package]:
        """What makes and checks it."""
        return list(fs_kind(self.fs_type).tools)

    @defines(Initrd.kernel_modules, when=lazy(_used))
    def modules(self, config: Config) -> list[str]:
        """Its file system, as stage 1 may need it."""
        return list(fs_kind(self.fs_type).modules)

    @check
    def can_be_made(self, config: Config) -> str | None:
        """Its type can be made, where it should be."""
        if self.enable and self.auto_format and self.fs_type not in FORMATTED:
            return f"storage.data.auto_format: {self.fs_type!r} cannot be made, only {', '.join(FORMATTED)}"
        return None

    @check
    def can_grow(self, config: Config) -> str | None:
        """Its type can grow, where it should."""
        if self.enable and self.auto_resize and not fs_kind(self.fs_type).resized:
            return f"storage.data.auto_resize: {self.fs_type!r} cannot grow"
        return None

    @check
    def root_finds_it(self, config: Config) -> str | None:
        """A root whose changes go there needs it."""
        if config[Root].writable == "data" and not self.enable:
            return 'storage.root.writable is "data", but storage.data is not enabled'
        return None
