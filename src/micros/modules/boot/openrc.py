"""OpenRC as PID 1 (openrc-init(8), openrc-run(8)): an init script for each service, all in the runlevel `default`.

OpenRC starts the scripts in the order of what they need, and stops them the other way round. Each script starts a supervisor
and does not wait until the service is ready, so that one that hangs does not hold up the others.
"""

from __future__ import annotations

from collections.abc import Mapping

from micros.lang import Config, Module, defines, option
from micros.modules.boot.init import FEATURES, Backend, Init
from micros.modules.boot.supervise import CONTROL, shutdown_files, supervisor_files
from micros.modules.services.units import Unit
from micros.modules.system import FileSpec
from micros.packages import Package, pkgs

SCRIPT = """\
#!/sbin/openrc-run
supervisor=supervise-daemon
command=/usr/sbin/micros-supervise
command_args="{name}{down}"
pidfile="/run/micros/{name}.pid"
output_log=/dev/console
error_log=/dev/console
respawn_delay=1
respawn_max=0
{depend}"""

# The package's own mounts what stage 2 has mounted.
SYSINIT = """\
#!/bin/sh
mkdir -p "$RC_SVCDIR"
echo sysinit >"$RC_SVCDIR/softlevel"
"""

ACTIONS = {"poweroff": "-p", "reboot": "-r", "halt": "-H"}


def services_files(units: Mapping[str, Unit]) -> dict[str, FileSpec]:
    """The init scripts of all services, and the runlevel."""
    files = {}
    for name, unit in units.items():
        depend = f"depend() {{\n    need {' '.join(unit.needs)}\n}}\n" if unit.needs else ""
        text = SCRIPT.format(name=name, down="" if unit.starts else " down", depend=depend)
        files[f"etc/init.d/{name}"] = FileSpec(text=text, mode="0755")
        files[f"etc/runlevels/default/{name}"] = FileSpec(link=f"/etc/init.d/{name}")
    return files


class OpenRc(Module, at="openrc"):
    """OpenRC: an init of scripts."""

    package: Package = option(default=pkgs.openrc, doc="The package that brings OpenRC's programs.")

    @defines(Init.available_backends["openrc"])
    def backend(self, config: Config) -> Backend:
        """PID 1 and its runlevels."""
        levels = {f"etc/runlevels/{name}": FileSpec(directory=True) for name in ("boot", "default", "shutdown", "sysinit")}
        cases = "".join(f"{verb}) openrc-shutdown {flag} now ;;\n" for verb, flag in ACTIONS.items())
        return Backend(
            executable="/usr/sbin/openrc-init",
            required_packages=[self.package],
            for_containers=False,
            supported_features=list(FEATURES),
            extra_files={
                **levels,
                "etc/runlevels/nonetwork/local": FileSpec(absent=True),
                "etc/insserv.conf": FileSpec(text="# Debian's OpenRC reads it before each script.\n"),
                "usr/lib/rc/sh/init.sh": FileSpec(text=SYSINIT, mode="0755"),
                **supervisor_files(),
                **shutdown_files("tell PID 1", f"case $1 in\n{cases}esac"),
            },
            service_builder=services_files,
            control=CONTROL,
        )
