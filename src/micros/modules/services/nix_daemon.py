"""Nix on the running system: its daemon, and a store that can be written over what the image has of it."""

from __future__ import annotations

from typing import Annotated, Any

from micros.lang import Config, Module, Range, Record, check, defines, formats, lazy, option
from micros.modules.activation import Activation, ActivationScript
from micros.modules.boot.kernel import Boot
from micros.modules.environment import Environment, EtcFile
from micros.modules.services.ready import sockets
from micros.modules.services.services import Micros, Service
from micros.modules.system import FileSpec, System
from micros.modules.users.accounts import Accounts, Group, User
from micros.modules.users.ids import SYSTEM_IDS
from micros.packages import Package, pkgs

NIX_CONF = formats.key_value(separator=" = ")

STORE = """\
if ! grep -q " /nix overlay " /proc/mounts; then
    mkdir -p /var/lib/nix/upper /var/lib/nix/work
    mount -t overlay -o lowerdir=/nix,upperdir=/var/lib/nix/upper,workdir=/var/lib/nix/work overlay /nix
fi
mkdir -p /nix/store /nix/var/nix/daemon-socket /nix/var/nix/profiles /nix/var/nix/gcroots
chown root:nixbld /nix/store
chmod 1775 /nix/store
"""


class RegistryEntry(Record):
    """Where a flake's short name leads."""

    to: Annotated[dict[str, Any], formats.JSON] = option(
        default={}, doc="The flake.", example={"type": "path", "path": "/srv/pkgs"}
    )
    exact: bool = option(default=True, doc="Whether a name with a branch or revision behind it is another one.")


class Nix(Module, at="nix"):
    """The package manager Nix."""

    enable: bool = option(default=False, doc="Have Nix on the running system.", aliases=["not_os.nix"])
    package: Package = option(default=pkgs.nix_bin, doc="The package of Nix.", aliases=["services.nix-daemon.package"])
    nix_path: list[str] = option(default=[], doc="Where `<name>` is looked for.", example=["nixpkgs=/srv/nixpkgs"])
    registry: dict[str, RegistryEntry] = option(default={}, doc="Flakes by short name.")
    settings: Annotated[dict[str, Any], NIX_CONF] = option(
        default={}, doc="Settings of nix.conf(5); lists are texts of words.", example={"max-jobs": 2}
    )
    build_users: Annotated[int, Range(0, 99)] = option(default=8, doc="How many users builds run as, each one at a time.")

    @defines(Environment.system_packages, when=enable)
    def packages(self, config: Config) -> list[Package]:
        """Nix."""
        return [self.package]

    @defines(Boot.kernel_modules, when=enable)
    def modules(self, config: Config) -> list[str]:
        """The store lies over the image's."""
        return ["overlay"]

    @defines(System.files, when=enable)
    def store_directory(self, config: Config) -> dict[str, FileSpec]:
        """Where the store is."""
        return {"nix": FileSpec(directory=True, mode="0755")}

    @defines(Activation.activation_scripts["nix-store"], when=enable)
    def store(self, config: Config) -> ActivationScript:
        """What can be written is in /var/lib/nix: memory, or the disk that is mounted there."""
        return ActivationScript(text=STORE, deps=["mounts", "modules"])

    @defines(Environment.etc, when=enable)
    def files(self, config: Config) -> dict[str, EtcFile]:
        """What Nix reads (nix.conf(5)), and the registry of flakes."""
        own = {"build-users-group": "nixbld" if self.build_users else "", **self.settings}
        if self.nix_path:
            own.setdefault("nix-path", " ".join(self.nix_path))
        flakes = [
            {"from": {"type": "indirect", "id": name}, "to": entry.to, "exact": entry.exact}
            for name, entry in sorted(self.registry.items())
        ]
        files = {"nix/nix.conf": EtcFile(text=NIX_CONF.generate(own))}
        if flakes:
            files["nix/registry.json"] = EtcFile(text=formats.JSON.generate({"version": 2, "flakes": flakes}))
        return files

    @defines(Accounts.users, when=enable)
    def users(self, config: Config) -> dict[str, User]:
        """Whom builds run as."""
        gid = SYSTEM_IDS["nixbld"]
        numbers = range(1, self.build_users + 1)
        return {f"nixbld{n}": User(uid=gid + n, gid=gid, home="/", shell="/bin/false") for n in numbers}

    @defines(Accounts.groups["nixbld"], when=enable)
    def group(self, config: Config) -> Group:
        """The group that Nix takes its build users from."""
        return Group(members=[f"nixbld{n}" for n in range(1, self.build_users + 1)])


class NixDaemon(Module, at="services.nix_daemon"):
    """The daemon that builds for users who are not root."""

    enable: bool = option(default=lazy(lambda config: config[Nix].enable), default_text="nix.enable", doc="Run the daemon.")

    @defines(Micros.services["nix-daemon"], when=enable)
    def service(self, config: Config) -> Service:
        """The daemon in the foreground."""
        return Service(
            start_script=f"exec {config[Nix].package}/usr/bin/nix-daemon --daemon",
            ready_script=sockets("/nix/var/nix/daemon-socket/socket"),
        )

    @check
    def nix_is_there(self, config: Config) -> str | None:
        """A daemon without a store is a mistake."""
        alone = self.enable and not config[Nix].enable
        return "services.nix_daemon needs a store: set nix.enable" if alone else None
