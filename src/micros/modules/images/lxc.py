"""System containers of LXC and Incus: the root and a description of it, each a tar archive, as their public images are."""

from __future__ import annotations

import json

from micros.lang import Config, Module, check, lazy, option
from micros.machine import machine_named
from micros.modules.boot.init import Init
from micros.modules.system import Artefact, Platform, System

CONFIG = """\
lxc.include = LXC_TEMPLATE_CONFIG/common.conf
lxc.arch = {arch}
lxc.init.cmd = {init}
"""
"""lxc.container.conf(5), as the templates `local` and `download` take it."""
USER_CONFIG = "lxc.include = LXC_TEMPLATE_CONFIG/userns.conf\n"
"""What a container in a user namespace has besides."""

CREATED_SECONDS = 1
"""Incus takes an image without a time of making, or with 0, for a damaged one."""


class LxcImage(Module, at="images.lxc"):
    """What the image says of itself."""

    description: str = option(
        default=lazy(lambda config: f"MicrOS {config[System].name}"), default_text="MicrOS and system.name", doc="One line."
    )
    properties: dict[str, str] = option(
        default={}, doc="More properties, which Incus shows and finds images by.", example={"release": "trixie"}
    )

    def texts(self, config: Config) -> dict[str, str]:
        """What the metadata archive holds: metadata.yaml for Incus, the others for LXC."""
        machine = machine_named(config[Platform].host)
        lxc = CONFIG.format(arch=machine.name, init=config[Init].stage2_path)
        known = {"architecture": machine.name, "description": self.description, "name": config[System].name, "os": "MicrOS"}
        lines = [f"architecture: {json.dumps(machine.name)}", f"creation_date: {CREATED_SECONDS}", "properties:"]
        lines += [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in sorted({**known, **self.properties}.items())]
        return {
            "metadata.yaml": "\n".join([*lines, "templates: {}", ""]),
            "config": lxc,
            "config-user": lxc + USER_CONFIG,
            "create-message": f"{self.description}\n",
        }

    @check
    def description_is_a_line(self, config: Config) -> str | None:
        """It is shown in tables."""
        return "images.lxc.description has more than one line" if "\n" in self.description else None


class LxcImageArtefact(Module, at="system.build"):
    """The image by itself."""

    lxc_image: Artefact = option(
        default=lazy(lambda config: _artefact(config)),
        default_text="as images.lxc says",
        doc="a system container for LXC and Incus: rootfs.tar.xz, metadata.tar.xz",
    )


def _artefact(config: Config) -> Artefact:
    return Artefact("micros.plan.artefacts.lxc:image", {"texts": config[LxcImage].texts(config)})
