"""What a container leaves to the engine that runs it: mounts, the host's name, the kernel's settings."""

from __future__ import annotations

from micros.lang import Config, Module, defines
from micros.lang.values import FORCE
from micros.modules.activation import Activation
from micros.modules.boot.container import Container

DIRECTORIES = """\
mkdir -p /run/micros/done /run/lock
# What goes to the console goes to the engine's log, where the engine gives no terminal.
[ -e /dev/console ] || ln -s /proc/1/fd/1 /dev/console || true
"""


class Engine(Module):
    """Activation in a container."""

    @defines(Activation.activation_scripts["mounts"].text, when=Container.is_container, priority=FORCE)
    def nothing_to_mount(self, config: Config) -> str:
        """The engine has mounted what it wants to; what it keeps of the root it keeps below /var too."""
        return DIRECTORIES

    @defines(Activation.activation_scripts["host-name"].text, when=Container.is_container, priority=FORCE)
    def name_of_the_engine(self, config: Config) -> str:
        """The engine has named the host and brought up its interfaces."""
        return ""
