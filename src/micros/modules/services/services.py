"""Services, declared once for every init system."""

from __future__ import annotations

from typing import Literal

from micros.lang import Config, Lines, Module, Record, check, option
from micros.modules.order import cycle_in


class Service(Record):
    """Something that runs: for as long as the system does, or once."""

    enable: bool = option(default=True, doc="Whether the service exists.")
    type: Literal["longrun", "oneshot"] = option(
        default="longrun", doc="`longrun` stays in the foreground and is restarted; `oneshot` runs once, to its end."
    )
    dependencies: list[str] = option(default=[], doc="Services that must be up, or done, before this one starts.")
    start_on_boot: bool = option(default=True, doc="Start by itself; else by `sv up`.")
    start_script: Lines = option(default="", doc="Shell code that becomes the service; end it with `exec`.")
    finish_script: Lines = option(default="", doc="Shell code that runs after the service has ended.")
    conf_script: Lines = option(default="", doc="Shell code that runs before the start script, in the same shell.")


class Micros(Module, at="micros"):
    """What MicrOS itself runs."""

    services: dict[str, Service] = option(default={}, doc="Services by name.")

    @check
    def dependencies_exist(self, config: Config) -> str | None:
        """Every dependency is a service."""
        known = {name for name, service in self.services.items() if service.enable}
        missing = [
            f"micros.services.{name} depends on {other!r}"
            for name, service in self.services.items()
            for other in service.dependencies
            if service.enable and other not in known
        ]
        return f"{'; '.join(missing)}: no such service; there are {', '.join(sorted(known))}" if missing else None

    @check
    def dependencies_have_no_cycle(self, config: Config) -> str | None:
        """Some order starts every service after what it needs."""
        chain = cycle_in({name: service.dependencies for name, service in self.services.items()})
        return f"micros.services depend on each other: {' -> '.join(chain)}" if chain else None
