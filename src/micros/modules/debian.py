"""Which part of the archive the packages come from."""

from __future__ import annotations

from typing import Annotated

from micros.debian import SUITES
from micros.lang import Complaint, Config, Module, Pattern, check, lazy, option
from micros.modules.hardware.firmware import Hardware

FIRMWARE_COMPONENT = "non-free-firmware"
"""Debian's part of the archive for firmware without source (policy 2.2.3)."""

SuiteName = Annotated[str, Pattern(r"[a-z][a-z0-9.-]{0,60}", "suite: a code name or alias, like trixie or stable-updates")]
ComponentName = Annotated[str, Pattern(r"[a-z][a-z-]{0,30}", "component: lower-case letters and hyphens")]


class Debian(Module, at="debian"):
    """Suites and components of the archive."""

    suites: list[SuiteName] = option(
        default=list(SUITES),
        doc="Suites whose packages may be used; of a package that several have, the newest version is. Those whose name "
        "ends in `-security` may lie on a mirror of their own.",
        example=["stable", "stable-updates", "stable-security"],
    )
    components: list[ComponentName] = option(
        default=lazy(lambda config: ["main", FIRMWARE_COMPONENT] if config[Hardware].firmware else ["main"]),
        default_text='["main"], and "non-free-firmware" where hardware.firmware names a package',
        doc="Components of each suite.",
        example=["main", "contrib"],
    )

    @check
    def something_is_left(self, config: Config) -> list[Complaint]:
        """A system is made of packages."""
        lists = {"debian.suites": self.suites, "debian.components": self.components}
        return [Complaint(f"{path} is empty: no package could be found", (path,)) for path, names in lists.items() if not names]
