"""The clock: its zone, and that it never starts before the system was made, whatever a machine without a battery believes."""

from __future__ import annotations

from typing import Annotated

from micros.lang import Config, Module, Pattern, Range, defines, lazy, option
from micros.modules.activation import Activation, ActivationScript
from micros.modules.environment import Environment, EtcFile
from micros.packages import pkgs

FLOOR = """\
{read}
if [ "$(date +%s)" -lt "$floor" ]; then
    echo "MicrOS: the clock says $(date -u +%Y-%m-%d), before this system was made; it is set forward"
    date -u -s @"$floor" >/dev/null
fi
"""


class Clock(Module, at="time"):
    """The clock before the network sets it: certificates and logs need a time that is not of 1970."""

    time_zone: Annotated[str, Pattern(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", "zone such as Europe/Vienna")] | None = option(
        default=None, default_text="UTC", doc="Zone of local time, by its name in the time zone database."
    )
    floor: Annotated[int, Range(0, 1 << 33)] | None = option(
        default=None,
        default_text="when the pinned archive was released",
        doc="Seconds since 1970 (UTC) before which the clock is not left at boot.",
    )

    @defines(Environment.etc["localtime"], when=lazy(lambda config: config[Clock].time_zone is not None))
    def zone(self, config: Config) -> EtcFile:
        """The one file of the database that the C library reads."""
        return EtcFile(source=pkgs.tzdata.only(f"/usr/share/zoneinfo/{self.time_zone}"))

    @defines(Activation.activation_scripts["clock"])
    def not_before(self, config: Config) -> ActivationScript:
        """Set a clock that is behind."""
        read = "read -r floor </etc/micros/time" if self.floor is None else f"floor={self.floor}"
        return ActivationScript(text=FLOOR.format(read=read))
