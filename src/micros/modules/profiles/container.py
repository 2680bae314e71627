"""A system that a container engine runs: LXC, podman, docker, systemd-nspawn."""

from __future__ import annotations

from micros.lang import Config, Module, defines, option
from micros.lang.values import DEFAULT
from micros.modules.boot.container import Container
from micros.modules.boot.kernel import Boot
from micros.modules.services.getty import Getty


class ContainerProfile(Module, at="profiles.container"):
    """A system without a kernel, in a tar archive: `micros build FILE` gives what an engine imports."""

    enable: bool = option(
        default=False,
        doc="Build the system for a container engine; a login prompt, where there is one, is on the container's console.",
        aliases=["profiles.lxc.enable"],
    )

    @defines(Container.is_container, when=enable, priority=DEFAULT)
    def container(self, config: Config) -> bool:
        """No kernel of its own."""
        return True

    @defines(Boot.console, when=enable, priority=DEFAULT)
    def console(self, config: Config) -> str:
        """What the engine shows (pty(7) on /dev/console)."""
        return "console"

    @defines(Getty.enable, when=enable, priority=DEFAULT)
    def no_prompt(self, config: Config) -> bool:
        """Who runs the engine has a shell inside already."""
        return False
