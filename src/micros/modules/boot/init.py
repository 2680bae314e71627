"""What stage 1 hands over to: stage 2, which activates the system, and the init system it becomes.

An init system is a backend: a record in `boot.init.available_backends`. It says what it can do, and turns the services, which
know nothing of it, into files of its own.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Literal, get_args

from micros.lang import REQUIRED, Complaint, Config, Lines, Module, Record, check, defines, lazy, option
from micros.modules.activation import Activation, ActivationScript
from micros.modules.boot.container import not_in_a_container
from micros.modules.services.services import Micros, Service
from micros.modules.services.units import Identity, shared_files, units_of
from micros.modules.system import FileSpec, System
from micros.modules.users.accounts import Accounts
from micros.packages import Package

STAGE_2 = """\
#!/bin/sh
# MicrOS, stage 2: make the system usable and become its init.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
{first}words=
{{ read -r words </proc/cmdline; }} 2>/dev/null
case " $words " in *" boot.debugtrace "*) set -x ;; esac
/etc/micros/activate
[ ! -x /etc/micros/post-boot ] || /etc/micros/post-boot
read -r up _ </proc/uptime
echo "MicrOS: stage 2 done at $up s; next:" {name}
exec {executable}
"""

FRESH = """\
# An engine may start a stopped container again, with what it left.
rm -rf /run/micros /run/service /run/runit.*
"""

# Control groups tell all processes of a service; where there are none, as in many containers, its main process is known.
PREPARE = """\
[ -e /sys/fs/cgroup/cgroup.procs ] || mount -t cgroup2 -o nosuid,nodev,noexec cgroup /sys/fs/cgroup 2>/dev/null || true
mkdir -p{directories}
[ -p /run/micros/never ] || mkfifo -m 0600 /run/micros/never
mkdir -p{groups} 2>/dev/null || true
"""

Feature = Literal[
    "longrun",
    "oneshot",
    "dependencies",
    "finish",
    "readiness",
    "restart",
    "back-off",
    "restart-limit",
    "user",
    "capabilities",
    "no-new-privileges",
    "limits",
    "logging",
]
"""What a service may ask of the init system."""

FEATURES: tuple[Feature, ...] = get_args(Feature)
"""All of them: what an init system has that leaves the work to the scripts of `micros.modules.services.units`."""


class Backend(Record):
    """An init system."""

    name: str = option(
        default=lazy(lambda backend: backend.entry_name), default_text="its key", doc="What stage 2 calls it on the console."
    )
    executable: str = option(default=REQUIRED, doc="Command line of PID 1.")
    required_packages: list[Package] = option(default=[], doc="Packages that bring its programs.")
    supported_features: list[Feature] = option(default=[], doc="What services may ask of it.")
    for_containers: bool = option(default=True, doc="Whether it runs in a container, and ends there at SIGTERM.")
    extra_files: dict[str, FileSpec] = option(default={}, doc="Its own files, by path below /.")
    service_builder: Callable[..., dict[str, FileSpec]] = option(
        default=REQUIRED, doc="From all enabled services, as units by name, to the files that make it run them."
    )
    control: Lines = option(
        default=REQUIRED,
        doc="Shell functions for `micros-service`: `up NAME` has a service started, `down NAME SECONDS` has it stopped, "
        "killed if it takes longer, and returns when it is.",
    )


class Init(Module, at="boot.init"):
    """The init system."""

    backend: str = option(default="runit", doc="Which of the available ones.", aliases=["boot.init.currentBackend"])
    available_backends: dict[str, Backend] = option(default={}, doc="Init systems by name.")
    stage2_path: str = option(default="/usr/sbin/init", doc="Where stage 2 is: what stage 1 starts.")
    executable: str = option(
        default=lazy(lambda config: _executable(config)),
        default_text="that of the chosen init system",
        doc="Command line that stage 2 becomes.",
    )

    @defines(System.files)
    def files(self, config: Config) -> dict[str, FileSpec]:
        """Stage 2, the init system's files and those it makes of the services."""
        if self.backend not in self.available_backends:
            return {}
        backend = self.available_backends[self.backend]
        units = units_of(config[Micros].services, _identities(config))
        first = "" if not_in_a_container(config) else FRESH
        stage2 = STAGE_2.format(executable=self.executable, first=first, name=shlex.quote(backend.name))
        return {
            self.stage2_path.lstrip("/"): FileSpec(text=stage2, mode="0755"),
            **shared_files(units, backend.control),
            **backend.extra_files,
            **backend.service_builder(units),
        }

    @defines(Activation.activation_scripts["services"])
    def prepare(self, config: Config) -> ActivationScript:
        """Where services have their state and their control groups."""
        names = [service.name for service in config[Micros].services.values() if service.enable]
        text = PREPARE.format(
            directories="".join(f" /run/micros/services/{name}" for name in ["", *names]),
            groups="".join(f" /sys/fs/cgroup/micros/{name}" for name in ["", *names]),
        )
        return ActivationScript(text=text, deps=["mounts"])

    @check
    def backend_exists(self, config: Config) -> str | None:
        """The chosen one is there."""
        known = ", ".join(self.available_backends)
        return None if self.backend in self.available_backends else f"boot.init.backend: {self.backend!r} is none of {known}"

    @check
    def container_suffices(self, config: Config) -> str | None:
        """In a container it runs and ends as engines expect."""
        backend = self.available_backends.get(self.backend)
        if backend is None or backend.for_containers or not_in_a_container(config):
            return None
        fit = ", ".join(name for name, other in self.available_backends.items() if other.for_containers)
        return f"boot.init.backend is {self.backend!r}, which does not run in containers as engines expect; {fit} do"

    @check
    def backend_suffices(self, config: Config) -> list[Complaint]:
        """No service asks for what the init system lacks."""
        if self.backend not in self.available_backends:
            return []
        supported = self.available_backends[self.backend].supported_features
        found = []
        for key, service in config[Micros].services.items():
            for feature in asked(service) if service.enable else []:
                if feature not in supported:
                    having = [name for name, other in self.available_backends.items() if feature in other.supported_features]
                    who = ", ".join(having) or "no init system"
                    text = f"micros.services.{key} asks for {feature}, which {self.backend!r} lacks and {who} has"
                    found.append(Complaint(text, ("boot.init.backend", ("micros", "services", key))))
        return found


