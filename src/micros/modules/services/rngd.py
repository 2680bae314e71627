"""Random numbers from hardware."""

from __future__ import annotations

from micros.lang import Config, Module, defines, option
from micros.modules.boot.kernel import Boot
from micros.modules.environment import Environment
from micros.modules.services.services import Micros, Service
from micros.packages import Package, pkgs


class Rngd(Module, at="services.rngd"):
    """Feed the kernel's random generator from hardware, so that it is ready early."""

    enable: bool = option(default=False, doc="Run rngd.", aliases=["not_os.rngd"])
    package: Package = option(
        default=pkgs.rng_tools_debian, doc="The package of rngd: `rng-tools-debian`, or `rng-tools5`, which knows RDRAND too."
    )
    device: str = option(default="/dev/hwrng", doc="Where the hardware's numbers come from.")
    drivers: list[str] = option(default=["virtio_rng"], doc="Kernel modules of the hardware.", example=["bcm2835_rng"])
    extra_flags: list[str] = option(default=[], doc="More words of rngd's command line (rngd(8)).")

    @defines(Boot.kernel_modules, when=enable)
    def modules(self, config: Config) -> list[str]:
        """The hardware."""
        return list(self.drivers)

    @defines(Environment.system_packages, when=enable)
    def packages(self, config: Config) -> list[Package]:
        """rngd."""
        return [self.package]

    @defines(Micros.services["rngd"], when=enable)
    def service(self, config: Config) -> Service:
        """rngd in the foreground."""
        quiet = ["-S", "0"] if self.package.name == "rng-tools-debian" else []  # no statistics every hour; the other has none
        words = ["-f", *quiet, "-r", self.device, *self.extra_flags]
        return Service(start_script=f"exec {self.package}/usr/sbin/rngd {' '.join(words)}")
