"""What a container leaves to the engine that runs it: mounts, the host's name, the kernel's settings."""

from __future__ import annotations

from micros.lang import Config, Module, defines
from micros.lang.values import DEFAULT, FORCE
from micros.modules.activation import Activation
from micros.modules.boot.container import Container
from micros.modules.networking.firewall import Firewall

DIRECTORIES = "mkdir -p /run/micros/done /run/lock"


class Engine(Module):
    """Activation in a container."""

    @defines(Activation.activation_scripts["mounts"].text, when=Container.is_container, priority=FORCE)
    def nothing_to_mount(self, config: Config) -> str:
        """The engine has mounted what it wants to; what it keeps of the root it keeps below /var too."""
        return DIRECTORIES

    @defines(Firewall.enable, when=Container.is_container, priority=DEFAULT)
    def firewall_of_the_engine(self, config: Config) -> bool:
        """What reaches the container is for the engine to say; one that may filter packets itself can be told to."""
        return False

    @defines(Activation.activation_scripts["host-name"].text, when=Container.is_container, priority=FORCE)
    def name_of_the_engine(self, config: Config) -> str:
        """The engine has named the host and brought up its interfaces."""
        return ""