def asked(service: Service) -> list[Feature]:
    """The features a service asks for."""
    asks: Mapping[Feature, bool] = {
        "longrun": service.type == "longrun",
        "oneshot": service.type == "oneshot",
        "dependencies": bool(service.dependencies),
        "finish": bool(service.finish_script),
        "readiness": bool(service.ready_script),
        "restart": service.restart != ("always" if service.type == "longrun" else "never"),
        "back-off": service.restart_delay_max > service.restart_delay and service.restart != "never",
        "restart-limit": service.restart_limit is not None,
        "user": service.user is not None or service.group is not None or bool(service.supplementary_groups),
        "capabilities": service.capabilities is not None,
        "no-new-privileges": service.no_new_privileges,
        "limits": bool(service.limits),
        "logging": service.log.to in ("directory", "syslog"),
    }
    return [feature for feature, is_asked in asks.items() if is_asked]


def _executable(config: Config) -> str:
    init = config[Init]
    return init.available_backends[init.backend].executable if init.backend in init.available_backends else ""


def _identities(config: Config) -> dict[str, Identity]:
    """Who the services run as that say so, by key; without those that name nobody, which a check reports."""
    accounts = config[Accounts]
    found = {}
    for key, service in config[Micros].services.items():
        if not service.enable or (service.user is None and service.group is None and not service.supplementary_groups):
            continue
        user = accounts.users.get(service.user or "root")
        extra = user.extra_groups if user is not None else []
        names = [name for name, group in accounts.groups.items() if service.user in group.members or name in extra]
        groups = [accounts.groups.get(name) for name in (service.group, *service.supplementary_groups, *names) if name]
        if user is None or None in groups:
            continue
        numbers = [group.gid for group in groups if group is not None]
        first = numbers.pop(0) if service.group is not None else user.gid
        found[key] = Identity(user.uid, first, tuple(sorted({*numbers})), user.home)
    return found
