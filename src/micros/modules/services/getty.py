"""A login prompt on terminals."""

from __future__ import annotations

import shlex
from typing import Literal

from micros.lang import Config, Module, defines, lazy, option, warns
from micros.modules.boot.kernel import Boot
from micros.modules.services.services import Micros, Service
from micros.modules.users.accounts import Accounts, secret_of


class Getty(Module, at="services.getty"):
    """Login on the console, and on other terminals."""

    enable: bool = option(default=False, doc="Ask for a login on the terminal.")
    terminal: str = option(
        default=lazy(lambda config: config[Boot].console), default_text="the console", doc="Kernel name of the terminal."
    )
    terminals: list[str] = option(default=[], doc="Kernel names of more terminals.", example=["tty1", "tty2"])
    baud: Literal[9600, 38400, 57600, 115200] = option(default=115200, doc="Line speed in bit/s.")

    @defines(Micros.services, when=enable)
    def prompts(self, config: Config) -> dict[str, Service]:
        """busybox getty on each terminal, which asks for a name and starts login."""
        names = {"getty": self.terminal} | {f"getty-{other}": other for other in self.terminals if other != self.terminal}
        return {
            name: Service(
                start_script=f"exec getty -L {self.baud} {shlex.quote(terminal)} vt100",
                restart_delay_max=2,
                leave_children=True,
            )
            for name, terminal in names.items()
        }

    @warns
    def somebody_can_log_in(self, config: Config) -> str | None:
        """A prompt that lets nobody in is of no use."""
        if not self.enable or any(not secret_of(user).startswith(("!", "*")) for user in config[Accounts].users.values()):
            return None
        return (
            "services.getty asks for a login, but no user has a password: nobody can log in; "
            "set users.<name>.hashed_password, which `micros password` makes"
        )
