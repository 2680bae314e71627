"""runit as PID 1 and supervisor (runit(8), runsvdir(8), runsv(8)): stages 1, 2, 3 and a directory for each service.

The image's service directories are copied to /run/service when stage 2 starts, since runsv writes beside its scripts and
the root is read-only.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from micros.lang import Config, Module, defines, option
from micros.modules.boot.init import Backend, Init
from micros.modules.services.services import Service
from micros.modules.system import FileSpec
from micros.packages import Package, pkgs

SERVICE_SECONDS = 30
"""How long a service waits for one it depends on before runsv tries again."""

STAGE_1 = """\
#!/bin/sh
# MicrOS, stage 1 of runit. Stage 2 of the boot has activated the system before.
install -m 0 /dev/null /run/runit.stopit
install -m 0 /dev/null /run/runit.reboot
{script}"""

STAGE_2 = """\
#!/bin/sh
# MicrOS, stage 2 of runit: supervise the services.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mkdir -p /run/service
cp -r /etc/sv/. /run/service/
exec runsvdir -P /run/service
"""

STAGE_3 = """\
#!/bin/sh
# MicrOS, stage 3 of runit: stop the services, leave the file systems whole.
PATH=/usr/sbin:/usr/bin:/sbin:/bin
echo "MicrOS: stopping"
sv -w 10 force-stop /run/service/* >/dev/null 2>&1
sv exit /run/service/* >/dev/null 2>&1
sync
umount -a -r >/dev/null 2>&1
"""

STOP = """\
#!/bin/sh
# Ask runit, as PID 1, for stage 3 and then to {verb}.
chmod 100 /run/runit.stopit
chmod {reboot} /run/runit.reboot
kill -s CONT 1
"""


def run_script(name: str, service: Service, services: Mapping[str, Service]) -> str:
    """A service's `run`: wait for what it needs, read its conf, start."""
    lines = ["#!/bin/sh", "exec 2>&1"]
    for other in service.dependencies:
        if (
            other in services and services[other].type == "oneshot"
        ):  # sv(8) takes one for up that has failed and is about to be tried again
            done = f"/run/micros/done/{shlex.quote(other)}"
            lines.append(f"i=0; until [ -e {done} ]; do [ $i -lt {SERVICE_SECONDS}0 ] || exit 1; sleep 0.1; i=$((i+1)); done")
        else:
            lines.append(f"sv -w {SERVICE_SECONDS} check /run/service/{shlex.quote(other)} >/dev/null || exit 1")
    if service.conf_script:
        lines.append(". ./conf")
    lines.append(service.start_script.rstrip("\n"))
    if service.type == "oneshot":
        body = "\n".join(lines[2:])
        lines = [*lines[:2], "(", "set -e", body, ") || exit 1", f": >/run/micros/done/{shlex.quote(name)}"]
        lines.append("exec sleep infinity")
    return "\n".join(lines) + "\n"


def service_files(name: str, services: Mapping[str, Service]) -> dict[str, FileSpec]:
    """The files of one service directory (runsv(8))."""
    base = f"etc/sv/{name}"
    service = services[name]
    files = {f"{base}/run": FileSpec(text=run_script(name, service, services), mode="0755")}
    if service.type == "oneshot":
        check = f"#!/bin/sh\nexec test -e /run/micros/done/{shlex.quote(name)}\n"
        files[f"{base}/check"] = FileSpec(text=check, mode="0755")
    if service.finish_script:
        files[f"{base}/finish"] = FileSpec(text=f"#!/bin/sh\n{service.finish_script.rstrip()}\n", mode="0755")
    if service.conf_script:
        files[f"{base}/conf"] = FileSpec(text=service.conf_script.rstrip() + "\n")
    if not service.start_on_boot:
        files[f"{base}/down"] = FileSpec()
    return files


def services_files(services: Mapping[str, Service]) -> dict[str, FileSpec]:
    """The service directories of all services."""
    files = {"etc/sv": FileSpec(directory=True, mode="0755")}
    for name in services:
        files |= service_files(name, services)
    return files


class Runit(Module, at="runit"):
    """runit: init and supervisor."""

    package: Package = option(default=pkgs.runit, doc="The package that brings runit's programs.")

    @defines(Init.available_backends["runit"])
    def backend(self, config: Config) -> Backend:
        """PID 1 and its three stages."""
        return Backend(
            executable="/usr/sbin/runit",
            required_packages=[self.package],
            supported_features=["longrun", "oneshot", "dependencies", "finish"],
            extra_files={
                "etc/runit/1": FileSpec(text=STAGE_1.format(script=""), mode="0755"),
                "etc/runit/2": FileSpec(text=STAGE_2, mode="0755"),
                "etc/runit/3": FileSpec(text=STAGE_3, mode="0755"),
                "etc/runit/ctrlaltdel": FileSpec(text=STOP.format(verb="reboot", reboot="100"), mode="0755"),
                "etc/runit/stopit": FileSpec(link="/run/runit.stopit"),
                "etc/runit/reboot": FileSpec(link="/run/runit.reboot"),
                "etc/service": FileSpec(link="/run/service"),
                "usr/sbin/poweroff": FileSpec(text=STOP.format(verb="power off", reboot="0"), mode="0755"),
                "usr/sbin/reboot": FileSpec(text=STOP.format(verb="reboot", reboot="100"), mode="0755"),
                "usr/sbin/halt": FileSpec(link="poweroff"),
            },
            service_builder=services_files,
        )
