"""The first user space: a busybox, the modules that reach the root, and a short script."""

from __future__ import annotations

from typing import Annotated, Literal

from micros.lang import Config, Module, Range, defines, option
from micros.modules.storage.root import Root
from micros.packages import Package, pkgs

INIT = """\
#!/bin/sh
# MicrOS, stage 1: reach the root file system and hand over to its init.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
rescue() {{
    echo "stage 1: $1"
    echo "stage 1: block devices here: $(ls /sys/class/block | tr '\\n' ' ')"
    {on_failure}
}}
while read -r module; do
    insmod "$module" || echo "stage 1: cannot load $module"
done </etc/micros/modules
root={device} init={init}
for word in $(cat /proc/cmdline); do
    case $word in
        root=*) root=${{word#root=}} ;;
        init=*) init=${{word#init=}} ;;
    esac
done
waited=0
until [ -b "$root" ]; do
    [ $waited -lt {wait} ] || rescue "$root did not appear within $((waited / 10)) s"
    sleep 0.1
    waited=$((waited + 1))
done
mount -t {fs_type} -o {options} "$root" /root || rescue "cannot mount $root as {fs_type}"
for mount in proc sys dev; do
    mount -o move /$mount /root/$mount
done
exec switch_root /root "$init"
"""


class Initrd(Module, at="boot.initrd"):
    """The initial RAM file system (parent's name: initialRamdisk)."""

    kernel_modules: list[str] = option(default=[], doc="Modules loaded, with what they depend on, before the root.")
    compressor: Literal["zstd", "xz", "gzip"] = option(default="zstd", doc="How the archive is compressed.")
    level: Annotated[int, Range(1, 22)] = option(default=19, doc="Strength of the compression.")
    shell: Package = option(default=pkgs.busybox_static, doc="A static busybox, the initrd's only program.")
    wait_seconds: Annotated[int, Range(0, 3600)] = option(default=20, doc="How long stage 1 waits for the root device.")
    on_failure: Literal["panic", "shell"] = option(default="panic", doc="What stage 1 does when it cannot go on.")
    script: str = option(default="", doc="The script /init; made from the other options.", internal=True)

    @defines(kernel_modules)
    def for_root(self, config: Config) -> list[str]:
        """What the root file system needs."""
        return [*config[Root].kernel_modules, config[Root].fs_type]

    @defines(script)
    def init_script(self, config: Config) -> str:
        """Stage 1."""
        root = config[Root]
        return INIT.format(
            device=root.device,
            init="/sbin/init",
            wait=self.wait_seconds * 10,
            fs_type=root.fs_type,
            options=",".join(root.options),
            on_failure="setsid sh -c 'exec sh </dev/console >/dev/console 2>&1'" if self.on_failure == "shell" else "exit 1",
        )
