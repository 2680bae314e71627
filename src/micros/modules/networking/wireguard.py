"""WireGuard: tunnels in the kernel (wg(8)), as NixOS' `networking.wireguard.interfaces` has them.

A private key is never in the image: it lies on the running system, brought there or made there at the first boot.
"""

from __future__ import annotations

import shlex
from typing import Annotated

from micros.lang import (
    REQUIRED,
    Complaint,
    Config,
    Lines,
    Module,
    Pattern,
    Port,
    Range,
    Record,
    check,
    defines,
    lazy,
    option,
    warns,
)
from micros.modules.boot.kernel import Boot
from micros.modules.environment import Environment
from micros.modules.networking.addresses import NETWORK, InterfaceName
from micros.modules.networking.firewall import Firewall
from micros.modules.networking.interfaces import Interface, Interfaces, Link
from micros.modules.networking.sockets import Sockets
from micros.modules.storage.data import STATE_DIRECTORY, Data
from micros.packages import Package, pkgs

Key = Annotated[str, Pattern(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", "public key as `wg pubkey` writes it")]
"""32 bytes in base64 (RFC 4648, 4)."""
Network = Annotated[str, NETWORK]
AbsolutePath = Annotated[str, Pattern(r"/[^\n]*", "absolute path")]
Endpoint = Annotated[
    str, Pattern(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}", "host and port, as vpn.example:51820 or [fd00::1]:51820")
]


class WireguardPeer(Record):
    """Who is at the other end."""

    public_key: Key = option(default=REQUIRED, doc="The peer's public key.")
    preshared_key_file: AbsolutePath | None = option(default=None, doc="File on the running system with a further, shared key.")
    allowed_ips: list[Network] = option(default=[], doc="What is sent to the peer, and may come from it.", aliases=["allowedIPs"])
    endpoint: Endpoint | None = option(default=None, doc="Where the peer is; without, it speaks first. Names need a name server.")
    persistent_keepalive: Annotated[int, Range(1, 65535)] | None = option(
        default=None, doc="Seconds between messages that keep the way back through a firewall open.", example=25
    )


class WireguardInterface(Record):
    """One tunnel, to any number of peers."""

    ips: list[Network] = option(
        default=[], doc="Addresses of this end, with the lengths of their prefixes.", example=["10.100.0.2/24"]
    )
    private_key_file: AbsolutePath = option(
        default=lazy(lambda entry: f"{STATE_DIRECTORY}/wireguard/{entry.entry_name}.key"),
        default_text=f"{STATE_DIRECTORY}/wireguard/<name>.key",
        doc="File on the running system with the private key.",
    )
    generate_private_key_file: bool = option(default=False, doc="Make the private key where its file is not there.")
    listen_port: Port | None = option(default=None, doc="UDP port for the peers; without, one that is free.", example=51820)
    open_firewall: bool = option(default=False, doc="Let peers reach the port.")
    mtu: Annotated[int, Range(576, 65535)] | None = option(default=None, doc="Largest packet in bytes; else what fits.")
    allowed_ips_as_routes: bool = option(
        default=True, doc="Route to the peers what is allowed to them.", aliases=["allowedIPsAsRoutes"]
    )
    peers: list[WireguardPeer] = option(default=[], doc="The other ends.")
    post_setup: Lines = option(default="", doc="Shell code that runs once the tunnel is up.")


class Wireguard(Module, at="networking.wireguard"):
    """Encrypted tunnels."""

    enable: bool = option(
        default=lazy(lambda config: bool(config[Wireguard].interfaces)),
        default_text="whether there are interfaces",
        doc="Make the tunnels.",
    )
    interfaces: dict[InterfaceName, WireguardInterface] = option(
        default={}, doc="Tunnels by the name of the interface each becomes."
    )
    package: Package = option(default=pkgs.wireguard_tools, doc="The package that brings wg.")

    @defines(Environment.system_packages, when=enable)
    def packages(self, config: Config) -> list[Package]:
        """The program that tells the kernel."""
        return [self.package]

    @defines(Boot.kernel_modules, when=enable)
    def modules(self, config: Config) -> list[str]:
        """The kernel's part."""
        return ["wireguard"]

    @defines(Interfaces.links, when=enable)
    def links(self, config: Config) -> dict[str, Link]:
        """How each is made."""
        return {
            name: Link(
                make=f"[ -e /sys/class/net/{name} ] || ip link add {name} type wireguard",
                configure=_settings(name, tunnel),
                declared_by=f"networking.wireguard.interfaces.{name}",
            )
            for name, tunnel in self.interfaces.items()
        }

    @defines(Interfaces.interfaces, when=enable)
    def declared(self, config: Config) -> dict[str, Interface]:
        """Each is an interface."""
        return {name: Interface() for name in self.interfaces}

    @defines(Sockets.sockets, when=enable)
    def sockets(self, config: Config) -> dict[str, list[str]]:
        """The ports of the tunnels."""
        ports = {name: tunnel.listen_port for name, tunnel in self.interfaces.items()}
        found: dict[str, list[str]] = {}
        for name, port in ports.items():
            if port is not None:
                found.setdefault(f"udp/{port}", []).append(f"networking.wireguard.interfaces.{name}.listen_port")
        return found

    @defines(Firewall.allowed_udp_ports, when=enable)
    def open_ports(self, config: Config) -> list[Port]:
        """What peers may reach."""
        return [
            tunnel.listen_port for tunnel in self.interfaces.values() if tunnel.open_firewall and tunnel.listen_port is not None
        ]

    @check
    def open_ports_are_fixed(self, config: Config) -> list[Complaint]:
        """What is opened is known."""
        return [
            Complaint(f"{path}.open_firewall needs {path}.listen_port", (f"{path}.open_firewall",))
            for name, tunnel in self.interfaces.items()
            for path in [f"networking.wireguard.interfaces.{name}"]
            if tunnel.open_firewall and tunnel.listen_port is None
        ]

    @warns
    def keys_are_kept(self, config: Config) -> str | None:
        """A key that is made anew at each boot is known to no peer."""
        names = [
            name
            for name, tunnel in self.interfaces.items()
            if tunnel.generate_private_key_file and tunnel.private_key_file.startswith("/var/") and not config[Data].enable
        ]
        if not names:
            return None
        return f"the private key of {', '.join(names)} is made anew at each boot: storage.data.enable keeps it"


def _settings(name: str, tunnel: WireguardInterface) -> str:
    """Shell code that tells the kernel about a tunnel."""
    key = shlex.quote(tunnel.private_key_file)
    lines = []
    if tunnel.generate_private_key_file:
        lines.append(f'[ -s {key} ] || (umask 077; mkdir -p "$(dirname {key})"; wg genkey >{key}.new; mv {key}.new {key})')
    port = f" listen-port {tunnel.listen_port}" if tunnel.listen_port is not None else ""
    lines.append(f"wg set {name} private-key {key}{port}")
    lines += [f"ip link set {name} mtu {tunnel.mtu}"] if tunnel.mtu is not None else []
    lines += [f"ip -{_family(address)} addr replace {address} dev {name}" for address in tunnel.ips]
    for peer in tunnel.peers:
        words = ["wg", "set", name, "peer", peer.public_key]
        words += ["preshared-key", shlex.quote(peer.preshared_key_file)] if peer.preshared_key_file is not None else []
        words += ["endpoint", peer.endpoint] if peer.endpoint is not None else []
        words += ["persistent-keepalive", str(peer.persistent_keepalive)] if peer.persistent_keepalive is not None else []
        lines.append(" ".join([*words, "allowed-ips", ",".join(peer.allowed_ips) or "''"]))
        if tunnel.allowed_ips_as_routes:
            lines += [f"ip -{_family(network)} route replace {network} dev {name}" for network in peer.allowed_ips]
    return "\n".join([*lines, tunnel.post_setup])


def _family(address: str) -> int:
    return 6 if ":" in address else 4
