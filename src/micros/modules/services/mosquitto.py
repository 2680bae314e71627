"""A broker of messages: mosquitto (MQTT)."""

from __future__ import annotations

import shlex
from typing import Annotated, Any

from micros.lang import Config, Lines, Module, Pattern, Port, Record, check, default, defines, formats, option
from micros.modules.environment import Environment, EtcFile
from micros.modules.networking.firewall import Firewall
from micros.modules.networking.sockets import Sockets
from micros.modules.services.ready import listening
from micros.modules.services.services import Micros, Service
from micros.modules.users.accounts import Accounts, Group, User
from micros.packages import Package, pkgs

SETTINGS = formats.key_value(separator=" ", duplicate_keys=True)

Topic = Annotated[str, Pattern(r"((readwrite|read|write|deny) )?[^\n]+", "topic, with what may be done in front")]
Hash = Annotated[str, Pattern(r"\$[67]\$[^:\s]+", "hash as mosquitto_passwd makes it, $6$... or $7$...")]


class MqttUser(Record):
    """Who may connect."""

    hashed_password: Hash | None = option(default=None, doc="What `mosquitto_passwd` makes of the password.")
    hashed_password_file: str | None = option(
        default=None, doc="File on the running system that holds it, so that the image does not."
    )
    acl: list[Topic] = option(default=[], doc="Topics this user may use.", example=["read sensors/#", "readwrite home/lamp"])


class MqttListener(Record):
    """One port and who may use it."""

    port: Port = option(default=1883, doc="TCP port.")
    address: str | None = option(default=None, doc="Address to listen on; all where none is given.", example="127.0.0.1")
    users: dict[Annotated[str, Pattern(r"[^:\s]+", "name without colon and spaces")], MqttUser] = option(
        default={}, doc="Who may connect, by name."
    )
    allow_anonymous: bool = option(default=False, doc="Let in those who give no name.")
    acl: list[Annotated[str, Pattern(r"(topic|pattern|user) [^\n]+", "line of an ACL file")]] = option(
        default=[], doc="Topics for everybody who is in, as lines of an ACL file.", example=["pattern read $SYS/#"]
    )
    settings: Annotated[dict[str, Any], SETTINGS] = option(
        default={}, doc="More settings of the listener (mosquitto.conf(5)).", example={"cafile": "/etc/ssl/certs/ca.crt"}
    )


class Mosquitto(Module, at="services.mosquitto"):
    """An MQTT broker."""

    enable: bool = option(default=False, doc="Run the broker.")
    package: Package = option(default=pkgs.mosquitto, doc="The package of the broker.")
    listeners: list[MqttListener] = option(default=[], doc="Where it listens, and for whom.")
    open_firewall: bool = option(default=False, doc="Open the ports of all listeners in the firewall.")
    persistence: bool = option(default=True, doc="Keep retained messages in /var/lib/mosquitto.")
    log_types: list[str] = option(
        default=["error", "warning", "notice"], doc="What is logged.", aliases=["services.mosquitto.log_type"]
    )
    settings: Annotated[dict[str, Any], SETTINGS] = option(default={}, doc="More settings (mosquitto.conf(5)).")
    extra_config: Lines = option(default="", doc="Lines at the end of the configuration file.")

    @defines(Environment.etc, when=enable)
    def files(self, config: Config) -> dict[str, EtcFile]:
        """What the broker reads."""
        files = {"mosquitto/mosquitto.conf": EtcFile(text=mosquitto_conf(self))}
        for number, listener in enumerate(self.listeners):
            lines = [f"{name}:{user.hashed_password}\n" for name, user in listener.users.items() if user.hashed_password]
            files[f"mosquitto/passwords-{number}"] = EtcFile(text="".join(lines), mode="0400")
            files[f"mosquitto/acl-{number}"] = EtcFile(text=_acl(listener), mode="0400", user="mosquitto", group="mosquitto")
        return files

    @defines(Environment.system_packages, when=enable)
    def packages(self, config: Config) -> list[Package]:
        """The broker."""
        return [self.package]

    @defines(Micros.services["mosquitto"], when=enable)
    def service(self, config: Config) -> Service:
        """The broker in the foreground; it binds its ports, reads its files and becomes `mosquitto`."""
        return Service(
            setup_script=setup_script(self),
            start_script=f"exec {self.package}/usr/sbin/mosquitto -c /etc/mosquitto/mosquitto.conf",
            no_new_privileges=True,
            ready_script=listening(*self.ports()),
        )

    @defines(Accounts.users["mosquitto"], when=enable)
    def user(self, config: Config) -> User:
        """Whom the broker is."""
        return User(group=default("mosquitto"), shell=default("/bin/false"))

    @defines(Accounts.groups["mosquitto"], when=enable)
    def group(self, config: Config) -> Group:
        """Its group."""
        return Group()

    @defines(Sockets.sockets, when=enable)
    def sockets(self, config: Config) -> dict[str, list[str]]:
        """The ports are taken."""
        return {f"tcp/{port}": ["services.mosquitto.listeners"] for port in self.ports()}

    @defines(Firewall.allowed_tcp_ports, when=enable)
    def open_ports(self, config: Config) -> list[Port]:
        """What the firewall lets through."""
        return self.ports() if self.open_firewall else []

    @check
    def listens(self, config: Config) -> str | None:
        """Where nothing is said, mosquitto serves the machine itself and lets everybody in."""
        if self.enable and not self.listeners:
            return "services.mosquitto has no listeners: without any it lets everybody on this machine in"
        return None

    @check
    def users_have_one_password(self, config: Config) -> str | None:
        """None at all would let nobody in, two contradict each other."""
        bad = [
            f"services.mosquitto.listeners: user {name} of port {listener.port}"
            for listener in (self.listeners if self.enable else ())
            for name, user in listener.users.items()
            if (user.hashed_password is None) == (user.hashed_password_file is None)
        ]
        return f"{', '.join(bad)} needs either hashed_password or hashed_password_file" if bad else None

    def ports(self) -> list[int]:
        """The ports of all listeners."""
        return sorted({listener.port for listener in self.listeners})


