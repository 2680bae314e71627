"""Bridges: interfaces that are ports of one switch inside the machine (IEEE 802.1D)."""

from __future__ import annotations

from micros.lang import Complaint, Config, Module, Record, check, defines, lazy, option
from micros.modules.boot.kernel import Boot
from micros.modules.networking.addresses import InterfaceName
from micros.modules.networking.interfaces import Interface, Interfaces, Link


class Bridge(Record):
    """One switch."""

    interfaces: list[InterfaceName] = option(default=[], doc="Its ports; each must be declared, without addresses of its own.")


class Bridges(Module, at="networking"):
    """Interfaces that join others."""

    bridges: dict[InterfaceName, Bridge] = option(default={}, doc="Bridges by the name of the interface each becomes.")

    @defines(Boot.kernel_modules, when=lazy(lambda config: bool(config[Bridges].bridges)))
    def modules(self, config: Config) -> list[str]:
        """The kernel's part."""
        return ["bridge"]

    @defines(Interfaces.links)
    def made(self, config: Config) -> dict[str, Link]:
        """How each is made."""
        return {
            name: Link(
                make="\n".join(
                    [
                        f"[ -e /sys/class/net/{name} ] || ip link add {name} type bridge",
                        *(f"ip link set {port} master {name}" for port in bridge.interfaces),
                    ]
                ),
                needs=bridge.interfaces,
                declared_by=f"networking.bridges.{name}.interfaces",
            )
            for name, bridge in self.bridges.items()
        }

    @defines(Interfaces.interfaces)
    def declared(self, config: Config) -> dict[str, Interface]:
        """Each is an interface; `networking.interfaces` gives it addresses."""
        return {name: Interface() for name in self.bridges}

    @check
    def ports_are_ports(self, config: Config) -> list[Complaint]:
        """A port belongs to one bridge and has no address: the bridge has."""
        found = []
        taken: dict[str, str] = {}
        for name, bridge in self.bridges.items():
            here = f"networking.bridges.{name}.interfaces"
            for port in bridge.interfaces:
                other = taken.setdefault(port, here)
                if other != here:
                    found.append(Complaint(f"{other} and {here} both have the port {port}", (other, here)))
                entry = config[Interfaces].interfaces.get(port)
                if entry is not None and (entry.dhcp or entry.slaac or entry.ipv4.address or entry.ipv6.address):
                    own = f"networking.interfaces.{port}"
                    found.append(Complaint(f"{own} is a port of the bridge {name}, which has the addresses", (own, here)))
        return found
