"""finit as PID 1 (finit(8), finit.conf(5)): a stanza that keeps a supervisor for each service."""

from __future__ import annotations

from collections.abc import Mapping

from micros.lang import Config, Module, defines, option
from micros.modules.boot.container import Container
from micros.modules.boot.init import FEATURES, Backend, Init
from micros.modules.boot.supervise import CONTROL, shutdown_files, supervisor_files
from micros.modules.services.units import Unit
from micros.modules.system import FileSpec
from micros.packages import Package, pkgs

CONFIGURATION = """\
runlevel 2
task <sys/key/ctrlaltdel> [12345789] /usr/sbin/reboot -- Reboot
"""

STANZA = "service [2345] name:{name} notify:none respawn log:console /usr/sbin/micros-supervise {name}{down} -- {name}\n"


def services_files(units: Mapping[str, Unit]) -> dict[str, FileSpec]:
    """The stanzas of all services."""
    text = "".join(STANZA.format(name=name, down="" if unit.starts else " down") for name, unit in units.items())
    return {"etc/finit.d/micros.conf": FileSpec(text=text)}


class Finit(Module, at="finit"):
    """finit: a fast init."""

    package: Package = option(default=pkgs.finit, doc="The package that brings finit's programs.")

    @defines(Init.available_backends["finit"])
    def backend(self, config: Config) -> Backend:
        """PID 1. What Debian's package would start by itself is left out: modules of MicrOS say what starts."""
        enabled = ("acpid", "getty", "modules", "rsyslogd", "sshd")
        return Backend(
            executable="/usr/sbin/finit",
            required_packages=[self.package],
            for_containers=False,
            supported_features=list(FEATURES),
            extra_files={
                "etc/finit.conf": FileSpec(text=CONFIGURATION),
                # Without one it asks for root's password instead of going on.
                **({"etc/fstab": FileSpec(text="# The engine mounts.\n")} if config[Container].is_container else {}),
                "usr/lib/finit/system/10-hotplug.conf": FileSpec(text="# MicrOS has modules for this.\n"),
                "usr/lib/finit/system/90-testserv.conf": FileSpec(absent=True),
                **{f"etc/finit.d/{name}.conf": FileSpec(absent=True) for name in enabled},
                **supervisor_files(),
                **shutdown_files("tell PID 1", 'initctl "$1"'),
            },
            service_builder=services_files,
            control=CONTROL,
        )
