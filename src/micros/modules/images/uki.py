"""A unified kernel image: one program that UEFI starts, with kernel, initrd and command line in it."""

from __future__ import annotations

from micros.lang import Module, lazy, option
from micros.modules.images.disk import DiskImage
from micros.modules.system import Artefact
from micros.packages import Package, pkgs


class Uki(Module, at="images.uki"):
    """What UEFI starts."""

    stub: Package = option(
        default=pkgs.systemd_boot_efi, doc="Package of the stub that starts the kernel, and of the loader with a menu."
    )


class UkiArtefact(Module, at="system.build"):
    """The program by itself."""

    uki: Artefact = option(
        default=lazy(lambda config: Artefact("micros.plan.artefacts.uki:image", config[DiskImage].layout())),
        default_text="of boot.* and images.disk",
        doc="one UEFI program with kernel, initrd and the command line that finds the root of disk_image",
    )
