"""The host's name and id, whom it knows, and whom it asks for names and the time."""

from __future__ import annotations

import shlex
from typing import Annotated

from micros.lang import Config, Module, NonEmptyStr, Pattern, defines, option
from micros.modules.activation import Activation, ActivationScript
from micros.modules.environment import Environment, EtcFile
from micros.modules.networking.addresses import Address
from micros.modules.system import FileSpec, System

HOST_NAME = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
"""A label of RFC 1123, 2.1."""
HOST_NAME_WORDS = "host name of letters, digits and inner hyphens, at most 63"

RESOLVER_LIMIT = 3
"""MAXNS of resolv.conf(5): name servers that the C library asks."""


class Networking(Module, at="networking"):
    """Names and servers."""

    host_name: Annotated[str, Pattern(HOST_NAME, HOST_NAME_WORDS)] = option(default="micros", doc="The host's name, one label.")
    host_id: Annotated[str, Pattern("[0-9a-fA-F]{8}", "8 hexadecimal digits")] | None = option(
        default=None,
        doc="What `hostid` says and ZFS goes by: 8 hexadecimal digits, unlike those of other machines.",
        example="8425e349",
    )
    nameservers: list[Address] = option(
        default=[], doc="Addresses of name servers. They win over those of DHCP unless `networking.dhcp.override_nameservers`."
    )
    hosts: dict[Address, list[str]] = option(default={}, doc="Names by address, for /etc/hosts.")
    time_servers: list[NonEmptyStr] = option(
        default=["0.debian.pool.ntp.org", "1.debian.pool.ntp.org", "2.debian.pool.ntp.org", "3.debian.pool.ntp.org"],
        doc="NTP servers that the time daemon asks: names or addresses.",
    )

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
    def host_id_file(self, config: Config) -> dict[str, FileSpec]:
        """/etc/hostid: 4 bytes in the machine's order (gethostid(3)), which is little-endian on all of ours."""
        if self.host_id is None:
            return {}
        data = int(self.host_id, 16).to_bytes(4, "little")
        return {"etc/hostid": FileSpec(text=data.decode("utf-8", "surrogateescape"))}

    @defines(Activation.activation_scripts["host-name"])
    def set_host_name(self, config: Config) -> ActivationScript:
        """The kernel's idea of the name, and the loopback interface."""
        return ActivationScript(text=f"hostname {shlex.quote(self.host_name)}\nip link set lo up")
