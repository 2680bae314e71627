"""The clock at boot: never before the system was made, whatever a machine without a battery believes."""

from __future__ import annotations

from typing import Annotated

from micros.lang import Config, Module, Range, defines, option
from micros.modules.activation import Activation, ActivationScript

FLOOR = """\
floor={floor}
if [ "$(date +%s)" -lt "$floor" ]; then
    echo "MicrOS: the clock says $(date -u +%Y-%m-%d), before this system was made; it is set forward"
    date -u -s @"$floor" >/dev/null
fi
"""


class Clock(Module, at="time"):
    """The clock before the network sets it: certificates and logs need a time that is not of 1970."""

    floor: Annotated[int, Range(0, 1 << 33)] | None = option(
        default=None,
        default_text="when the pinned archive was released",
        doc="Seconds since 1970 (UTC) before which the clock is not left at boot.",
    )

    @defines(Activation.activation_scripts["clock"])
    def not_before(self, config: Config) -> ActivationScript:
        """Set a clock that is behind."""
        floor = "$(cat /etc/micros/time)" if self.floor is None else str(self.floor)
        return ActivationScript(text=FLOOR.format(floor=floor))
