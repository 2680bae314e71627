"""/usr/lib/micros/mount-all and /etc/fstab: everything declared about mounts, as the running system has it."""

from __future__ import annotations

import shlex
from pathlib import Path

from micros.lang import Config, Module, default, defines
from micros.modules.activation import Activation, ActivationScript
from micros.modules.boot.container import Container
from micros.modules.boot.initrd import DEVICES, Initrd
from micros.modules.boot.mounts import Mounts
from micros.modules.storage.data import Data
from micros.modules.storage.file_systems import FileSystems
from micros.modules.storage.root import Root
from micros.modules.system import FileSpec, System

SCRIPTS = Path(__file__).with_name("scripts")
FUNCTIONS = DEVICES + (SCRIPTS / "file-systems.sh").read_text()
"""Shell functions of everything that mounts."""
DATA = (SCRIPTS / "data.sh").read_text()
FACTORY_RESET = (SCRIPTS / "factory-reset.sh").read_text()
HEAD = """\
#!/bin/sh
# MicrOS: {what}
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
wait_seconds={wait}
"""
MOUNT_ALL = """\
phase=${1:-all} failed=
"""


def mount_all(config: Config) -> str:
    """The script that mounts everything: `needed` for what the boot needs, `all`. In a container no disk is its own."""
    own = not config[Container].is_container
    head = HEAD.format(what="mount what is declared, unless it is mounted already.", wait=config[Initrd].wait_seconds)
    lines = [head, FUNCTIONS, MOUNT_ALL, config[Mounts].script(stage_1=False), "mkdir -p /run/micros/done /run/lock\n"]
    if own and config[Data].enable:
        lines.append('/usr/lib/micros/data "" || failed=1\n')
    lines += [config[FileSystems].script(config[Root].device, config[Root].file) if own else "", '[ -z "$failed" ]\n']
    return "".join(lines)


def data_script(config: Config) -> str:
    """The script that mounts the data partition; its argument is another device."""
    data = config[Data]
    values = {
        "what": data.device,
        "type": data.fs_type,
        "options": ",".join(data.options) or "defaults",
        "auto_format": "1" if data.auto_format else "",
        "format": data.format_options,
        "resize": "1" if data.auto_resize else "",
        "directories": " ".join(data.directories),
    }
    head = HEAD.format(what="the data partition.", wait=config[Initrd].wait_seconds)
    return head + FUNCTIONS + "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items()) + DATA


class Mounting(Module, at="system"):
    """What is mounted, for the running system."""

    @defines(System.files)
    def files(self, config: Config) -> dict[str, FileSpec]:
        """The scripts, the mount points, and on a machine of its own /etc/fstab."""
        made = {"usr/lib/micros/mount-all": FileSpec(text=mount_all(config), mode="0755")}
        if config[Container].is_container:
            return made
        root = config[Root]
        shown = (root.device, root.fs_type, ",".join(root.options) or "ro")
        if root.writable != "no":
            shown = ("root", "overlay", "rw")
        made["etc/fstab"] = FileSpec(text=config[FileSystems].fstab(shown))
        points = {entry.mount_point for entry in config[FileSystems].enabled()}
        points |= {entry.mount_point for entry in config[Mounts].in_order()}
        for point in sorted(point for point in points if not point.startswith(("/dev/", "/run/", "/proc/", "/sys/"))):
            made[point.strip("/")] = FileSpec(directory=default(True), mode=default("0755"))
        if config[Data].enable:
            made["usr/lib/micros/data"] = FileSpec(text=data_script(config), mode="0755")
            made["usr/sbin/micros-factory-reset"] = FileSpec(text=FACTORY_RESET, mode="0755")
        return made

    @defines(Activation.activation_scripts["mounts"])
    def mount(self, config: Config) -> ActivationScript:
        """Everything that stage 1 has not mounted."""
        return ActivationScript(text="/usr/lib/micros/mount-all", deps=["modules"])
