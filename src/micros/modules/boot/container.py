"""Whether the system is a container: something else brings the kernel, and no stage 1 runs."""

from __future__ import annotations

from micros.lang import Config, Module, lazy, option


class Container(Module, at="boot"):
    """A system without a kernel of its own."""

    is_container: bool = option(
        default=False, doc="The system runs under a container runtime: no kernel, no initrd, no modules, no disks."
    )


def not_in_a_container(config: Config) -> bool:
    """The condition of everything that only a machine of its own needs."""
    return not config[Container].is_container


def unmounting(config: Config) -> str:
    """The last command before a machine ends. In a container there is none: what is mounted is the engine's, and a privileged one
    would make the disks of its host read-only."""
    return "umount -a -r >/dev/null 2>&1\n" if not_in_a_container(config) else ""


ON_A_MACHINE: bool = lazy(not_in_a_container)
"""`@defines(..., when=ON_A_MACHINE)`."""
