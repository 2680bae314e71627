"""Remote login over SSH: dropbear, which is small, or OpenSSH.

Only keys let in, unless a switch says otherwise. Host keys are made at the first start on the machine itself, so that no
two have the same and no image holds one.
"""

from __future__ import annotations

import posixpath
import shlex
from typing import Annotated, Literal

from micros.lang import Config, Lines, Module, Pattern, Port, Range, Record, check, default, defines, lazy, option, plain
from micros.modules.activation import Activation, ActivationScript
from micros.modules.environment import Environment, EtcFile
from micros.modules.networking.firewall import Firewall
from micros.modules.networking.sockets import Sockets
from micros.modules.services.getty import Getty
from micros.modules.services.ready import listening
from micros.modules.services.services import Micros, Service
from micros.modules.system import FileSpec, System
from micros.modules.users.accounts import Accounts, Group, User, has_password
from micros.packages import Package, pkgs

DECLARED_KEYS = "/etc/ssh/authorized_keys.d/%u"
"""Where the keys that users declare are, in sshd_config(5)'s spelling; `%h` is the home, `%u` the user."""

# random(4): reading /dev/random waits until the kernel's generator is initialised, once in the life of the machine.
MAKE_KEY = """\
if [ ! -s {path} ]; then
    mkdir -p {directory}
    head -c 1 /dev/random >/dev/null
    rm -f /run/ssh/new /run/ssh/new.pub
    dropbearkey -t {type}{bits} -f /run/ssh/new | grep Fingerprint
    dropbearconvert dropbear openssh /run/ssh/new {path}.new 2>/dev/null
    rm /run/ssh/new /run/ssh/new.pub
    sync
    mv {path}.new {path}
fi
"""

LINK_KEYS = """\
if [ ! -e {file} ]; then
    mkdir -p {directory}
    chmod 0700 {directory}
    chown {owner} {home} {directory}
    ln -s {keys} {file}
fi
"""


class HostKey(Record):
    """One of the keys by which the machine is known."""

    type: Literal["ed25519", "ecdsa", "rsa"] = option(default="ed25519", doc="Algorithm.")
    path: Annotated[str, Pattern(r"/[^\s'\"]+", "absolute path")] = option(
        default=lazy(lambda key: f"/var/lib/micros/ssh/ssh_host_{key.type}_key"),
        default_text="/var/lib/micros/ssh/ssh_host_<type>_key",
        doc="Where it is kept, as OpenSSH writes private keys; made where it is not there.",
    )
    bits: Annotated[int, Range(256, 16384)] | None = option(default=None, doc="Length, where the algorithm has several.")


class SshdSettings(Record, freeform=str | int | bool):
    """What the server is told; other names go to OpenSSH as sshd_config(5) spells them."""

    permit_root_login: Literal["yes", "prohibit-password", "no"] = option(
        default="prohibit-password", doc="Whether root may log in: not at all, by key, or by password too."
    )
    password_authentication: bool = option(default=False, doc="Whether a password lets in. Anybody may guess at it.")
    allow_tcp_forwarding: bool = option(default=True, doc="Whether ports may be forwarded.")
    gateway_ports: bool = option(default=False, doc="Whether forwarded ports may be reached from other machines.")
    max_auth_tries: Annotated[int, Range(1, 100)] = option(default=6, doc="Attempts to log in for each connection.")
    client_alive_interval: Annotated[int, Range(0, 86400)] = option(
        default=0, doc="Seconds of silence after which a client is asked whether it is there; 0 never asks."
    )


DECLARED = frozenset(SshdSettings.__annotations__)
"""What dropbear can be told too."""


