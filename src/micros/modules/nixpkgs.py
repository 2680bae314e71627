"""NixOS' names for the machines: a text, or a record with `system`."""

from __future__ import annotations

from typing import Annotated

from micros.lang import REQUIRED, Config, Converted, Module, Record, defines, lazy, option
from micros.modules.system import MachineName, Platform


class MachineRecord(Record):
    """A machine as NixOS writes it at length."""

    system: MachineName = option(default=REQUIRED, doc="Its name.")


AnyPlatform = Annotated[MachineRecord, Converted(str, lambda name: {"system": name})]


class Nixpkgs(Module, at="nixpkgs"):
    """Other names of `platform.host` and `platform.build`."""

    host_platform: AnyPlatform | None = option(
        default=None, doc="The machine the system runs on, as `platform.host`.", example="armv7l-linux"
    )
    build_platform: AnyPlatform | None = option(default=None, doc="The machine that builds it, as `platform.build`.")

    @defines(Platform.host, when=lazy(lambda config: config[Nixpkgs].host_platform is not None))
    def host(self, config: Config) -> str:
        """The machine the system runs on."""
        return _name(self.host_platform)

    @defines(Platform.build, when=lazy(lambda config: config[Nixpkgs].build_platform is not None))
    def build(self, config: Config) -> str:
        """The machine that builds it."""
        return _name(self.build_platform)


def _name(platform: MachineRecord | None) -> str:
    return "" if platform is None else platform.system
