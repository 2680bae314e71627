"""dnsmasq: names and addresses for a small network (dnsmasq(8)), as NixOS' `services.dnsmasq`."""

from __future__ import annotations

from collections.abc import Iterator

from micros.lang import Config, Module, Port, Record, check, default, defines, lazy, option, plain
from micros.modules.environment import Environment, EtcFile
from micros.modules.networking.dhcp import wanted
from micros.modules.networking.firewall import Firewall
from micros.modules.networking.networking import Networking
from micros.modules.networking.sockets import Sockets
from micros.modules.services.services import Micros, Service
from micros.modules.users.accounts import Accounts, Group, User
from micros.packages import Package, pkgs

USER = "dnsmasq"
CONFIGURATION = "dnsmasq.conf"
LOCAL = "127.0.0.1"
FIRST = 500
"""The order of what `before` puts in front."""


class DnsmasqSettings(Record, freeform=bool | int | str | list[str]):
    """dnsmasq's own options by their long names: `true` gives a bare one, a list one line for each."""

    port: Port = option(default=53, doc="Port for questions about names; 0 answers none.")


class Dnsmasq(Module, at="services.dnsmasq"):
    """A name server that remembers, and a DHCP server."""

    enable: bool = option(default=False, doc="Run dnsmasq.")
    package: Package = option(default=pkgs.dnsmasq_base, doc="The package that brings it.")
    resolve_local_queries: bool = option(default=True, doc="Ask it for the names that this host wants to know.")
    open_firewall: bool = option(default=False, doc="Let others reach it, for names and, with a `dhcp-range`, for addresses.")
    settings: DnsmasqSettings = option(default=DnsmasqSettings(), doc="Its configuration, as dnsmasq(8) names the options.")

    @defines(Environment.system_packages, when=enable)
    def packages(self, config: Config) -> list[Package]:
        """The program."""
        return [self.package]

    @defines(Accounts.users[USER], when=enable)
    def user(self, config: Config) -> User:
        """Whom it becomes."""
        return User(group=default(USER), shell=default("/bin/false"))

    @defines(Accounts.groups[USER], when=enable)
    def group(self, config: Config) -> Group:
        """Its group."""
        return Group()

    @defines(Environment.etc[CONFIGURATION], when=enable)
    def configuration(self, config: Config) -> EtcFile:
        """Its configuration."""
        lines = [f"user={USER}", f"group={USER}", "dhcp-leasefile=/var/lib/dnsmasq/leases", *_upstream(config)]
        own = {line.partition("=")[0]: line for line in lines}
        given = plain(self.settings)
        kept = [line for name, line in own.items() if name not in given]
        return EtcFile(text="".join(f"{line}\n" for line in [*kept, *_lines(given)]))

    @defines(
        Networking.nameservers,
        when=lazy(lambda config: config[Dnsmasq].enable and config[Dnsmasq].resolve_local_queries),
        order=FIRST,
    )
    def local(self, config: Config) -> list[str]:
        """Whom this host asks first."""
        return [LOCAL]

    @defines(Micros.services["dnsmasq"], when=enable)
    def service(self, config: Config) -> Service:
        """It begins as root, for its ports, and becomes its user."""
        return Service(
            start_script=f"exec dnsmasq --keep-in-foreground --log-facility=- --pid-file= --conf-file=/etc/{CONFIGURATION}",
            dependencies=["networking"],
            state_directories=["dnsmasq"],
            setup_script=f"dnsmasq --test --conf-file=/etc/{CONFIGURATION}",
        )

    @defines(Sockets.sockets, when=enable)
    def sockets(self, config: Config) -> dict[str, list[str]]:
        """Its ports."""
        return {f"{protocol}/{port}": ["services.dnsmasq.settings"] for protocol, port in _ports(self.settings)}

    @defines(Firewall.allowed_tcp_ports, when=open_firewall)
    def open_tcp(self, config: Config) -> list[Port]:
        """What others may reach by TCP."""
        return [port for protocol, port in _ports(self.settings) if protocol == "tcp" and self.enable]

    @defines(Firewall.allowed_udp_ports, when=open_firewall)
    def open_udp(self, config: Config) -> list[Port]:
        """What others may reach by UDP."""
        return [port for protocol, port in _ports(self.settings) if protocol == "udp" and self.enable]

    @check
    def values_are_lines(self, config: Config) -> str | None:
        """One value is one line."""
        bad = [name for name, value in plain(self.settings).items() if "\n" in str(value)]
        return f"services.dnsmasq.settings.{bad[0]} holds a line break; use a list" if bad else None


def _ports(settings: DnsmasqSettings) -> list[tuple[str, Port]]:
    """Protocols and ports it listens on."""
    found = [("tcp", settings.port), ("udp", settings.port)] if settings.port else []
    return [*found, ("udp", 67)] if "dhcp-range" in plain(settings) else found


def _upstream(config: Config) -> Iterator[str]:
    """Whom it asks what it does not know: the declared name servers and those of leases, but not itself."""
    if wanted(config):
        yield "resolv-file=/run/resolv.conf"
    else:
        yield "no-resolv"
    servers = [server for server in config[Networking].nameservers if server != LOCAL]
    yield from (f"server={server}" for server in servers)


def _lines(settings: dict[str, bool | int | str | list[str]]) -> Iterator[str]:
    """Options as dnsmasq's file has them."""
    for name, value in settings.items():
        for one in value if isinstance(value, list | tuple) else [value]:
            if one is True:
                yield name
            elif one is not False:
                yield f"{name}={one}"