class Sshd(Module, at="services.sshd"):
    """Remote login over SSH."""

    enable: bool = option(default=False, doc="Run the SSH server.", aliases=["services.openssh.enable"])
    package: Package = option(
        default=pkgs.dropbear_bin,
        doc="The server: `dropbear-bin`, which is small, or `openssh-server`.",
        aliases=["services.openssh.package"],
        example="openssh-server",
    )
    ports: list[Port] = option(default=[22], doc="TCP ports to listen on.", aliases=["services.openssh.ports"])
    open_firewall: bool = option(default=True, doc="Open the ports in the firewall.", aliases=["services.openssh.open_firewall"])
    host_keys: list[HostKey] = option(
        default=[HostKey(type="ed25519")], doc="Keys of the machine.", aliases=["services.openssh.host_keys"]
    )
    authorized_keys_files: list[str] = option(
        default=["%h/.ssh/authorized_keys", DECLARED_KEYS],
        doc="Files of keys that let a user in; `%h` is the home, `%u` the user. dropbear reads one besides those that users "
        "declare, and only if its name is `authorized_keys` and it is the same for all or lies below the home; it takes the "
        "place of the declared ones where it is there.",
        aliases=["services.openssh.authorized_keys_files"],
    )
    allow_sftp: bool = option(
        default=lazy(lambda config: not _is_dropbear(config[Sshd].package)),
        default_text="with openssh-server",
        doc="Transfer files by SFTP, as `scp` does.",
        aliases=["services.openssh.allow_sftp"],
    )
    banner: Lines = option(default="", doc="Text shown before login.", aliases=["services.openssh.banner"])
    settings: SshdSettings = option(default=SshdSettings(), doc="What the server is told.", aliases=["services.openssh.settings"])
    extra_config: Lines = option(
        default="", doc="More lines of sshd_config(5), for OpenSSH.", aliases=["services.openssh.extra_config"]
    )

    @defines(Micros.services["sshd"], when=enable)
    def service(self, config: Config) -> Service:
        """The server in the foreground."""
        is_dropbear = _is_dropbear(self.package)
        keys = [host_key_script(key, for_dropbear=is_dropbear) for key in self.host_keys]
        return Service(
            setup_script="umask 077\n" + "".join(keys) + "umask 022",
            start_script=f"exec {dropbear(self) if is_dropbear else f'{self.package}/usr/sbin/sshd -D -e'}",
            runtime_directories=["ssh", "sshd"],
            ready_script=listening(*self.ports),
            leave_children=True,  # who is logged in stays so
            ready_seconds=120,  # a first start waits for the random generator
        )

    @defines(Environment.system_packages, when=enable)
    def packages(self, config: Config) -> list[Package]:
        """The server; dropbear's tools make the host keys of both, being a tenth of OpenSSH's; SFTP."""
        return [self.package, pkgs.dropbear_bin, *([pkgs.openssh_sftp_server] if self.allow_sftp else [])]

    @defines(Environment.etc, when=enable)
    def files(self, config: Config) -> dict[str, EtcFile]:
        """The keys that let users in, and what the server reads."""
        users = config[Accounts].users.items()
        files = {
            f"ssh/authorized_keys.d/{name}": EtcFile(text="\n".join(user.authorized_keys) + "\n")
            for name, user in users
            if user.authorized_keys
        }
        if self.banner:
            files["ssh/banner"] = EtcFile(text=self.banner.rstrip("\n") + "\n")
        if not _is_dropbear(self.package):
            files["ssh/sshd_config"] = EtcFile(text=sshd_config(self))
        return files

    @defines(System.files, when=enable)
    def key_links(self, config: Config) -> dict[str, FileSpec]:
        """dropbear reads one file, so that of each user leads to the declared keys."""
        files: dict[str, FileSpec] = {}
        for user, file, keys in dropbear_keys(self, config):
            files[posixpath.dirname(file).strip("/")] = FileSpec(directory=True, mode="0700", uid=user.uid, gid=user.gid)
            files[file.strip("/")] = FileSpec(link=keys)
        return files

    @defines(Activation.activation_scripts["ssh-keys"], when=enable)
    def link_again(self, config: Config) -> ActivationScript:
        """The same where a home is not the image's."""
        texts = [
            LINK_KEYS.format(
                file=shlex.quote(file),
                directory=shlex.quote(posixpath.dirname(file)),
                home=shlex.quote(user.home),
                keys=shlex.quote(keys),
                owner=f"{user.uid}:{user.gid}",
            )
            for user, file, keys in dropbear_keys(self, config)
        ]
        return ActivationScript(text="".join(texts), deps=["mounts"])

    @defines(Accounts.users, when=enable)
    def users(self, config: Config) -> dict[str, User]:
        """Whom OpenSSH's part that talks to strangers runs as."""
        return {} if _is_dropbear(self.package) else {"sshd": User(group=default("sshd"), shell=default("/bin/false"))}

    @defines(Accounts.groups, when=enable)
    def groups(self, config: Config) -> dict[str, Group]:
        """Its group."""
        return {} if _is_dropbear(self.package) else {"sshd": Group()}

    @defines(Sockets.sockets, when=enable)
    def sockets(self, config: Config) -> dict[str, list[str]]:
        """The ports are taken."""
        return {f"tcp/{port}": ["services.sshd.ports"] for port in self.ports}

    @defines(Firewall.allowed_tcp_ports, when=enable)
    def open_ports(self, config: Config) -> list[Port]:
        """What the firewall lets through."""
        return list(self.ports) if self.open_firewall else []

    @check
    def package_is_known(self, config: Config) -> str | None:
        """Each server is told things in its own way."""
        known = self.package.name in ("dropbear-bin", "dropbear", "openssh-server")
        return None if known else f"services.sshd.package is {self.package.name}: only dropbear-bin and openssh-server are known"

    @check
    def has_something_to_listen_on(self, config: Config) -> str | None:
        """A server without ports or keys is a mistake."""
        return "services.sshd needs a port and a host key" if self.enable and not (self.ports and self.host_keys) else None

    @check
    def somebody_gets_in(self, config: Config) -> str | None:
        """A system that nobody can log in to is a brick."""
        users = config[Accounts].users.values()
        by_key = any(user.authorized_keys for user in users)
        by_password = self.settings.password_authentication or config[Getty].enable
        if not self.enable or by_key or (by_password and any(has_password(user) for user in users)):
            return None
        return (
            "services.sshd is on, but nobody can log in: no user has authorized_keys, and none a password for the console; "
            'set users.root.authorized_keys = ["ssh-ed25519 ..."]'
        )

    @check
    def dropbear_can(self, config: Config) -> str | None:
        """What dropbear has no way to do."""
        if not self.enable or not _is_dropbear(self.package):
            return None
        remedy = 'set services.sshd.package = "openssh-server"'
        others = [name for name in plain(self.settings) if name not in DECLARED]
        problems = [f"dropbear knows no {name}, which services.sshd.settings sets; {remedy}" for name in others]
        if self.extra_config:
            problems.append(f"dropbear reads no sshd_config, which services.sshd.extra_config adds to; {remedy}")
        if len(own := _own_files(self)) > 1 or not all(map(_fits_dropbear, own)):
            problems.append(f"dropbear cannot read services.sshd.authorized_keys_files: {', '.join(own)}; {remedy}")
        homeless = [name for name, user in config[Accounts].users.items() if user.authorized_keys and user.home == "/"]
        if DECLARED_KEYS in self.authorized_keys_files and homeless:
            problems.append(f"dropbear finds keys by the home: users.{', users.'.join(homeless)} need one of their own")
        if len(self.ports) > 10:
            problems.append(f"dropbear takes 10 ports at most; {remedy}")
        return "\n".join(problems) or None


