"""What of the running system is memory: /run, /dev/shm, /tmp, /var, and the terminals below /dev/pts."""

from __future__ import annotations

from micros.lang import Config, Module, defines, option
from micros.modules.activation import Activation, ActivationScript

MOUNTS = """\
mounted() { grep -q " $1 " /proc/mounts; }
mounted /run || mount -t tmpfs -o mode=0755,nosuid,nodev,size={run_size} run /run
mkdir -p /run/micros/done /run/micros/var /run/lock /dev/pts /dev/shm
mounted /dev/pts || mount -t devpts -o mode=0620,gid=5,ptmxmode=0666 devpts /dev/pts
mounted /dev/shm || mount -t tmpfs -o mode=1777,nosuid,nodev shm /dev/shm
mounted /tmp || mount -t tmpfs -o mode=1777,nosuid,nodev tmp /tmp
if ! mounted /var; then
    mount -t tmpfs -o mode=0755,nosuid,nodev var /run/micros/var
    cp -a /var/. /run/micros/var/
    mount -o move /run/micros/var /var
fi
"""


class Mounts(Module, at="boot"):
    """The file systems that are memory."""

    run_size: str = option(default="25%", doc="Size of the tmpfs on /run.")

    @defines(Activation.activation_scripts["mounts"])
    def mounts(self, config: Config) -> ActivationScript:
        """What can be written."""
        return ActivationScript(text=MOUNTS.replace("{run_size}", self.run_size))
