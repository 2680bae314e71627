"""Booting from the network: what an HTTP or TFTP server hands out, and the iPXE script that fetches it.

carried    one initrd has the root file system in it: whatever loads kernel and initrd boots the system
fetched    stage 1 fetches the root file system, whose hash is on its command line: a smaller initrd, less memory
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from micros.lang import Module, Pattern, lazy, option
from micros.modules.networking.interfaces import Interfaces
from micros.modules.system import Artefact
from micros.packages import Package, pkgs

Url = Annotated[str, Pattern(r"((https?|tftp)://\S+)?", "URL that begins with http://, https:// or tftp://")]


class Netboot(Module, at="images.netboot"):
    """What boots from the network, and how."""

    root: Literal["carried", "fetched"] = option(
        default="carried",
        doc="What boot.ipxe does: load an initrd that carries the root file system, or one that fetches it and checks its hash.",
    )
    url: Url = option(
        default="",
        default_text="where the script came from",
        doc="URL of the directory on its server; iPXE's settings, such as ${next-server}, may be part of it.",
        example="http://boot.example/micros/",
    )
    kernel_params: list[str] = option(
        default=[], doc="Words of the kernel's command line besides boot.kernel_params.", example=["boot.shell_on_fail"]
    )
    drivers: list[str] = option(
        default=lazy(lambda config: config[Interfaces].drivers),
        default_text="networking.drivers",
        doc="Kernel modules of network cards in the initrd that fetches; those that the hardware asks for are loaded.",
        example=["e1000e", "igb", "r8169"],
    )
    ipxe: Package = option(default=pkgs.ipxe, doc="Package of the iPXE programs.")

    def told(self) -> dict[str, Any]:
        """All of it as plain data."""
        url = self.url if not self.url or self.url.endswith("/") else f"{self.url}/"
        return {
            "root": self.root,
            "url": url,
            "kernel_params": list(self.kernel_params),
            "drivers": list(self.drivers),
            "ipxe": self.ipxe.name,
        }


def _artefact(function: str) -> Any:
    return lazy(lambda config: Artefact(f"micros.plan.artefacts.netboot:{function}", config[Netboot].told()))


_AS = "as images.netboot says"


class NetbootArtefacts(Module, at="system.build"):
    """The directory, its parts, and programs that load them."""

    netboot: Artefact = option(
        default=_artefact("directory"),
        default_text=_AS,
        doc="what a server hands out: kernel, initrd, netboot-ramdisk, root.squashfs and the iPXE scripts",
    )
    netboot_ramdisk: Artefact = option(
        default=_artefact("ramdisk"),
        default_text=_AS,
        doc="an initrd that carries the root file system",
        aliases=["system.build.netbootRamdisk"],
    )
    ipxe_script: Artefact = option(default=_artefact("script"), default_text=_AS, doc="the iPXE script boot.ipxe")
    ipxe: Artefact = option(
        default=_artefact("programs"), default_text=_AS, doc="iPXE for BIOS and UEFI, and the script that it starts"
    )
    ftpdir: Artefact = option(
        default=_artefact("served"), default_text=_AS, doc="netboot and ipxe in one directory, for a TFTP server"
    )
