"""A guest of QEMU: drivers of its virtual devices, and randomness from the host."""

from __future__ import annotations

from micros.lang import Config, Module, defines, option
from micros.modules.boot.initrd import Initrd
from micros.modules.boot.kernel import Boot


class QemuGuest(Module, at="profiles.qemu_guest"):
    """A guest of QEMU or another host that offers virtio."""

    enable: bool = option(default=False, doc="Load the drivers of virtio's disks, network cards, consoles and randomness.")

    @defines(Initrd.kernel_modules, when=enable)
    def early(self, config: Config) -> list[str]:
        """What the root may be on."""
        return ["virtio_pci", "virtio_mmio", "virtio_blk", "virtio_scsi"]

    @defines(Boot.kernel_modules, when=enable)
    def later(self, config: Config) -> list[str]:
        """The rest."""
        return ["virtio_net", "virtio_rng", "virtio_balloon", "virtio_console"]
