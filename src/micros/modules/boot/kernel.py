"""The kernel: its package, its command line, its modules."""

from __future__ import annotations

from typing import Annotated, Any

from micros.lang import Config, Module, Range, check, defines, lazy, option
from micros.machine import machine_named
from micros.modules.activation import Activation, ActivationScript
from micros.modules.boards.boards import Boards
from micros.modules.boot.container import ON_A_MACHINE, not_in_a_container
from micros.modules.system import FileSpec, Platform, System
from micros.packages import Package, package

# One program for all of them: starting a program is most of what loading a module costs.
LOAD_MODULES = """\
set --
while read -r module; do set -- "$@" "$module"; done </etc/modules
[ $# = 0 ] || modprobe -a "$@" 2>/dev/null || for module; do
    modprobe "$module" || echo "MicrOS: cannot load the kernel module $module"
done
"""


def blacklist(names: list[str]) -> str:
    """A file of /etc/modprobe.d (modprobe.d(5)) that keeps modules from being loaded by what the hardware is called."""
    return "".join(f"blacklist {name}\n" for name in names)


class Boot(Module, at="boot"):
    """The kernel and what it is told."""

    kernel_package: Package = option(
        default=lazy(lambda config: package(config[Boards].kernel() or machine_named(config[Platform].host).kernel)),
        default_text="Debian's kernel for the board, or its small one for virtual machines",
        doc="The kernel's package.",
        aliases=["boot.kernel_packages"],
    )
    kernel_params: list[str] = option(default=[], doc="Words of the kernel's command line.", example=["quiet"])
    kernel_modules: list[str] = option(
        default=[], doc="Modules loaded by activation, in order. They bring what they depend on, and their firmware."
    )
    available_kernel_modules: list[str] = option(
        default=[], doc="Modules in the image that are loaded when something asks for them.", internal=True
    )
    blacklisted_kernel_modules: list[str] = option(
        default=[], doc="Modules that no hardware loads by itself, in the initrd neither; by name they can be loaded."
    )
    extra_module_packages: list[Package] = option(default=[], doc="Packages with more modules for this very kernel.")
    kernel_patches: list[Any] = option(default=[], doc="Refused: the archive's kernel is compiled already.")
    console_log_level: Annotated[int, Range(0, 7)] = option(
        default=4, doc="Messages more important than this level go to the console."
    )
    console: str = option(
        default=lazy(lambda config: config[Boards].console() or machine_named(config[Platform].host).console),
        default_text="the first serial port",
        doc="Kernel name of the terminal that carries boot messages.",
    )
    post_boot_commands: str = option(default="", doc="Shell code that stage 2 runs last, before the init system starts.")

    @defines(kernel_params)
    def parameters(self, config: Config) -> list[str]:
        """Console, log level, and a panic that ends the machine instead of hanging it."""
        return [f"console={self.console}{config[Boards].speed(self.console)}", f"loglevel={self.console_log_level}", "panic=-1"]

    @defines(System.files, when=ON_A_MACHINE)
    def module_lists(self, config: Config) -> dict[str, FileSpec]:
        """What activation loads. The kernel itself looks for /sbin/modprobe."""
        return {
            "etc/modules": FileSpec(text="".join(f"{name}\n" for name in self.kernel_modules)),
            "etc/modprobe.d/micros.conf": FileSpec(text=blacklist(self.blacklisted_kernel_modules)),
            "usr/sbin/modprobe": FileSpec(link="../bin/modprobe"),
        }

    @defines(Activation.activation_scripts["modules"])
    def load_modules(self, config: Config) -> ActivationScript:
        """Load what /etc/modules lists. In a container the host has done so; what waits for it need not know."""
        return ActivationScript(text=LOAD_MODULES if not_in_a_container(config) else "")

    @defines(System.files, when=lazy(lambda config: bool(config[Boot].post_boot_commands)))
    def post_boot(self, config: Config) -> dict[str, FileSpec]:
        """What stage 2 runs last."""
        text = f"#!/bin/sh\n{self.post_boot_commands.rstrip()}\n"
        return {"etc/micros/post-boot": FileSpec(text=text, mode="0755")}

    @check
    def kernel_is_compiled_already(self, config: Config) -> str | None:
        """Nothing can be patched in a kernel that comes as a binary."""
        hint = "the archive's kernel is compiled already; set boot.kernel_package to one that has what the patches bring"
        return f"boot.kernel_patches: {hint}" if self.kernel_patches else None
