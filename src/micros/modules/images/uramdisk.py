"""The initrd for U-Boot's `bootm`."""

from __future__ import annotations

from micros.lang import Module, option
from micros.modules.system import Artefact


class URamdisk(Module, at="system.build"):
    """The initrd with U-Boot's header. Its newer commands (`booti`, `bootz`, extlinux.conf) take the initrd as it is."""

    u_ramdisk: Artefact = option(
        default=Artefact("micros.plan.artefacts.uramdisk:image"),
        doc="the initrd behind a legacy header of U-Boot, as `mkimage -T ramdisk` writes it",
    )
