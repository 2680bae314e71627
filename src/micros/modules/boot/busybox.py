"""The init of busybox as PID 1 (busybox, init/init.c): an inittab that keeps a supervisor for each service."""

from __future__ import annotations

from collections.abc import Mapping

from micros.lang import Config, Module, defines
from micros.modules.boot.container import unmounting
from micros.modules.boot.init import FEATURES, Backend, Init
from micros.modules.boot.supervise import CONTROL, shutdown_files, supervisor_files
from micros.modules.services.units import Unit
from micros.modules.system import FileSpec

SIGNALS = """\
case $1 in
poweroff) kill -USR2 1 ;;
halt) kill -USR1 1 ;;
*) kill -TERM 1 ;;
esac
"""
"""What PID 1 is told at last: it kills all processes and does what each stands for."""

FIXED = """\
::ctrlaltdel:/usr/sbin/reboot
::shutdown:/etc/micros/last
"""

LAST = """\
#!/bin/sh
# MicrOS: before PID 1 kills all processes, also where a signal alone told it to.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
micros-service stop-all
{unmount}:
"""


def services_files(units: Mapping[str, Unit]) -> dict[str, FileSpec]:
    """The inittab."""
    lines = [f"::respawn:/usr/sbin/micros-supervise {name}{'' if unit.starts else ' down'}\n" for name, unit in units.items()]
    return {"etc/inittab": FileSpec(text="".join(lines) + FIXED)}


class BusyboxInit(Module, at="boot.init"):
    """busybox: an init that comes with the shell."""

    @defines(Init.available_backends["busybox"])
    def backend(self, config: Config) -> Backend:
        """PID 1."""
        return Backend(
            executable="/usr/bin/busybox init",
            supported_features=list(FEATURES),
            extra_files={
                "etc/micros/last": FileSpec(text=LAST.format(unmount=unmounting(config)), mode="0755"),
                **supervisor_files(),
                **shutdown_files("tell PID 1", SIGNALS),
            },
            service_builder=services_files,
            control=CONTROL,
        )
