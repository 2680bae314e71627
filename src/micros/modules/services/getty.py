"""A login prompt on a terminal."""

from __future__ import annotations

from typing import Literal

from micros.lang import Config, Module, defines, lazy, option
from micros.modules.boot.kernel import Boot
from micros.modules.services.services import Micros, Service


class Getty(Module, at="services.getty"):
    """Login on the console."""

    enable: bool = option(default=False, doc="Ask for a login on the terminal.")
    terminal: str = option(
        default=lazy(lambda config: config[Boot].console), default_text="the console", doc="Kernel name of the terminal."
    )
    baud: Literal[9600, 38400, 57600, 115200] = option(default=115200, doc="Line speed in bit/s.")

    @defines(Micros.services["getty"], when=enable)
    def service(self, config: Config) -> Service:
        """busybox getty, which asks for a name and starts login."""
        return Service(start_script=f"exec getty -L {self.baud} {self.terminal} vt100")
