"""A system to mend others with: tools for disks, file systems and networks, and a shell where stage 1 fails."""

from __future__ import annotations

from typing import Literal

from micros.lang import Config, Module, defines, option
from micros.lang.values import DEFAULT
from micros.modules.boot.initrd import Initrd
from micros.modules.environment import Environment
from micros.modules.services.getty import Getty
from micros.packages import Package, pkgs


class Rescue(Module, at="profiles.rescue"):
    """A system to mend others with."""

    enable: bool = option(
        default=False,
        doc="Tools for disks and networks, a login prompt, and a shell where stage 1 fails. Who may log in is still to be said.",
    )
    packages: list[Package] = option(
        default=[
            pkgs.dosfstools, pkgs.e2fsprogs, pkgs.fdisk, pkgs.gdisk, pkgs.parted, pkgs.pciutils, pkgs.rsync, pkgs.smartmontools,
            pkgs.usbutils,
        ],
        doc="The tools.",
    )  # fmt: skip

    @defines(Environment.system_packages, when=enable)
    def tools(self, config: Config) -> list[Package]:
        """Everybody's."""
        return self.packages

    @defines(Getty.enable, when=enable, priority=DEFAULT)
    def prompt(self, config: Config) -> bool:
        """Somebody sits there."""
        return True

    @defines(Initrd.on_failure, when=enable, priority=DEFAULT)
    def shell(self, config: Config) -> Literal["panic", "reboot", "shell"]:
        """A shell where a restart would only fail again."""
        return "shell"
