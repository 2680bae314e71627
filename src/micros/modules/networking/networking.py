"""The host's name, its name servers, and addresses by DHCP."""

from __future__ import annotations

import shlex
from typing import Annotated

from micros.lang import Config, Module, Pattern, defines, option
from micros.modules.activation import Activation, ActivationScript
from micros.modules.boot.kernel import Boot
from micros.modules.environment import Environment, EtcFile
from micros.modules.services.services import Micros, Service
from micros.modules.system import FileSpec, System

HOST_NAME = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
"""A label of RFC 1123, 2.1."""
HOST_NAME_WORDS = "host name of letters, digits and inner hyphens, at most 63"

DHCP_EVENT = """\
#!/bin/sh
# Called by udhcpc with what the server said in the environment.
case $1 in
deconfig)
    ip addr flush dev "$interface"
    ip link set "$interface" up
    ;;
bound | renew)
    ip addr replace "$ip/${mask:-24}" dev "$interface"
    for gateway in $router; do
        ip route replace default via "$gateway" dev "$interface" && break
    done
    [ -e /run/resolv.conf.static ] || for server in $dns; do echo "nameserver $server"; done >/run/resolv.conf
    : >"/run/micros/done/dhcp-$interface"
    ;;
esac
"""


class Networking(Module, at="networking"):
    """Names and interfaces."""

    host_name: Annotated[str, Pattern(HOST_NAME, HOST_NAME_WORDS)] = option(default="micros", doc="The host's name, one label.")
    nameservers: list[str] = option(default=[], doc="Addresses of name servers; they win over those of DHCP.")
    hosts: dict[str, list[str]] = option(default={}, doc="Names by address, for /etc/hosts.")

    @defines(Environment.etc)
    def names(self, config: Config) -> dict[str, EtcFile]:
        """Who we are and whom we know."""
        known = {"127.0.0.1": ["localhost"], "127.0.1.1": [self.host_name], "::1": ["localhost"]}
        lines = [f"{address} {' '.join(names)}\n" for address, names in {**known, **self.hosts}.items()]
        return {
            "hostname": EtcFile(text=self.host_name + "\n"),
            "hosts": EtcFile(text="".join(lines)),
            "nsswitch.conf": EtcFile(text="passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"),
        }

    @defines(System.files)
    def resolver(self, config: Config) -> dict[str, FileSpec]:
        """/etc/resolv.conf: fixed where name servers are declared, else DHCP's."""
        if self.nameservers:
            text = "".join(f"nameserver {server}\n" for server in self.nameservers)
            return {"etc/resolv.conf": FileSpec(text=text)}
        return {"etc/resolv.conf": FileSpec(link="/run/resolv.conf")}

    @defines(Activation.activation_scripts["host-name"])
    def set_host_name(self, config: Config) -> ActivationScript:
        """The kernel's idea of the name, and the loopback interface."""
        return ActivationScript(text=f"hostname {shlex.quote(self.host_name)}\nip link set lo up")


class Dhcp(Module, at="networking.dhcp"):
    """Addresses from a DHCP server (busybox udhcpc)."""

    enable: bool = option(default=False, doc="Ask for an address on the interface.")
    interface: str = option(default="eth0", doc="Kernel name of the interface.")
    drivers: list[str] = option(default=["virtio_net"], doc="Kernel modules of the network card.")

    @defines(Boot.kernel_modules, when=enable)
    def modules(self, config: Config) -> list[str]:
        """The card, and packet sockets for udhcpc."""
        return [*self.drivers, "af_packet"]

    @defines(System.files, when=enable)
    def event_script(self, config: Config) -> dict[str, FileSpec]:
        """What udhcpc calls."""
        return {"etc/micros/dhcp-event": FileSpec(text=DHCP_EVENT, mode="0755")}

    @defines(Micros.services["dhcp"], when=enable)
    def service(self, config: Config) -> Service:
        """udhcpc in the foreground."""
        return Service(
            start_script=f"ip link set {self.interface} up\n"
            f"exec udhcpc -f -i {self.interface} -s /etc/micros/dhcp-event -t 5 -T 1 -A 5 -x hostname:"
            f"{config[Networking].host_name}"
        )
