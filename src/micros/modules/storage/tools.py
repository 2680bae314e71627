"""The programs of file systems: brought where one is declared that is checked, made or resized."""

from __future__ import annotations

from micros.lang import Config, Module, defines, option
from micros.modules.boot.container import ON_A_MACHINE
from micros.modules.boot.initrd import Initrd
from micros.modules.boot.kernel import Boot
from micros.modules.storage.file_systems import FileSystems, flags
from micros.modules.storage.kinds import fs_kind
from micros.packages import Package


class SupportedFilesystems(Module, at="boot"):
    """File systems that can be mounted by hand."""

    supported_filesystems: list[str] = option(
        default=[], doc="Types whose modules and tools are there though nothing of that type is declared.", example=["vfat"]
    )

    @defines(Boot.kernel_modules, when=ON_A_MACHINE)
    def modules(self, config: Config) -> list[str]:
        """Those of all types that are declared or asked for."""
        kinds = [*self.supported_filesystems, *(entry.fs_type for entry in config[FileSystems].enabled())]
        found = dict.fromkeys(module for kind in kinds for module in fs_kind(kind).modules)
        return list(found)

    @defines(Initrd.kernel_modules, when=ON_A_MACHINE)
    def modules_of_stage_1(self, config: Config) -> list[str]:
        """Those of what stage 1 mounts."""
        kinds = [entry.fs_type for entry in config[FileSystems].enabled() if entry.mount_point in config[FileSystems].needed()]
        return list(dict.fromkeys(module for kind in kinds for module in fs_kind(kind).modules))


class FsPackages(Module, at="system"):
    """The packages that bring those programs."""

    fs_packages: list[Package] = option(default=[], doc="Packages with programs for file systems.")

    @defines(fs_packages, when=ON_A_MACHINE)
    def needed(self, config: Config) -> list[Package]:
        """Those of types that are asked for, or declared and checked, made or resized."""
        kinds = list(config[SupportedFilesystems].supported_filesystems)
        kinds += [entry.fs_type for entry in config[FileSystems].enabled() if flags(entry)]
        return list(dict.fromkeys(package for kind in kinds for package in fs_kind(kind).tools))
