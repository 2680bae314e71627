"""Disk images boot by UEFI, to services, whatever the table, the sectors and the file; their last partition grows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from micros.machine import host_machine
from tests.vm.firmware import Uefi

if TYPE_CHECKING:
    from pathlib import Path

    from micros.debian.tools import Toolbox
    from tests.conftest import Command

pytestmark = pytest.mark.skipif(host_machine().name != "x86_64", reason="OVMF is for x86_64")

SYSTEM = """\
[micros.services.report]
start_script = '''
read -r device type <<END
$(sed -n 's/^\\([^ ]*\\) \\/ \\([^ ]*\\) ro.*/\\1 \\2/p' /proc/mounts | grep -v rootfs)
END
echo "root of $device, $type, $(tr ' ' '\\n' </proc/cmdline | grep ^root=)"
echo "data of $(cat /sys/class/block/vda3/size) sectors, $(stat -f -c '%b blocks of %S' /var/lib)"
grep -q '3 /var/lib ext4 rw' /proc/mounts && [ "$(cat /var/lib/note)" = kept ] && touch /var/lib/written && echo "data is kept"
exec sleep infinity
'''
[storage.data]
enable = true
[boot]
grow_partition = true
[images.disk.data]
size = 16
files."var/lib/note" = { text = "kept" }
"""


LARGER_BYTES = 160 << 20


@pytest.fixture
def machine(toolbox: Toolbox, tmp_path: Path) -> Uefi:
    return Uefi(toolbox, tmp_path)


def booted(micros: Command, machine: Uefi, settings: list[str], **options: str) -> str:
    """Build, put it onto a larger disk where it is raw, and boot: the service's own line on the console."""
    micros.write("disk.toml", SYSTEM)
    done = micros("build", "disk.toml", "disk_image", *[word for text in settings for word in ("--set", text)])
    assert done.status == 0, done.err
    (image,) = (micros.directory / "result").glob("disk.*")
    if "kind" not in options:
        with image.open("r+b") as stream:
            stream.truncate(LARGER_BYTES)
    console = machine.boot(image, [b"data is kept"], **options).decode(errors="replace")
    assert "data is kept" in console, console
    (grown,) = re.findall(r"data of (\d+) sectors, (\d+) blocks of (\d+)", console)
    sectors, blocks, size = map(int, grown)
    assert 512 * sectors > LARGER_BYTES - (60 << 20), "the partition does not reach the end of the disk"
    assert blocks * size > 0.8 * 512 * sectors, "the file system does not fill the partition"
    return next(line for line in console.splitlines() if line.startswith("root of "))


def test_a_gpt_disk_with_one_program(micros: Command, machine: Uefi) -> None:
    assert booted(micros, machine, []).startswith("root of /dev/vda2, squashfs, root=PARTUUID=")


def test_an_mbr_disk_with_a_loader_and_another_file_system(micros: Command, machine: Uefi) -> None:
    settings = [
        'storage.data.device="LABEL=data"',
        'images.disk.table="mbr"',
        'images.disk.contents="loader"',
        'images.disk.format="qcow2"',
        "images.disk.size=160",
        'storage.root.fs_type="erofs"',
    ]
    line = booted(micros, machine, settings, kind="qcow2")
    assert line.startswith("root of /dev/vda2, erofs, root=PARTUUID=")
    assert line.strip().endswith("-02")


def test_sectors_of_4096_bytes(micros: Command, machine: Uefi) -> None:
    device = "virtio-blk-pci,logical_block_size=4096,physical_block_size=4096"
    line = booted(micros, machine, ["images.disk.sector_size=4096"], device=device)
    assert line.startswith("root of /dev/vda2, squashfs, root=PARTUUID=")
