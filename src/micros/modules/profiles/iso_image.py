"""A system that lies on an ISO: its medium is found by label, the image on it is mounted, changes stay in memory."""

from __future__ import annotations

from typing import Annotated

from micros.lang import Config, Module, Pattern, default, defines, option
from micros.lang.values import DEFAULT
from micros.machine import machine_named
from micros.modules.boot.initrd import Initrd
from micros.modules.boot.kernel import Boot
from micros.modules.services.getty import Getty
from micros.modules.storage.file_systems import FileSystem, FileSystems
from micros.modules.system import Platform
from micros.packages import Package, pkgs

KERNELS = {"x86_64": pkgs.linux_image_amd64, "aarch64": pkgs.linux_image_arm64}
"""Debian's kernels with the drivers of all hardware; other machines keep theirs."""

DRIVERS = (
    *("ahci", "ata_piix", "ata_generic", "sd_mod", "sr_mod", "nvme", "mmc_block", "sdhci_pci"),
    *("xhci_pci", "ehci_pci", "ohci_pci", "usb_storage", "uas", "usbhid", "hid_generic"),
    *("virtio_blk", "virtio_scsi", "mptspi", "hv_storvsc"),
)
"""What a CD, a stick or a disk may be on, and keyboards, with which one chooses and logs in."""

FILE_SYSTEMS = ("vfat", "nls_cp437", "nls_ascii", "exfat", "ext4")
"""What an ISO may be a file on (findiso=), or its files be copied to."""

Label = Annotated[str, Pattern(r"[A-Z0-9_]{1,32}", "label of capitals, digits and `_`, at most 32 (ISO 9660, 8.4.7)")]
"""A volume identifier in d-characters (ISO 9660, 7.4.1 and 8.4.7)."""


class IsoImage(Module, at="profiles.iso_image"):
    """A system on a CD or a stick, for whatever machine it is put into."""

    enable: bool = option(default=False, doc="Find the root's image, `root.squashfs`, on a medium, and lay memory over it.")
    label: Label = option(
        default="MICROS",
        doc="Label of the medium's file system; that of the ISO.",
        aliases=["images.iso.volume_id", "iso_image.volume_id"],
    )
    fs_type: str = option(default="iso9660", doc="Type of the medium's file system.", example="vfat")

    @defines(Boot.kernel_package, when=enable, priority=DEFAULT)
    def kernel(self, config: Config) -> Package:
        """A kernel for all hardware."""
        machine = machine_named(config[Platform].host)
        return KERNELS.get(machine.name) or pkgs[machine.kernel]

    @defines(Boot.console, when=enable, priority=DEFAULT)
    def screen(self, config: Config) -> str:
        """Whatever machine it is put into has a screen rather than a serial line."""
        return "tty0"

    @defines(Getty.terminal, when=enable, priority=DEFAULT)
    def terminal(self, config: Config) -> str:
        """Whichever console was chosen in the menu."""
        return "console"

    @defines(Initrd.available_kernel_modules, when=enable)
    def drivers(self, config: Config) -> list[str]:
        """Those of the medium; the ones that the hardware asks for are loaded."""
        return [*DRIVERS, *FILE_SYSTEMS]

    @defines(Initrd.kernel_modules, when=enable)
    def early(self, config: Config) -> list[str]:
        """What mounts a file."""
        return ["loop", "isofs"]

    @defines(FileSystems.file_systems, when=enable)
    def mounts(self, config: Config) -> dict[str, FileSystem]:
        """The medium, the image on it, and memory for changes."""
        return {
            "/": FileSystem(fs_type=default("tmpfs"), options=default(["mode=0755"])),
            "/iso": FileSystem(label=default(self.label), fs_type=default(self.fs_type), options=["ro"], needed_for_boot=True),
            "/image": FileSystem(
                device=default("/iso/root.squashfs"), fs_type=default("squashfs"), options=["loop", "ro"], needed_for_boot=True
            ),
        }
