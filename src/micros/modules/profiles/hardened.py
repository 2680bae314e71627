"""A system that gives little away: the kernel's defences on, and no modules of protocols and file systems that few use."""

from __future__ import annotations

from micros.lang import Config, Module, defines, option
from micros.lang.values import DEFAULT
from micros.modules.boot.kernel import Boot
from micros.modules.security.hardening import Hardening

BLACKLIST = [
    "ax25", "netrom", "rose", "dccp", "rds", "sctp", "tipc",
    "adfs", "affs", "bfs", "befs", "cramfs", "efs", "freevxfs", "hfs", "hpfs", "jfs", "minix", "nilfs2", "omfs", "qnx4",
    "qnx6", "sysv", "ufs",
]  # fmt: skip
"""Protocols and file systems that few use, and that had more holes than users."""


class Hardened(Module, at="profiles.hardened"):
    """Settings for a system that is attacked."""

    enable: bool = option(default=False, doc="Turn on security.hardening with kernel lockdown, and refuse modules nobody needs.")

    @defines(Hardening.enable, when=enable, priority=DEFAULT)
    def defences(self, config: Config) -> bool:
        """The kernel's."""
        return True

    @defines(Hardening.lockdown, when=enable, priority=DEFAULT)
    def lockdown(self, config: Config) -> bool:
        """Not even root changes the running kernel."""
        return True

    @defines(Boot.blacklisted_kernel_modules, when=enable)
    def refused(self, config: Config) -> list[str]:
        """Code that a packet or a disk could have loaded."""
        return BLACKLIST
