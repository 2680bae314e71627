"""The kernel: its package, its command line, its modules."""

from __future__ import annotations

from typing import Annotated

from micros.lang import Config, Module, Range, defines, lazy, option
from micros.machine import machine_named
from micros.modules.activation import Activation, ActivationScript
from micros.modules.system import FileSpec, Platform, System
from micros.packages import Package, package

LOAD_MODULES = """\
while read -r module; do
    modprobe "$module" || echo "MicrOS: cannot load the kernel module $module"
done </etc/modules
"""


class Boot(Module, at="boot"):
    """The kernel and what it is told."""

    kernel: Package = option(
        default=lazy(lambda config: package(machine_named(config[Platform].host).kernel)),
        default_text="Debian's small kernel for virtual machines",
        doc="The kernel's package.",
    )
    kernel_params: list[str] = option(default=[], doc="Words of the kernel's command line.", example=["quiet"])
    kernel_modules: list[str] = option(default=[], doc="Modules loaded after the root is mounted, in order.")
    blacklisted_kernel_modules: list[str] = option(default=[], doc="Modules that are never loaded by themselves.")
    console_log_level: Annotated[int, Range(0, 7)] = option(
        default=4, doc="Messages more important than this level go to the console."
    )
    console: str = option(
        default=lazy(lambda config: machine_named(config[Platform].host).console),
        default_text="the first serial port",
        doc="Kernel name of the terminal that carries boot messages.",
    )

    @defines(kernel_params)
    def parameters(self, config: Config) -> list[str]:
        """Console, log level, and a panic that ends the machine instead of hanging it."""
        return [f"console={self.console}", f"loglevel={self.console_log_level}", "panic=-1"]

    @defines(System.files)
    def module_lists(self, config: Config) -> dict[str, FileSpec]:
        """What activation loads."""
        blacklist = "".join(f"blacklist {name}\n" for name in self.blacklisted_kernel_modules)
        return {
            "etc/modules": FileSpec(text="".join(f"{name}\n" for name in self.kernel_modules)),
            "etc/modprobe.d/micros.conf": FileSpec(text=blacklist),
        }

    @defines(Activation.activation_scripts["modules"])
    def load_modules(self, config: Config) -> ActivationScript:
        """Load what /etc/modules lists."""
        return ActivationScript(text=LOAD_MODULES, deps=["mounts"])
