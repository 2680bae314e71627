"""The first user space: a busybox, the modules that reach the root, and stage 1, a short script (scripts/stage-1.sh)."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Annotated, Literal

from micros.lang import Config, Lines, Module, Range, check, defines, lazy, option
from micros.modules.boards.boards import Boards
from micros.modules.boot.container import not_in_a_container
from micros.modules.boot.init import Init
from micros.modules.boot.kernel import Boot, blacklist
from micros.modules.boot.mounts import Mounts
from micros.modules.storage.file_systems import FileSystems
from micros.modules.storage.kinds import fs_kind
from micros.modules.storage.root import Root
from micros.modules.system import FileSpec
from micros.packages import Package, pkgs

_SCRIPTS = Path(__file__).with_name("scripts")
STAGE_1 = (_SCRIPTS / "stage-1.sh").read_text()
"""The script /init of the initrd."""
DEVICES = (_SCRIPTS / "devices.sh").read_text()
"""Shell functions that find block devices."""

DHCP_EVENT = """\
#!/bin/sh
# Called by udhcpc with what the server said in the environment, for netroot=.
[ "$1" = bound ] || exit 0
ip addr add "$ip/${mask:-24}" dev "$interface"
for gateway in $router; do
    ip route add default via "$gateway" dev "$interface" && break
done
for server in $dns; do echo "nameserver $server"; done >/etc/resolv.conf
"""

HIGHEST = {"zstd": 22, "xz": 9, "gzip": 9}
_LEVEL = re.compile(r"-([0-9]{1,2})")


class Initrd(Module, at="boot.initrd"):
    """The initial RAM file system (parent's name: initialRamdisk)."""

    enable: bool = option(
        default=lazy(not_in_a_container),
        default_text="true, but in a container",
        doc="Boot through an initrd. Without one the kernel mounts the root itself, which needs its drivers built in.",
    )
    kernel_modules: list[str] = option(default=[], doc="Modules that stage 1 loads, in order, with what they depend on.")
    available_kernel_modules: list[str] = option(
        default=[],
        doc="Modules that stage 1 loads where the hardware asks for them.",
        example=["ahci", "nvme", "usb_storage", "sd_mod"],
    )
    compressor: Literal["zstd", "xz", "gzip"] = option(default="zstd", doc="How the archive is compressed.")
    compressor_args: list[str] = option(default=[], doc='The strength as words: `["-9"]`. Other arguments there are none.')
    level: Annotated[int, Range(0, 22)] = option(
        default=lazy(lambda config: _level(config[Initrd].compressor_args)),
        default_text="of compressor_args, or 0",
        doc="Strength of the compression; 0 is the strongest usual one.",
    )
    shell: Package = option(default=pkgs.busybox_static, doc="A static busybox, the initrd's only program.")
    wait_seconds: Annotated[int, Range(0, 3600)] = option(
        default=20, doc="How long stage 1 waits for the root device, and activation for those of other file systems."
    )
    on_failure: Literal["panic", "reboot", "shell"] = option(default="panic", doc="What stage 1 does when it cannot go on.")
    pre_mount_commands: Lines = option(
        default="",
        doc="Shell code of stage 1 once drivers are loaded, before the root is looked for. It is part of stage 1: it can set "
        "`root`, the device, and call `fail TEXT`.",
        example="[ ! -b /dev/sdb ] || root=/dev/sdb",
        aliases=["not_os.pre_mount", "boot.initrd.preLVMCommands", "boot.initrd.postDeviceCommands"],
    )
    post_mount_commands: Lines = option(
        default="",
        doc="Shell code of stage 1 once all that the boot needs is mounted: the root at /root, /dev, /proc, /run and /sys in it.",
    )
    files: dict[str, FileSpec] = option(default={}, doc="Every file modules add, by path below /.", internal=True)

    @defines(kernel_modules, when=lazy(not_in_a_container))
    def for_root(self, config: Config) -> list[str]:
        """What the root file system needs."""
        root = config[Root]
        found = [*root.kernel_modules, *fs_kind(root.fs_type).modules]
        found += ["loop", "isofs"] if root.file else []
        return found if root.writable == "no" else [*found, "overlay"]

    @defines(files)
    def stage_1(self, config: Config) -> dict[str, FileSpec]:
        """The script, what it reads, and the directories it starts with."""
        made = {name: FileSpec(directory=True, mode="0755") for name in ("dev", "proc", "root", "run", "sys")}
        made |= {"bin": FileSpec(link="usr/bin"), "sbin": FileSpec(link="usr/bin"), "lib": FileSpec(link="usr/lib")}
        texts = {
            "stage-1": self.settings(config),
            "devices": DEVICES,
            "early-mounts": config[Mounts].script(stage_1=True),
            "pre-mount": self.pre_mount_commands,
            "post-mount": self.post_mount_commands,
        }
        made |= {f"etc/micros/{name}": FileSpec(text=text) for name, text in texts.items()}
        return made | {
            "init": FileSpec(text=STAGE_1, mode="0755"),
            "etc/micros/dhcp": FileSpec(text=DHCP_EVENT, mode="0755"),
            "etc/modprobe.d/micros.conf": FileSpec(text=blacklist(config[Boot].blacklisted_kernel_modules)),
        }

    def settings(self, config: Config) -> str:
        """What the script is told, as assignments; those without a value are words of the kernel's command line."""
        root = config[Root]
        values = {
            "root": root.device,
            "file": root.file,
            "fs_type": root.fs_type,
            "options": ",".join(root.options) or "ro",
            "changes": root.writable,
            "size": root.size,
            "init": config[Init].stage2_path,
            "wait_seconds": str(self.wait_seconds),
            "on_failure": self.on_failure,
            "available": " ".join([*self.available_kernel_modules, *config[Boards].initrd_modules()]),
            "needed": "1" if config[FileSystems].needed() else "",
        }
        values |= dict.fromkeys(("system", "netroot", "netroot_sha256", "findiso", "medium", "copytoram", "stop"), "")
        return "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())

    @check
    def compressor_knows_its_arguments(self, config: Config) -> str | None:
        """Our writers have one parameter: the level."""
        bad = [word for word in self.compressor_args if not _LEVEL.fullmatch(word)]
        if bad:
            return f"boot.initrd.compressor_args: {', '.join(bad)}: the only argument is the strength, -1 to -22"
        highest = HIGHEST[self.compressor]
        return f"boot.initrd.level is {self.level}, {self.compressor} takes 1 to {highest}" if self.level > highest else None


def _level(words: list[str]) -> int:
    """The last strength among the words, 0 where there is none."""
    levels = [int(found[1]) for word in words if (found := _LEVEL.fullmatch(word))]
    return levels[-1] if levels else 0
