"""The initrd as U-Boot's older commands take it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.plan.artefacts import initrd
from micros.store.step import Step

if TYPE_CHECKING:
    from micros.plan.builder import Builder, FileSteps


def image(build: Builder) -> FileSteps:
    """The initrd behind a header."""
    parameters = {"name": f"MicrOS {build.plan.name}", "architecture": build.machine.uboot}
    return {"uRamdisk": Step("micros.formats.uimage:ramdisk", dict(initrd.archive(build)), parameters, "uRamdisk")}
