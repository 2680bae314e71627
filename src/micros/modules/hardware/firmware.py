"""Firmware that drivers load into their devices: packages with files below /usr/lib/firmware."""

from __future__ import annotations

from micros.lang import Module, option
from micros.packages import Package


class Hardware(Module, at="hardware"):
    """The hardware the system runs on."""

    firmware: list[Package] = option(
        default=[],
        doc="Packages with firmware; those of Debian's non-free-firmware too. All of it is in the root file system, and in "
        "the initrd what its modules ask for.",
        example=["firmware-linux-free"],
    )
