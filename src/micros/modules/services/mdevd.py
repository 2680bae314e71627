"""Devices that come and go: their nodes, modules and names, by busybox' mdev as a daemon."""

from __future__ import annotations

from typing import Annotated

from micros.lang import Config, Lines, Module, Pattern, Record, defines, option
from micros.modules.boot.kernel import Boot
from micros.modules.environment import Environment, EtcFile
from micros.modules.services.services import Micros, Service
from micros.modules.system import FileSpec, System

BLOCK = """\
#!/bin/sh
# Called by mdev for each block device that comes or goes: its names below /dev/disk, as udev spells them.
name() {
    [ -n "$2" ] || return 0
    word=$(printf %s "$2" | sed 's/\\\\/\\\\x5c/g; s/ /\\\\x20/g; s,/,\\\\x2f,g')
    mkdir -p "/dev/disk/by-$1"
    ln -sfn "../../$MDEV" "/dev/disk/by-$1/$word"
}
value() { printf %s "$found" | sed -n "s/.* $1=\\"\\([^\\"]*\\)\\".*/\\1/p"; }

if [ "$ACTION" = remove ]; then
    for link in /dev/disk/by-*/*; do
        [ "$(readlink "$link")" != "../../$MDEV" ] || rm -f "$link"
    done
    exit 0
fi
found=$(blkid "/dev/$MDEV" 2>/dev/null)
name label "$(value LABEL)"
name uuid "$(value UUID)"
name partlabel "$(sed -n s/^PARTNAME=//p "/sys/class/block/$MDEV/uevent")"
name partuuid "$(sed -n s/^PARTUUID=//p "/sys/class/block/$MDEV/uevent")"
serial=$(cat "/sys/class/block/$MDEV/serial" 2>/dev/null)
name id "${serial:+virtio-$serial}"
"""

START = """\
# Drivers of what is there already, while the daemon begins to hear of what comes.
cat /sys/bus/*/devices/*/modalias /sys/class/*/*/modalias /sys/devices/system/cpu/modalias 2>/dev/null |
    sort -u | xargs -r modprobe -a -q -b 2>/dev/null &
exec mdev -df
"""

LISTENS = "grep -qE ' 15 +[0-9]+ +00000001 ' /proc/net/netlink"
"""Somebody has a socket for the kernel's messages about devices: NETLINK_KOBJECT_UEVENT, group 1 (netlink(7))."""

RULES = {
    "null|zero|full|random|urandom": "root:root 0666",
    "tty|ptmx": "root:tty 0666",
    "console": "root:tty 0600",
    "tty[0-9]+": "root:tty 0620",
    "tty(S|AMA|USB|ACM).*": "root:dialout 0660",
    "(sd|vd|xvd|mmcblk|nvme|sr|dm-|md).*": "root:disk 0660 */etc/micros/mdev-block",
    "fuse|net/tun": "root:root 0666",
    "(rtc|watchdog|mem|port|kmsg).*": "root:root 0600",
}
"""Who may use which device; anything else is root's alone. What runs is told of a device that comes and of one that goes."""


class DeviceRule(Record):
    """What happens to devices of some names."""

    owner: Annotated[str, Pattern(r"[a-z_][a-z0-9_-]*:[a-z_][a-z0-9_-]*", "user:group")] = option(
        default="root:root", doc="User and group that own the node."
    )
    mode: Annotated[str, Pattern("0?[0-7]{3}", "three octal digits")] = option(default="0660", doc="Permissions.")
    command: Annotated[str, Pattern(r"[^\n]*", "one line of shell code")] = option(
        default="", doc="Shell code that runs when such a device comes or goes: `$ACTION` is `add` or `remove`, `$MDEV` its name."
    )


class Mdevd(Module, at="services.mdevd"):
    """Nodes, permissions, modules and links for devices that are there and for those that are plugged in later."""

    enable: bool = option(default=False, doc="Run mdev as a daemon.")
    rules: dict[Annotated[str, Pattern(r"\S+", "regular expression without spaces")], DeviceRule] = option(
        default={}, doc="Rules by extended regular expression of the device's name; they win over MicrOS's own.", example={}
    )
    kernel_modules: list[str] = option(
        default=[],
        doc="Modules for devices that may be plugged in, with what they depend on: in the image, and loaded when one is there.",
        example=["usb_storage"],
    )
    extra_rules: Lines = option(default="", doc="Lines of mdev.conf, which come before all others.")

    @defines(Environment.etc["mdev.conf"], when=enable)
    def conf(self, config: Config) -> EtcFile:
        """The rules; the first whose name fits counts."""
        lines = [*self.extra_rules.splitlines(), '$MODALIAS=.* root:root 0660 @modprobe -q -b "$MODALIAS"']
        for name, rule in self.rules.items():
            lines.append(f"{name} {rule.owner} {rule.mode}{f' *{rule.command}' if rule.command else ''}")
        lines += [f"{name} {rest}" for name, rest in RULES.items()]
        return EtcFile(text="\n".join(lines) + "\n")

    @defines(Boot.available_kernel_modules, when=enable)
    def modules(self, config: Config) -> list[str]:
        """What may be plugged in."""
        return list(self.kernel_modules)

    @defines(System.files, when=enable)
    def helper(self, config: Config) -> dict[str, FileSpec]:
        """What mdev calls."""
        return {"etc/micros/mdev-block": FileSpec(text=BLOCK, mode="0755")}

    @defines(Micros.services["mdevd"], when=enable)
    def service(self, config: Config) -> Service:
        """Load the modules of what is there, then look at everything once and wait for what comes."""
        return Service(start_script=START, ready_script=LISTENS)
