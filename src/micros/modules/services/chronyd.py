"""The clock, kept right by chrony."""

from __future__ import annotations

import shlex
from typing import Annotated, Literal

from micros.lang import Config, Lines, Module, Pattern, check, default, defines, lazy, option
from micros.modules.environment import Environment, EtcFile
from micros.modules.networking.networking import Networking
from micros.modules.services.ready import sockets
from micros.modules.services.services import Micros, Service
from micros.modules.users.accounts import Accounts, Group, User
from micros.packages import Package, pkgs

HostName = Annotated[str, Pattern(r"[^\s#]+", "name or address of a server")]

SOCKET = "/run/chrony/chronyd.sock"
"""Where chronyc finds the daemon (chronyc(1), option -h)."""


class Chronyd(Module, at="services.chronyd"):
    """Time over the network (chrony). It serves nobody, unless `extra_config` says `allow`."""

    enable: bool = option(default=False, doc="Keep the clock right by chrony.", aliases=["services.chrony.enable"])
    package: Package = option(default=pkgs.chrony, doc="The package of chrony.", aliases=["services.chrony.package"])
    servers: list[HostName] = option(
        default=lazy(lambda config: config[Networking].time_servers),
        default_text="networking.time_servers",
        doc="Servers to ask.",
        aliases=["services.chrony.servers"],
    )
    server_option: Literal["iburst", "offline"] = option(
        default="iburst",
        doc="`iburst` asks four times at first, `offline` not before `chronyc online`.",
        aliases=["services.chrony.server_option"],
    )
    enable_nts: bool = option(
        default=False,
        doc="Ask by Network Time Security (RFC 8915): servers prove who they are. Needs `security` certificates.",
        aliases=["services.chrony.enable_nts"],
    )
    step_threshold_seconds: float = option(
        default=1.0, doc="Offset above which the first three answers set the clock at once.", aliases=["services.chrony.makestep"]
    )
    extra_config: Lines = option(default="", doc="More lines of chrony.conf(5).", aliases=["services.chrony.extra_config"])
    extra_flags: list[str] = option(
        default=[], doc="More words of chronyd's command line (chronyd(8)).", aliases=["services.chrony.extra_flags"]
    )

    @defines(Environment.etc["chrony/chrony.conf"], when=enable)
    def conf(self, config: Config) -> EtcFile:
        """What chronyd reads. It binds no port: commands come over its socket, and it is nobody's server."""
        extra = f"{self.server_option} nts" if self.enable_nts else self.server_option
        lines = [f"server {server} {extra}" for server in self.servers]
        lines += ["driftfile /var/lib/chrony/drift", "ntsdumpdir /var/lib/chrony", f"makestep {self.step_threshold_seconds} 3"]
        lines += ["rtcsync", "cmdport 0", f"bindcmdaddress {SOCKET}", self.extra_config]
        return EtcFile(text="\n".join(lines).rstrip("\n") + "\n")

    @defines(Environment.system_packages, when=enable)
    def packages(self, config: Config) -> list[Package]:
        """chronyd and chronyc."""
        return [self.package]

    @defines(Micros.services["chronyd"], when=enable)
    def service(self, config: Config) -> Service:
        """chronyd in the foreground: it keeps the right to set the clock and gives up all others by itself."""
        flags = shlex.join(["-d", "-s", "-F", "1", "-u", "_chrony", *self.extra_flags])
        return Service(
            start_script=f"exec {self.package}/usr/sbin/chronyd {flags}",
            setup_script="mkdir -p -m 0750 /run/chrony /var/lib/chrony\nchown _chrony:_chrony /run/chrony /var/lib/chrony",
            ready_script=sockets(SOCKET),
        )

    @defines(Accounts.users["_chrony"], when=enable)
    def user(self, config: Config) -> User:
        """Whom chronyd becomes."""
        return User(group=default("_chrony"), shell=default("/bin/false"))

    @defines(Accounts.groups["_chrony"], when=enable)
    def group(self, config: Config) -> Group:
        """Its group."""
        return Group()

    @check
    def knows_the_time_from_somebody(self, config: Config) -> str | None:
        """Without servers, and without a word of another source, the clock is left alone."""
        told = self.servers or self.extra_config
        return None if told or not self.enable else "services.chronyd has nobody to ask: set services.chronyd.servers"
