"""runit as PID 1 and supervisor (runit(8), runsvdir(8), runsv(8)): stages 1, 2, 3 and a directory for each service.

The image's service directories are copied to /run/service when stage 2 starts, since runsv writes beside its scripts and
the root is read-only. A `run` waits for what the service needs; a `finish` says whether runsv may start it again.
"""

from __future__ import annotations

from collections.abc import Mapping

from micros.lang import Config, Lines, Module, Record, defines, option
from micros.modules.boot.container import not_in_a_container, unmounting
from micros.modules.boot.init import FEATURES, Backend, Init
from micros.modules.services.units import Unit
from micros.modules.system import FileSpec
from micros.packages import Package, pkgs

STAGE_1 = """\
#!/bin/sh
# MicrOS, stage 1 of runit. Stage 2 of the boot has activated the system before.
umask 777
: >/run/runit.stopit
: >/run/runit.reboot
umask 022
"""

STAGE_2 = """\
#!/bin/sh
# MicrOS, stage 2 of runit: supervise the services.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
[ -e /run/service ] || cp -a /etc/sv /run/service
"""

SUPERVISE = "exec runsvdir -P /run/service\n"

STAGE_3 = """\
#!/bin/sh
# MicrOS, stage 3 of runit: stop the services, leave the file systems whole.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
echo "MicrOS: stopping"
micros-service stop-all
sv exit /run/service/* >/dev/null 2>&1
"""

IN_A_CONTAINER = """\
#!/bin/sh
# MicrOS: process 1 of a container, in place of runit, which does not hear SIGTERM and cannot end where reboot(2) is
# forbidden. The same three stages, the same requests: SIGCONT, with /run/runit.stopit; and SIGINT for a restart.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
stages=
end() {
    [ ! -x /run/runit.stopit ] || [ -z "$stages" ] || kill "$stages"
}
trap 'chmod 100 /run/runit.stopit; end' TERM PWR
trap /etc/runit/ctrlaltdel INT
trap end CONT
/etc/runit/1
while [ ! -x /run/runit.stopit ]; do
    /etc/runit/2 &
    stages=$!
    while [ ! -x /run/runit.stopit ] && kill -0 "$stages" 2>/dev/null; do
        wait "$stages"
    done
done
/etc/runit/3
# An engine that lets a container restart itself is told by the kernel.
[ ! -x /run/runit.reboot ] || busybox reboot -f
exit 0
"""

PROCESS_1 = "etc/runit/process-1"

STOP = """\
#!/bin/sh
# Ask runit, as PID 1, for stage 3 and then to {verb}.
chmod 100 /run/runit.stopit
chmod {reboot} /run/runit.reboot
kill -s CONT 1
"""

CONTROL = """\
up() { sv up "/run/service/$1" >/dev/null; }
down() { sv -w "$2" force-stop "/run/service/$1" >/dev/null; }
"""

FINISH = """\
#!/bin/sh
. {finish}
settle || printf d >supervise/control
"""


def services_files(units: Mapping[str, Unit]) -> dict[str, FileSpec]:
    """The service directories of all services (runsv(8))."""
    files = {"etc/sv": FileSpec(directory=True, mode="0755")}
    for name, unit in units.items():
        base = f"etc/sv/{name}"
        files[f"{base}/run"] = FileSpec(link=unit.run)
        files[f"{base}/finish"] = FileSpec(text=FINISH.format(finish=unit.finish), mode="0755")
        if not unit.starts:
            files[f"{base}/down"] = FileSpec()
    return files


class Stage(Record):
    """A stage of runit."""

    script: Lines = option(default="", doc="More shell code of this stage.")


class Runit(Module, at="runit"):
    """runit: init and supervisor."""

    package: Package = option(default=pkgs.runit, doc="The package that brings runit's programs.")
    stage_1: Stage = option(default=Stage(), doc="Once, before any service.")
    stage_2: Stage = option(default=Stage(), doc="Right before the services are supervised.")
    stage_3: Stage = option(default=Stage(), doc="When all services have stopped, before file systems are left.")

    @defines(Init.available_backends["runit"])
    def backend(self, config: Config) -> Backend:
        """PID 1 and its three stages."""
        own = not_in_a_container(config)
        stages = {
            "1": STAGE_1 + _code(self.stage_1.script),
            "2": STAGE_2 + _code(self.stage_2.script) + SUPERVISE,
            "3": STAGE_3 + _code(self.stage_3.script) + "sync\n" + unmounting(config),
        }
        process_1 = {} if own else {PROCESS_1: FileSpec(text=IN_A_CONTAINER, mode="0755")}
        return Backend(
            executable="/usr/sbin/runit" if own else f"/{PROCESS_1}",
            required_packages=[self.package],
            supported_features=list(FEATURES),
            extra_files={
                **process_1,
                **{f"etc/runit/{number}": FileSpec(text=text, mode="0755") for number, text in stages.items()},
                "etc/runit/ctrlaltdel": FileSpec(text=STOP.format(verb="reboot", reboot="100"), mode="0755"),
                "etc/runit/stopit": FileSpec(link="/run/runit.stopit"),
                "etc/runit/reboot": FileSpec(link="/run/runit.reboot"),
                "etc/service": FileSpec(link="/run/service"),
                "usr/sbin/poweroff": FileSpec(text=STOP.format(verb="power off", reboot="0"), mode="0755"),
                "usr/sbin/reboot": FileSpec(text=STOP.format(verb="reboot", reboot="100"), mode="0755"),
                "usr/sbin/halt": FileSpec(link="poweroff"),
            },
            service_builder=services_files,
            control=CONTROL,
        )


def _code(script: str) -> str:
    return script.rstrip("\n") + "\n" if script.strip() else ""
