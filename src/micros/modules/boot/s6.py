"""s6 as PID 1 and supervisor: s6-svscan(8), with its directory /run/service copied from the image.

s6-svscan starts every service at once; each waits in its `run` for what it needs. Debian has neither s6-rc nor
s6-linux-init, so signals to PID 1 and the last steps of a shutdown are scripts below .s6-svscan.
"""

from __future__ import annotations

from collections.abc import Mapping

from micros.lang import Config, Module, defines, option
from micros.modules.boot.container import unmounting
from micros.modules.boot.init import FEATURES, Backend, Init
from micros.modules.boot.supervise import shutdown_files
from micros.modules.services.units import Unit
from micros.modules.system import FileSpec
from micros.packages import Package, pkgs

START = """\
#!/bin/sh
# MicrOS: become s6.
mkdir -p /run/service
cp -a /etc/s6/service/. /run/service/
exec s6-svscan /run/service
"""

SIGNALS = {"SIGTERM": "poweroff", "SIGUSR2": "poweroff", "SIGUSR1": "halt", "SIGINT": "reboot"}
"""What PID 1 is asked for by each signal: as other init systems, but for SIGTERM, with which containers are stopped."""

LAST = """\
#!/bin/sh
# MicrOS: what s6-svscan becomes at the end, still PID 1.
kill -9 -1
{unmount}read -r verb </run/micros/verb
busybox "$verb" -f
"""

FINISH = """\
#!/bin/sh
. {finish}
settle || exit 125
"""

CONTROL = """\
up() { s6-svc -u "/run/service/$1"; }
down() {
    s6-svc -wD -T "$(($2 * 1000))" -d "/run/service/$1" 2>/dev/null || s6-svc -wD -T 2000 -kd "/run/service/$1" 2>/dev/null
}
"""


def services_files(units: Mapping[str, Unit]) -> dict[str, FileSpec]:
    """The service directories of all services (servicedir, s6's documentation)."""
    files = {}
    for name, unit in units.items():
        base = f"etc/s6/service/{name}"
        files[f"{base}/run"] = FileSpec(link=unit.run)
        files[f"{base}/finish"] = FileSpec(text=FINISH.format(finish=unit.finish), mode="0755")
        files[f"{base}/timeout-finish"] = FileSpec(text="0\n")
        if not unit.starts:
            files[f"{base}/down"] = FileSpec()
    return files


class S6(Module, at="s6"):
    """s6: init and supervisor."""

    package: Package = option(default=pkgs.s6, doc="The package that brings s6's programs.")

    @defines(Init.available_backends["s6"])
    def backend(self, config: Config) -> Backend:
        """PID 1, and what it does at signals."""
        scan = "etc/s6/service/.s6-svscan"
        files = {f"{scan}/{signal}": FileSpec(text=f"#!/bin/sh\nexec {verb}\n", mode="0755") for signal, verb in SIGNALS.items()}
        return Backend(
            executable="/etc/s6/start",
            required_packages=[self.package],
            supported_features=list(FEATURES),
            extra_files={
                "etc/s6/start": FileSpec(text=START, mode="0755"),
                f"{scan}/finish": FileSpec(text=LAST.format(unmount=unmounting(config)), mode="0755"),
                **files,
                **shutdown_files("end s6-svscan", 'echo "$1" >/run/micros/verb\ns6-svscanctl -b /run/service'),
            },
            service_builder=services_files,
            control=CONTROL,
        )
