"""What stage 1 hands over to: stage 2, which activates the system, and the init system it becomes.

An init system is a backend: a record in `boot.init.available_backends`. It says what it can do, and turns the services, which
know nothing of it, into files of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from micros.lang import REQUIRED, Config, Module, Record, check, defines, option
from micros.modules.services.services import Micros
from micros.modules.system import FileSpec, System
from micros.packages import Package

STAGE_2 = """\
#!/bin/sh
# MicrOS, stage 2: make the system usable and become its init.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
[ -r /proc/cmdline ] && case " $(cat /proc/cmdline) " in *" boot.debugtrace "*) set -x ;; esac
/etc/micros/activate
[ ! -x /etc/micros/post-boot ] || /etc/micros/post-boot
echo "MicrOS: stage 2 done at $(cut -d' ' -f1 /proc/uptime) s"
exec {executable}
"""

Feature = Literal[
    "longrun",
    "oneshot",
    "dependencies",
    "finish",
    "readiness",
    "back-off",
    "logging",
]
"""What a service may ask of the init system."""


class Backend(Record):
    """An init system."""

    executable: str = option(default=REQUIRED, doc="Command line of PID 1.")
    required_packages: list[Package] = option(default=[], doc="Packages that bring its programs.")
    supported_features: list[Feature] = option(default=[], doc="What services may ask of it.")
    extra_files: dict[str, FileSpec] = option(default={}, doc="Its own files, by path below /.")
    service_builder: Callable[..., dict[str, FileSpec]] = option(
        default=REQUIRED, doc="From all enabled services, by name, to the files that make it run them."
    )


class Init(Module, at="boot.init"):
    """The init system."""

    backend: str = option(default="runit", doc="Which of the available ones.", aliases=["boot.init.currentBackend"])
    available_backends: dict[str, Backend] = option(default={}, doc="Init systems by name.")
    stage2_path: str = option(default="/usr/sbin/init", doc="Where stage 2 is: what stage 1 starts.")

    @defines(System.files)
    def files(self, config: Config) -> dict[str, FileSpec]:
        """Stage 2, the init system's files and those it makes of the services."""
        if self.backend not in self.available_backends:
            return {}
        backend = self.available_backends[self.backend]
        services = {name: service for name, service in config[Micros].services.items() if service.enable}
        stage2 = FileSpec(text=STAGE_2.format(executable=backend.executable), mode="0755")
        return {self.stage2_path.lstrip("/"): stage2, **backend.extra_files, **backend.service_builder(services)}

    @check
    def backend_exists(self, config: Config) -> str | None:
        """The chosen one is there."""
        known = ", ".join(self.available_backends)
        return None if self.backend in self.available_backends else f"boot.init.backend: {self.backend!r} is none of {known}"