def host_key_script(key: HostKey, *, for_dropbear: bool) -> str:
    """Shell code that makes a host key where there is none; dropbear reads it in a form of its own."""
    path = shlex.quote(key.path)
    bits = f" -s {key.bits}" if key.bits is not None else ""
    text = MAKE_KEY.format(path=path, directory=shlex.quote(posixpath.dirname(key.path)), type=key.type, bits=bits)
    if for_dropbear:
        text += f"dropbearconvert openssh dropbear {path} {_converted(key)} 2>/dev/null\n"
    return text


def dropbear(sshd: Sshd) -> str:
    """dropbear's command line (dropbear(8)): in the foreground, its log on standard error."""
    settings = sshd.settings
    words = [f"{sshd.package}/usr/sbin/dropbear", "-F", "-E", "-m", "-P", "/run/ssh/pid"]
    words += [word for port in sshd.ports for word in ("-p", str(port))]
    words += [word for key in sshd.host_keys for word in ("-r", _converted(key))]
    words += ["-D", shlex.quote(_directory(sshd))]
    words += [{"yes": "", "prohibit-password": "-g", "no": "-w"}[settings.permit_root_login]]
    words += ["" if settings.password_authentication else "-s"]
    words += ["" if settings.allow_tcp_forwarding else "-j -k", "-a" if settings.gateway_ports else ""]
    words += ["-T", str(settings.max_auth_tries), "-K", str(settings.client_alive_interval)]
    words += ["-b /etc/ssh/banner" if sshd.banner else ""]
    return " ".join(word for word in words if word)


def sshd_config(sshd: Sshd) -> str:
    """sshd_config(5): the first of several values counts; what follows a Match belongs to it."""
    lines = [f"Port {port}" for port in sshd.ports]
    lines += [f"HostKey {key.path}" for key in sshd.host_keys]
    lines += [f"AuthorizedKeysFile {' '.join(sshd.authorized_keys_files)}", "PidFile none"]
    lines += [f"{_keyword(name)} {_word(value)}" for name, value in sorted(plain(sshd.settings).items())]
    lines += ["UsePAM no", "KbdInteractiveAuthentication no"]
    lines += ["Banner /etc/ssh/banner"] if sshd.banner else []
    lines += ["Subsystem sftp /usr/lib/openssh/sftp-server"] if sshd.allow_sftp else []
    return "\n".join([*lines, sshd.extra_config]).rstrip("\n") + "\n"


def dropbear_keys(sshd: Sshd, config: Config) -> list[tuple[User, str, str]]:
    """Users with declared keys, the file in which dropbear looks for theirs, and the file that holds them."""
    if not _is_dropbear(sshd.package) or DECLARED_KEYS not in sshd.authorized_keys_files:
        return []
    return [
        (user, f"{_directory(sshd).replace('~', user.home.rstrip('/'))}/authorized_keys", DECLARED_KEYS.replace("%u", name))
        for name, user in config[Accounts].users.items()
        if user.authorized_keys
    ]


def _directory(sshd: Sshd) -> str:
    """Where dropbear looks for `authorized_keys`, in its own spelling."""
    own = _own_files(sshd) or ["%h/.ssh/authorized_keys"]
    return posixpath.dirname(own[0].replace("%h", "~"))


def _own_files(sshd: Sshd) -> list[str]:
    return [file for file in sshd.authorized_keys_files if file != DECLARED_KEYS]


def _fits_dropbear(file: str) -> bool:
    return file.startswith("%h/") and file.endswith("/authorized_keys") and "%" not in file[1:]


def _converted(key: HostKey) -> str:
    return shlex.quote(f"/run/ssh/{posixpath.basename(key.path)}")


def _is_dropbear(package: Package) -> bool:
    return package.name.startswith("dropbear")


def _keyword(name: str) -> str:
    """A declared setting as sshd_config(5) spells it; others are spelt so already."""
    return name.title().replace("_", "") if name in DECLARED else name


def _word(value: str | int | bool) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
