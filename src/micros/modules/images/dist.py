"""What boots: kernel, initrd and root file system, alone and side by side."""

from __future__ import annotations

from micros.lang import Module, option
from micros.modules.system import Artefact


class Dist(Module, at="system.build"):
    """The parts of a system that a boot loader, or QEMU, is given."""

    dist: Artefact = option(
        default=Artefact("micros.plan.artefacts.dist:files"),
        doc="kernel, initrd, root.squashfs, cmdline and manifest.json",
    )
    kernel: Artefact = option(default=Artefact("micros.plan.artefacts.kernel:image"), doc="the kernel's image")
    initrd: Artefact = option(
        default=Artefact("micros.plan.artefacts.initrd:archive"),
        doc="the initial RAM file system",
        aliases=["system.build.initialRamdisk"],
    )
    squashfs: Artefact = option(default=Artefact("micros.plan.artefacts.squashfs:image"), doc="the root file system")
    cmdline: Artefact = option(default=Artefact("micros.plan.artefacts.kernel:cmdline"), doc="the kernel's command line")
    manifest: Artefact = option(
        default=Artefact("micros.plan.artefacts.dist:manifest"), doc="every package with version, digest and size"
    )
