"""A machine that nobody sits at: no login on a terminal, and trouble ends in a restart, not in a prompt."""

from __future__ import annotations

from typing import Literal

from micros.lang import Config, Module, defines, option
from micros.lang.values import DEFAULT
from micros.modules.boot.initrd import Initrd
from micros.modules.boot.kernel import Boot
from micros.modules.services.getty import Getty


class Headless(Module, at="profiles.headless"):
    """A machine without a screen or keyboard."""

    enable: bool = option(
        default=False, doc="No login prompt unless services.getty says so, and a restart where the boot or the kernel fails."
    )

    @defines(Getty.enable, when=enable, priority=DEFAULT)
    def no_prompt(self, config: Config) -> bool:
        """Nobody would answer it."""
        return False

    @defines(Boot.kernel_params, when=enable)
    def parameters(self, config: Config) -> list[str]:
        """A kernel that finds itself broken restarts."""
        return ["oops=panic"]

    @defines(Initrd.on_failure, when=enable, priority=DEFAULT)
    def restart(self, config: Config) -> Literal["panic", "reboot", "shell"]:
        """No shell that waits for somebody."""
        return "panic"
