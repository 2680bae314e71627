"""The data partition grows with its medium: an image is as small as it can be, the card it is written to is not."""

from __future__ import annotations

import shlex
from pathlib import Path

from micros.lang import Complaint, Config, Module, check, defines, option
from micros.lang.values import DEFAULT
from micros.modules.boot.initrd import Initrd
from micros.modules.storage.data import Data

GROW = (Path(__file__).with_name("scripts") / "grow-partition.sh").read_text()


class GrowPartition(Module, at="boot"):
    """What stage 1 does to the partition table."""

    grow_partition: bool = option(
        default=False,
        doc="Stage 1 lets the partition of storage.data reach the end of its disk, if it is the disk's last one. Power may fail "
        "meanwhile.",
    )

    @defines(Initrd.pre_mount_commands, when=grow_partition)
    def grow(self, config: Config) -> str:
        """While nothing of the disk is mounted, so that the kernel takes the new table."""
        return f"{GROW}grow_partition {shlex.quote(config[Data].device)}\n"

    @defines(Data.auto_resize, when=grow_partition, priority=DEFAULT)
    def resize(self, config: Config) -> bool:
        """The file system follows."""
        return True

    @check
    def has_a_partition(self, config: Config) -> Complaint | None:
        """There is something to grow, and somebody to do it."""
        if not self.grow_partition or (config[Data].enable and config[Initrd].enable):
            return None
        text = "boot.grow_partition: " + ("storage.data is not enabled" if not config[Data].enable else "there is no initrd")
        return Complaint(text, ("boot.grow_partition",), "it is the partition of storage.data that grows, in stage 1")
