"""The firewall: what may come in. Everything else is dropped, over IPv4 and IPv6, from before the first interface is up.

Options as NixOS has them, as one table of nftables. Echo requests of IPv6 are always answered, as are the messages that
IPv6 cannot do without (RFC 4890, 4.4.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from micros.lang import REQUIRED, Complaint, Config, Lines, Module, Pattern, Port, Record, check, defines, lazy, option
from micros.modules.boot.container import ON_A_MACHINE
from micros.modules.boot.kernel import Boot
from micros.modules.networking.addresses import InterfaceName
from micros.modules.networking.nftables import Nftables, Table

TABLE = "micros-fw"

Helper = Literal["amanda", "ftp", "irc", "netbios_ns", "pptp", "sane", "sip", "snmp", "tftp"]

HELPERS: dict[Helper, tuple[Literal["tcp", "udp"], int]] = {
    "amanda": ("udp", 10080),
    "ftp": ("tcp", 21),
    "irc": ("tcp", 6667),
    "netbios_ns": ("udp", 137),
    "pptp": ("tcp", 1723),
    "sane": ("tcp", 6566),
    "sip": ("udp", 5060),
    "snmp": ("udp", 161),
    "tftp": ("udp", 69),
}
"""Protocols with a helper in the kernel (net/netfilter/nf_conntrack_*.c), and the port its control connection goes to."""


class PortRange(Record):
    """Ports from one to another."""

    start: Port = option(default=REQUIRED, doc="The first.", aliases=["from"])
    end: Port = option(default=REQUIRED, doc="The last.", aliases=["to"])


class OpenPorts(Record):
    """What may come in by one interface."""

    allowed_tcp_ports: list[Port] = option(default=[], doc="TCP ports that may be reached.")
    allowed_tcp_port_ranges: list[PortRange] = option(default=[], doc="Ranges of TCP ports that may be reached.")
    allowed_udp_ports: list[Port] = option(default=[], doc="UDP ports that may be reached.")
    allowed_udp_port_ranges: list[PortRange] = option(default=[], doc="Ranges of UDP ports that may be reached.")


class Firewall(Module, at="networking.firewall"):
    """What may come in."""

    enable: bool = option(
        default=ON_A_MACHINE,
        default_text="whether the system is not a container, whose engine says what comes in",
        doc="Drop what is not allowed to come in. In a container it needs an engine that grants CAP_NET_ADMIN.",
    )
    allowed_tcp_ports: list[Port] = option(default=[], doc="TCP ports that may be reached by every interface.")
    allowed_tcp_port_ranges: list[PortRange] = option(default=[], doc="Ranges of TCP ports that may be reached.")
    allowed_udp_ports: list[Port] = option(default=[], doc="UDP ports that may be reached by every interface.")
    allowed_udp_port_ranges: list[PortRange] = option(default=[], doc="Ranges of UDP ports that may be reached.")
    interfaces: dict[InterfaceName, OpenPorts] = option(default={}, doc="What may come in by one interface besides.")
    all_interfaces: dict[str, OpenPorts] = option(
        default=lazy(lambda config: everywhere(config[Firewall])),
        default_text="`interfaces`, and as `default` what may come in by every one",
        doc="All of it by interface.",
        read_only=True,
        internal=True,
    )
    trusted_interfaces: list[InterfaceName] = option(
        default=[], doc="Interfaces by which everything may come in. `lo` always may."
    )
    allow_ping: bool = option(default=True, doc="Answer IPv4 echo requests. Those of IPv6 are always answered.")
    ping_limit: (
        Annotated[str, Pattern(r"[0-9]+/(second|minute|hour|day)( burst [0-9]+ packets)?", "rate, as `2/second burst 5 packets`")]
        | None
    ) = option(default=None, doc="How many IPv4 echo requests are answered at most.", example="2/second burst 5 packets")
    reject_packets: bool = option(default=False, doc="Tell who is refused, instead of saying nothing.")
    check_reverse_path: bool | Literal["strict", "loose"] = option(
        default=True,
        doc="Drop what comes in by an interface by which an answer would not leave (`strict`, as true), or that no answer could "
        "reach at all (`loose`) (RFC 3704).",
    )
    filter_forward: bool = option(default=False, doc="Drop what is to be passed on, too, unless a rule or an answer allows it.")
    extra_input_rules: Lines = option(default="", doc="Rules for what comes in, which may `accept` it.")
    extra_forward_rules: Lines = option(default="", doc="Rules for what is passed on, where `filter_forward` is on.")
    extra_reverse_path_filter_rules: Lines = option(default="", doc="Rules that exempt from the check of the reverse path.")
    log_refused_connections: bool = option(default=True, doc="Log TCP connections that are refused.")
    log_refused_packets: bool = option(default=False, doc="Log all packets that are refused.")
    log_refused_unicasts_only: bool = option(default=True, doc="Of refused packets log only those to this host alone.")
    log_reverse_path_drops: bool = option(default=False, doc="Log what the check of the reverse path drops.")
    connection_tracking_modules: list[Helper] = option(
        default=[], doc="Protocols of several connections whose further ones belong to the first.", example=["ftp"]
    )
    auto_load_conntrack_helpers: bool = option(
        default=False, doc="Must stay off: the kernel gives helpers no connections by itself any more."
    )

    @defines(Nftables.tables[TABLE], when=enable)
    def table(self, config: Config) -> Table:
        """All of it as rules."""
        parts = [_helpers(self), _reverse_path(self), _input(self), _forward(self) if self.filter_forward else ""]
        return Table(family="inet", content="\n".join(filter(None, parts)))

    @defines(Boot.kernel_modules, when=enable)
    def modules(self, config: Config) -> list[str]:
        """The helpers."""
        return [f"nf_conntrack_{name}" for name in self.connection_tracking_modules]

    @check
    def default_is_no_interface(self, config: Config) -> list[Complaint]:
        """`all_interfaces` calls so what may come in by every interface."""
        text = "networking.firewall.interfaces has no interface `default`"
        hint = "networking.firewall.allowed_tcp_ports and its like are for every interface"
        path = ("networking", "firewall", "interfaces", "default")
        return [Complaint(text, (path,), hint)] if "default" in self.interfaces else []

    @check
    def ranges_are_ranges(self, config: Config) -> str | None:
        """The first port of a range is not after its last."""
        bad = [
            f"{each.start} to {each.end}"
            for ports in self.all_interfaces.values()
            for each in (*ports.allowed_tcp_port_ranges, *ports.allowed_udp_port_ranges)
            if each.start > each.end
        ]
        return f"networking.firewall: the range of ports {', '.join(bad)} ends before it begins" if bad else None

    @check
    def helpers_are_named(self, config: Config) -> str | None:
        """What Linux 6.0 took away is not silently ignored."""
        if self.auto_load_conntrack_helpers:
            return (
                "networking.firewall.auto_load_conntrack_helpers: the kernel gives helpers no connections by itself any more; "
                "name the protocols in networking.firewall.connection_tracking_modules"
            )
        return None

    @check
    def forward_rules_are_wanted(self, config: Config) -> str | None:
        """Rules that would never be reached."""
        if self.extra_forward_rules and not self.filter_forward:
            return "networking.firewall.extra_forward_rules needs networking.firewall.filter_forward"
        return None


def everywhere(firewall: Firewall) -> dict[str, OpenPorts]:
    """What may come in by interface; `default` is each."""
    return {
        "default": OpenPorts(
            allowed_tcp_ports=firewall.allowed_tcp_ports,
            allowed_tcp_port_ranges=firewall.allowed_tcp_port_ranges,
            allowed_udp_ports=firewall.allowed_udp_ports,
            allowed_udp_port_ranges=firewall.allowed_udp_port_ranges,
        ),
        **firewall.interfaces,
    }


def _chain(name: str, hook: str, rules: Iterator[str]) -> str:
    """A chain; rules may be several lines."""
    lines = [line.strip() for rule in rules for line in rule.splitlines() if line.strip()]
    return "\n".join([f"chain {name} {{", *(f"    {line}" for line in ([hook] if hook else []) + lines), "}"])


def _input(firewall: Firewall) -> str:
    """What comes in: the chain of the hook, and the one that says what may."""
    hook = "type filter hook input priority filter; policy drop;"
    return _chain("input", hook, _input_rules(firewall)) + "\n" + _chain("input-allow", "", _allow_rules(firewall))


def _input_rules(firewall: Firewall) -> Iterator[str]:
    trusted = ", ".join(f'"{name}"' for name in dict.fromkeys(["lo", *firewall.trusted_interfaces]))
    yield f"iifname {{ {trusted} }} accept"
    yield "ct state established,related accept"
    yield "ct state invalid drop"
    yield "jump input-allow"  # new, or untracked as IPv6's neighbour discovery is
    if firewall.log_refused_connections:
        yield 'tcp flags & (fin | syn | rst | ack) == syn log prefix "refused connection: " level info'
    if firewall.log_refused_packets:
        only = "meta pkttype host " if firewall.log_refused_unicasts_only else ""
        yield f'{only}log prefix "refused packet: " level info'
    if firewall.reject_packets:
        yield "meta l4proto tcp reject with tcp reset"
        yield "reject"


def _allow_rules(firewall: Firewall) -> Iterator[str]:
    for name, ports in firewall.all_interfaces.items():
        where = "" if name == "default" else f'iifname "{name}" '
        for protocol, wanted in _wanted(ports).items():
            if wanted:
                yield f"{where}{protocol} dport {{ {', '.join(wanted)} }} accept"
    if firewall.allow_ping:
        limit = f"limit rate {firewall.ping_limit} " if firewall.ping_limit else ""
        yield f"icmp type echo-request {limit}accept"
    yield "icmpv6 type != { nd-redirect, 139 } accept"  # 139: questions about the host's names (RFC 4620)
    yield "ip6 daddr fe80::/64 udp sport 547 udp dport 546 accept"  # answers of DHCPv6 (RFC 8415, 7.2)
    yield firewall.extra_input_rules


def _wanted(ports: OpenPorts) -> Mapping[str, list[str]]:
    """Elements of the sets of ports, by protocol; what lies in a range is not there again: sets have no overlaps."""
    found = {}
    pairs = {
        "tcp": (ports.allowed_tcp_ports, ports.allowed_tcp_port_ranges),
        "udp": (ports.allowed_udp_ports, ports.allowed_udp_port_ranges),
    }
    for protocol, (single, ranges) in pairs.items():
        spans = sorted([(port, port) for port in single] + [(each.start, each.end) for each in ranges])
        joined: list[tuple[int, int]] = []
        for start, end in spans:
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        found[protocol] = [f"{start}" if start == end else f"{start}-{end}" for start, end in joined]
    return found


def _forward(firewall: Firewall) -> str:
    """What is passed on."""

    def rules() -> Iterator[str]:
        yield "ct state established,related accept"
        yield "ct state invalid drop"
        yield "icmpv6 type != { router-renumbering, 139 } accept"
        yield "ct status dnat accept"
        yield firewall.extra_forward_rules

    return _chain("forward", "type filter hook forward priority filter; policy drop;", rules())


def _reverse_path(firewall: Firewall) -> str:
    """What has come by the wrong way."""
    if firewall.check_reverse_path is False:
        return ""
    key = "saddr . mark" if firewall.check_reverse_path == "loose" else "saddr . mark . iif"

    def rules() -> Iterator[str]:
        yield "meta nfproto ipv4 udp sport . udp dport { 67 . 68, 68 . 67 } accept"  # DHCP, before there are routes
        yield f"fib {key} oif exists accept"
        yield firewall.extra_reverse_path_filter_rules
        if firewall.log_reverse_path_drops:
            yield 'log prefix "rpfilter drop: " level info'

    return _chain("rpfilter", "type filter hook prerouting priority mangle + 10; policy drop;", rules())


def _helpers(firewall: Firewall) -> str:
    """Which connections the kernel's helpers look into."""
    names = firewall.connection_tracking_modules
    if not names:
        return ""
    objects = [f'ct helper {name} {{ type "{name.replace("_", "-")}" protocol {HELPERS[name][0]}; }}' for name in names]
    rules = (f'{HELPERS[name][0]} dport {HELPERS[name][1]} ct helper set "{name}"' for name in names)
    return "\n".join([*objects, _chain("helpers", "type filter hook prerouting priority filter;", rules)])
