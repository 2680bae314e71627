"""The clock, kept right by a small daemon."""

from __future__ import annotations

from micros.lang import Config, Lines, Module, check, default, defines, lazy, option
from micros.modules.environment import Environment, EtcFile
from micros.modules.networking.networking import Networking
from micros.modules.services.chronyd import Chronyd, HostName
from micros.modules.services.ready import sockets
from micros.modules.services.services import Micros, Service
from micros.modules.users.accounts import Accounts, Group, User
from micros.packages import Package, pkgs


class Ntpd(Module, at="services.ntpd"):
    """Time over the network by OpenNTPD, which needs nothing but the C library (Debian's busybox has no ntpd)."""

    enable: bool = option(default=False, doc="Keep the clock right by ntpd.", aliases=["services.openntpd.enable"])
    package: Package = option(default=pkgs.openntpd, doc="The package of OpenNTPD.")
    servers: list[HostName] = option(
        default=lazy(lambda config: config[Networking].time_servers),
        default_text="networking.time_servers",
        doc="Servers to ask.",
        aliases=["services.openntpd.servers"],
    )
    extra_config: Lines = option(default="", doc="More lines of ntpd.conf(5).", aliases=["services.openntpd.extra_config"])

    @defines(Environment.etc["openntpd/ntpd.conf"], when=enable)
    def conf(self, config: Config) -> EtcFile:
        """What ntpd reads."""
        lines = [*(f"server {server}" for server in self.servers), self.extra_config]
        return EtcFile(text="\n".join(lines).rstrip("\n") + "\n")

    @defines(Environment.etc["services"], when=enable)
    def port(self, config: Config) -> EtcFile:
        """ntpd looks up the port by name (services(5))."""
        return EtcFile(text=default("ntp\t123/udp\n"))

    @defines(Environment.system_packages, when=enable)
    def packages(self, config: Config) -> list[Package]:
        """ntpd and ntpctl."""
        return [self.package]

    @defines(Micros.services["ntpd"], when=enable)
    def service(self, config: Config) -> Service:
        """ntpd in the foreground; at its start it sets the clock at once where that is far off."""
        return Service(
            setup_script="mkdir -p /var/lib/openntpd/run /var/lib/openntpd/db\ninstall -d -m 0755 /run/openntpd",
            start_script=f"exec {self.package}/usr/sbin/ntpd -d -s",
            ready_script=sockets("/var/lib/openntpd/run/ntpd.sock"),
        )

    @defines(Accounts.users["ntpd"], when=enable)
    def user(self, config: Config) -> User:
        """Whom the parts of ntpd become that talk to others; its home is all they see."""
        return User(group=default("ntpd"), home=default("/run/openntpd"), create_home=default(False), shell=default("/bin/false"))

    @defines(Accounts.groups["ntpd"], when=enable)
    def group(self, config: Config) -> Group:
        """Its group."""
        return Group()

    @check
    def alone(self, config: Config) -> str | None:
        """Two daemons would pull the clock in two directions."""
        both = self.enable and config[Chronyd].enable
        return "services.ntpd and services.chronyd are both on: one of them keeps the clock" if both else None
