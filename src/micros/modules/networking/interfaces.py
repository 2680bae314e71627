"""Interfaces: what addresses each has, and the service `networking`, after which they have them.

Each interface gets a shell script `/etc/micros/net/<name>`, which may be run again at any time: the service runs all of
them, and hot-plug the one of a card that came late. Links that are made, such as VLANs, say how in `networking.links`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from micros.base.errors import Kind, error
from micros.lang import REQUIRED, Complaint, Config, Lines, Module, Record, check, defines, lazy, option
from micros.lang.annotations import Converted
from micros.modules.boot.kernel import Boot
from micros.modules.networking.addresses import IPV4, IPV4_NETWORK, IPV6, IPV6_NETWORK, InterfaceName
from micros.modules.order import cycle_in, in_order
from micros.modules.services.services import Micros, Service
from micros.modules.system import FileSpec, System

WAIT_SECONDS = 5
"""How long the service waits for a card, and for IPv6 to find that an address is free (DAD, RFC 4862, 5.4)."""

CABLE_SECONDS = 2
"""How long it waits for a cable before it gives up on that."""

FIREWALL_FAILED = "/run/micros/firewall-failed"
"""Exists where no rules at all could be loaded: then no interface comes up."""

SCRIPT = """\
#!/bin/sh
# MicrOS: make the interface {name} what it is declared to be. It may be run again at any time.
[ ! -e {firewall_failed} ] || {{ echo "networking: {name} stays down: no firewall"; exit 1; }}
{make}n=0
until [ -e /sys/class/net/{name} ]; do
    [ $n -lt {wait}0 ] || {{ echo "networking: there is no interface {name}"; exit 1; }}
    sleep 0.1; n=$((n+1))
done
set -e
{body}"""

WAIT_FOR_DAD = """\
tentative() {{
    found=1
    while read -r _ _ _ _ flags name; do
        [ "$name" = {name} ] || continue
        [ $((0x$flags & 0x08)) = 0 ] || {{ echo "networking: another host has an IPv6 address of {name}"; exit 1; }}
        [ $((0x$flags & 0x40)) = 0 ] || found=0
    done </proc/net/if_inet6
    return $found
}}
n=0
while tentative && [ $n -lt {wait}0 ]; do
    [ $n -lt {short}0 ] || [ "$(cat /sys/class/net/{name}/carrier)" = 1 ] || break
    sleep 0.1; n=$((n+1))
done
"""
"""The flags are IFA_F_DADFAILED and IFA_F_TENTATIVE of uapi/linux/if_addr.h. Without a cable nobody is asked."""

SERVICE = """\
failed=
for name in {names}; do
    sh /etc/micros/net/$name || failed="$failed $name"
