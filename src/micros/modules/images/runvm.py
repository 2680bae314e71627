"""Scripts that start the system in QEMU wherever there is one, as virtualisation.* says."""

from __future__ import annotations

from micros.lang import Module, lazy, option
from micros.modules.images.netboot import Netboot
from micros.modules.system import Artefact


class Runvm(Module, at="system.build"):
    """The scripts, each with what it starts beside it."""

    runvm: Artefact = option(
        default=Artefact("micros.plan.artefacts.runvm:script"),
        doc="a script that boots the kernel, initrd and root.squashfs beside it in any QEMU",
    )
    testipxe: Artefact = option(
        default=lazy(lambda config: Artefact("micros.plan.artefacts.runvm:from_network", config[Netboot].told())),
        default_text="as images.netboot says",
        doc="a script that boots ftpdir from the network in any QEMU, by the iPXE of its network card",
    )
