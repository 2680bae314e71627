"""VLANs: several networks on one cable (IEEE 802.1Q)."""

from __future__ import annotations

from typing import Annotated

from micros.lang import REQUIRED, Config, Module, Range, Record, check, defines, lazy, option
from micros.modules.boot.kernel import Boot
from micros.modules.networking.addresses import InterfaceName
from micros.modules.networking.interfaces import Interface, Interfaces, Link


class Vlan(Record):
    """One network of a cable."""

    id: Annotated[int, Range(1, 4094)] = option(default=REQUIRED, doc="Number of the network on the cable.")
    interface: InterfaceName = option(default=REQUIRED, doc="The interface at the cable; it must be declared.")


class Vlans(Module, at="networking"):
    """Interfaces that are one network of another's cable."""

    vlans: dict[InterfaceName, Vlan] = option(default={}, doc="VLANs by the name of the interface each becomes.")

    @defines(Boot.kernel_modules, when=lazy(lambda config: bool(config[Vlans].vlans)))
    def modules(self, config: Config) -> list[str]:
        """The kernel's part."""
        return ["8021q"]

    @defines(Interfaces.links)
    def made(self, config: Config) -> dict[str, Link]:
        """How each is made."""
        return {
            name: Link(
                make=f"[ -e /sys/class/net/{name} ] || ip link add link {vlan.interface} name {name} type vlan id {vlan.id}",
                needs=[vlan.interface],
                declared_by=f"networking.vlans.{name}.interface",
            )
            for name, vlan in self.vlans.items()
        }

    @defines(Interfaces.interfaces)
    def declared(self, config: Config) -> dict[str, Interface]:
        """Each is an interface; `networking.interfaces` gives it addresses."""
        return {name: Interface() for name in self.vlans}

    @check
    def ids_are_distinct(self, config: Config) -> str | None:
        """A network of a cable is one interface."""
        taken: dict[tuple[str, int], str] = {}
        for name, vlan in self.vlans.items():
            other = taken.setdefault((vlan.interface, vlan.id), name)
            if other != name:
                return f"networking.vlans.{other} and {name} are both number {vlan.id} of {vlan.interface}"
        return None