done
[ -z "$failed" ] || echo "MicrOS: interfaces not as declared:$failed" | tee /dev/console
[ ! -e {firewall_failed} ]
"""


class Ipv4(Record):
    """A fixed IPv4 address."""

    address: Annotated[str, IPV4_NETWORK] | None = option(
        default=None, doc="Address and length of its prefix.", example="10.0.0.2/24"
    )
    gateway: Annotated[str, IPV4] | None = option(default=None, doc="The router to everywhere else.", example="10.0.0.1")


class Ipv6(Record):
    """A fixed IPv6 address."""

    address: Annotated[str, IPV6_NETWORK] | None = option(
        default=None, doc="Address and length of its prefix.", example="fd00::2/64"
    )
    gateway: Annotated[str, IPV6] | None = option(
        default=None, doc="The router to everywhere else; a link-local address will do.", example="fe80::1"
    )


class Interface(Record):
    """One interface."""

    name: str = option(
        default=lazy(lambda entry: entry.entry_name),
        default_text="its key in a mapping",
        doc="The kernel's name, which an entry of a list must have.",
    )
    enable: bool = option(default=True, doc="Bring the interface up.")
    dhcp: bool = option(default=False, doc="Ask a DHCP server for an IPv4 address.")
    slaac: bool = option(default=False, doc="Take IPv6 addresses and routes from router advertisements (RFC 4862).")
    ipv4: Ipv4 = option(default=Ipv4(), doc="Fixed IPv4 address.")
    ipv6: Ipv6 = option(default=Ipv6(), doc="Fixed IPv6 address.")


class Link(Record):
    """An interface that is made, not found."""

    make: Lines = option(default=REQUIRED, doc="Shell code that makes it where it is not there.")
    needs: list[str] = option(default=[], doc="Interfaces that must be there before.")
    configure: Lines = option(default="", doc="Shell code that runs with -e once it is up.")
    declared_by: str = option(default=REQUIRED, doc="Path of the option that asks for it.")


def _by_name(records: list[Any]) -> dict[str, Any]:
    """The list form: records that have their names inside."""
    for record in records:
        if not (isinstance(record, Mapping) and isinstance(record.get("name"), str)):
            hint = 'write networking.interfaces = [{ name = "eth0", dhcp = true }], or networking.interfaces.eth0.dhcp = true'
            raise error(Kind.WRONG_TYPE, "an interface in the list `networking.interfaces` has no `name`", hint=hint)
    return {record["name"]: record for record in records}


class Interfaces(Module, at="networking"):
    """What is connected."""

    interfaces: Annotated[dict[InterfaceName, Interface], Converted(list[Any], _by_name)] = option(
        default={}, doc="Interfaces by the kernel's name; in data also a list of records with `name`."
    )
    links: dict[str, Link] = option(default={}, doc="Interfaces that modules make.", internal=True)
    drivers: list[str] = option(default=["virtio_net"], doc="Kernel modules of the cards, loaded where interfaces are declared.")

    @defines(Boot.kernel_modules, when=lazy(lambda config: bool(config[Interfaces].interfaces)))
    def modules(self, config: Config) -> list[str]:
        """The cards."""
        return self.drivers

    @defines(System.files)
    def scripts(self, config: Config) -> dict[str, FileSpec]:
        """A script for each interface."""
        return {f"etc/micros/net/{name}": FileSpec(text=self._script(name, entry), mode="0755") for name, entry in _enabled(self)}

    def _script(self, name: str, entry: Interface) -> str:
        make = self.links[name].make.rstrip() + "\n" if name in self.links else ""
        body = "".join(_settings(name, entry))
        if name in self.links:
            body += self.links[name].configure
        return SCRIPT.format(name=name, firewall_failed=FIREWALL_FAILED, make=make, wait=WAIT_SECONDS, body=body.rstrip() + "\n")

    @defines(Micros.services["networking"])
    def service(self, config: Config) -> Service:
        """Every interface in the order of what it is made from."""
        needs = {name: self.links[name].needs if name in self.links else [] for name, _ in _enabled(self)}
        script = SERVICE.format(names=" ".join(in_order(needs)), firewall_failed=FIREWALL_FAILED)
        return Service(type="oneshot", start_script=script)

    @check
    def names_are_keys(self, config: Config) -> list[Complaint]:
        """An entry of a mapping has no other name than its key."""
        paths = [f"networking.interfaces.{name}.name" for name, entry in self.interfaces.items() if entry.name != name]
        return [Complaint(f"{path} is not its key, which is the name", (path,)) for path in paths]

    @check
    def addresses_fit(self, config: Config) -> list[Complaint]:
        """Gateways can be reached, no address is there twice, none has two sources."""
        found = []
        owners: dict[str, str] = {}
        for name, entry in self.interfaces.items():
            path = f"networking.interfaces.{name}"
            if entry.dhcp and entry.ipv4.address is not None:
                paths = (f"{path}.dhcp", f"{path}.ipv4.address")
                found.append(Complaint(f"{path} has both dhcp and ipv4.address", paths, "leave one of them out"))
            for family, own in (("ipv4", entry.ipv4), ("ipv6", entry.ipv6)):
                found += _bad_gateway(f"{path}.{family}", own)
                if own.address is not None:
                    plain = str(ipaddress.ip_interface(own.address).ip)
                    here = f"{path}.{family}.address"
                    other = owners.setdefault(plain, here)
                    if other != here:
                        found.append(Complaint(f"{other} and {here} are the same address {plain}", (other, here)))
        return found

    @check
    def parents_are_known(self, config: Config) -> list[Complaint]:
        """What a link is made from is declared."""
        return [
            Complaint(
                f"{name} is made from {other}, which is not declared",
                (link.declared_by,),
                f"networking.interfaces.{other} = {{}} declares it",
            )
            for name, link in self.links.items()
            for other in link.needs
            if other not in self.interfaces
        ]

    @check
    def links_have_no_cycle(self, config: Config) -> Complaint | None:
        """No link is made from itself."""
        chain = cycle_in({name: link.needs for name, link in self.links.items()})
        declared = tuple(self.links[name].declared_by for name in chain[1:])
        return Complaint(f"interfaces are made from each other: {' -> '.join(chain)}", declared) if chain else None


def _enabled(interfaces: Interfaces) -> Iterator[tuple[str, Interface]]:
    """The interfaces that come up, by name."""
    yield from ((name, entry) for name, entry in interfaces.interfaces.items() if entry.enable)


def _bad_gateway(path: str, own: Ipv4 | Ipv6) -> list[Complaint]:
    if own.gateway is None:
        return []
    if own.address is None:
        return [Complaint(f"{path}.gateway needs {path}.address", (f"{path}.gateway",))]
    network, gateway = ipaddress.ip_interface(own.address).network, ipaddress.ip_address(own.gateway)
    if gateway in network or (gateway.version == 6 and gateway.is_link_local):
        return []
    text = f"{path}.gateway {gateway} is not in {network}, so it cannot be reached"
    return [Complaint(text, (f"{path}.gateway", f"{path}.address"))]


def _settings(name: str, entry: Interface) -> Iterator[str]:
    """Shell code that gives an interface its addresses."""
    here = f"/proc/sys/net/ipv6/conf/{name}"
    taken = int(entry.slaac)
    yield f"[ ! -d {here} ] || {{ echo {taken} >{here}/accept_ra; echo {taken} >{here}/autoconf; }}\n"
    yield f"ip link set {name} up\n"
    if entry.ipv4.address is not None:
        yield f"ip -4 addr replace {ipaddress.ip_interface(entry.ipv4.address)} dev {name}\n"
    if entry.ipv6.address is not None:
        yield f"ip -6 addr replace {ipaddress.ip_interface(entry.ipv6.address)} dev {name}\n"
        yield WAIT_FOR_DAD.format(name=name, wait=WAIT_SECONDS, short=CABLE_SECONDS)
    for family, own in (("-4", entry.ipv4), ("-6", entry.ipv6)):
        if own.gateway is not None:
            yield f"ip {family} route replace default via {own.gateway} dev {name}\n"