def mosquitto_conf(mosquitto: Mosquitto) -> str:
    """mosquitto.conf(5): what is for all, then each listener with its own."""
    lines = ["user mosquitto", "per_listener_settings true", "log_dest stderr", "log_timestamp false"]
    lines += [f"log_type {kind}" for kind in mosquitto.log_types]
    if mosquitto.persistence:
        lines += ["persistence true", "persistence_location /var/lib/mosquitto/"]
    text = "\n".join(lines) + "\n" + SETTINGS.generate(mosquitto.settings)
    for number, listener in enumerate(mosquitto.listeners):
        lines = [f"listener {listener.port}{f' {listener.address}' if listener.address else ''}"]
        lines += [f"allow_anonymous {'true' if listener.allow_anonymous else 'false'}"]
        lines += [f"password_file /run/mosquitto/passwords-{number}"]
        lines += [f"acl_file /etc/mosquitto/acl-{number}"]
        text += "\n".join(lines) + "\n" + SETTINGS.generate(listener.settings)
    return text + (mosquitto.extra_config.rstrip("\n") + "\n" if mosquitto.extra_config else "")


def setup_script(mosquitto: Mosquitto) -> str:
    """Shell code that puts the hashes together: those of the image, and those in files of the running system."""
    lines = ["install -d -o mosquitto -g mosquitto -m 0750 /run/mosquitto /var/lib/mosquitto", "umask 077"]
    for number, listener in enumerate(mosquitto.listeners):
        target = f"/run/mosquitto/passwords-{number}"
        lines.append(f"cat /etc/mosquitto/passwords-{number} >{target}")
        for name, user in listener.users.items():
            if user.hashed_password_file is not None:
                # Assigned first: the status of what only fills in an argument is nobody's, and an empty hash would be written.
                lines.append(f"hash=$(cat {shlex.quote(user.hashed_password_file)})")
                lines.append(f'printf "%s:%s\\n" {shlex.quote(name)} "$hash" >>{target}')
        lines.append(f"chown mosquitto:mosquitto {target}")
    return "\n".join(lines)


def _acl(listener: MqttListener) -> str:
    """An ACL file: what comes before the first user is for those without a name."""
    lines = [*listener.acl]
    for name, user in listener.users.items():
        lines += [f"user {name}", *(f"topic {topic}" for topic in user.acl)]
    return "".join(f"{line}\n" for line in lines)
