"""not-os' shortest way to an address: the one that QEMU's user network gives."""

from __future__ import annotations

from micros.lang import Config, Module, defines, option
from micros.modules.networking.interfaces import Interface, Interfaces, Ipv4


class SimpleStaticIp(Module, at="not_os"):
    """A fixed address without a word more."""

    simple_static_ip: bool = option(
        default=False, doc="Give eth0 the address 10.0.2.15/24 and the router 10.0.2.2, as QEMU's user network has them."
    )

    @defines(Interfaces.interfaces["eth0"], when=simple_static_ip)
    def eth0(self, config: Config) -> Interface:
        """The one card."""
        return Interface(ipv4=Ipv4(address="10.0.2.15/24", gateway="10.0.2.2"))
