"""File systems, swap, the data partition and its faults, roots that take changes: in guests with more disks."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from micros.debian.tools import Toolbox
from tests.conftest import Command, Outcome

SYSTEM = """
boot.post_boot_commands = "echo last >/run/post-boot"
boot.dev_size = "8m"
boot.dev_shm_size = "9m"
boot.run_size = "20m"
boot.special_file_systems."/tmp".options = ["mode=1777", "size=3m"]
boot.special_file_systems."/scratch".options = ["size=1m"]
boot.supported_filesystems = ["vfat"]
boot.blacklisted_kernel_modules = ["virtio_console"]
hardware.firmware = ["firmware-linux-free"]

[boot.kernel.sysctl]
"kernel.printk_ratelimit" = 7
"net.ipv4.ip_forward" = true
"nothing.like_this" = 1

[storage.data]
enable = true
device = "/dev/vdb"
directories = ["/var/lib", "/home"]

[[virtualisation.disks]]
file = "data.img"

[[virtualisation.disks]]
size = 32

[file_systems."/srv"]
device = "/dev/vdc"
fs_type = "ext4"
auto_format = true
auto_resize = true
format_options = "-L shelf"
options = ["noatime"]

[file_systems."/srv/shelf"]
label = "shelf"
fs_type = "ext4"
no_check = true
depends = ["/srv"]

[file_systems."/absent"]
device = "PARTLABEL=absent"
fs_type = "vfat"
options = ["nofail"]

[[swap_devices]]
device = "/srv/swap"
size = 4
priority = 5
"""

LOOK = """
cat /proc/mounts /etc/fstab
echo "swap $(sed 1d /proc/swaps | xargs)"
echo "post $(cat /run/post-boot)"
echo "sysctl $(sysctl -n kernel.printk_ratelimit net.ipv4.ip_forward | xargs)"
find /usr/lib/firmware -type f | head -n 1
modprobe vfat && grep -w vfat /proc/filesystems
for program in fsck.fat e2fsck; do which $program; done
ls -A /run/micros/data /run/micros/data/.old
cat /var/lib/mark /home/mark /run/micros/data/.old/var/lib/mark /run/micros/data-problem
ls -d /var/log /var/lib
date >/var/lib/mark && echo marked >/home/mark
"""


@pytest.fixture(scope="module")
def box(store_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    micros = Command(store_root, tmp_path_factory.mktemp("storage"))
    micros.write("box.toml", SYSTEM)
    return micros


def boot(box: Command, command: str, *words: str) -> Outcome:
    described = (box.directory / "box.toml").read_text()
    box.write("words.toml", f"boot.kernel_params = {json.dumps(words)}\n{described}")
    done = box("run", "words.toml", "-v", "-c", command)
    assert "Kernel panic" not in done.err, done.err
    return done


def test_a_blank_partition_is_made_and_everything_declared_is_there(box: Command) -> None:
    done = boot(box, LOOK)
    mounts = [line for line in done.out.splitlines() if line.count(" ") == 5]
    for start, words in {
        "dev /dev devtmpfs": ["size=8192k"],
        "shm /dev/shm tmpfs": ["size=9216k"],
        "run /run tmpfs": ["size=20480k"],
        "none /scratch tmpfs": ["size=1024k"],
        "/dev/vdb /run/micros/data ext4": ["rw,nosuid,nodev"],
        "/dev/vdb /var/lib ext4": [],
        "/dev/vdb /home ext4": [],
        "/dev/vdc /srv ext4": ["noatime"],
        "/dev/vdc /srv/shelf ext4": [],
        "LABEL=shelf /srv/shelf ext4 defaults 0 0": [],
        "/dev/vdc /srv ext4 noatime 0 2": [],
        "PARTLABEL=absent /absent vfat nofail 0 2": [],
        "/dev/vda / squashfs ro 0 0": [],
        "/srv/swap none swap pri=5 0 0": [],
    }.items():
        found = [line for line in mounts if line.startswith(start)]
        assert found, f"{start} is not in\n{done.out}\n{done.err}"
        assert all(word in found[0] for word in words), found
    assert "size=3072k" in next(line for line in mounts if " /tmp " in line)
    assert "swap /srv/swap file 4088 0 -" in done.out
    assert "post last" in done.out
    assert "sysctl 7 1" in done.out
    assert "/usr/lib/firmware/" in done.out
    assert "vfat" in done.out
    assert "/usr/sbin/fsck.fat" in done.out
    assert "MicrOS: the kernel does not take the setting nothing.like_this=1" in done.err
    assert "MicrOS: /absent: no PARTLABEL=absent within 0 s; there are: vda (" in done.err
    assert "formatting /dev/vdb as ext4" in done.err
    assert "MicrOS: activation failed" not in done.err.replace("activation failed: sysctl", "")


def test_data_outlives_a_boot_and_a_factory_reset_keeps_it_aside(box: Command) -> None:
    done = boot(box, LOOK, "micros.factory_reset")
    assert "factory reset; what was on it is in /run/micros/data/.old" in done.err
    assert "UTC" in done.out, "the mark of the first boot is not in .old"
    assert "marked" not in done.out
    done = boot(box, "cat /run/micros/data/.old/var/lib/mark", "micros.factory_reset")
    assert "micros.factory_reset has been done" in done.err
    assert "UTC" in done.out, "a word that stays on the command line deletes what its first boot has kept"


def test_damage_full_and_absent(box: Command) -> None:
    image = box.directory / "data.img"
    before = image.read_bytes()
    with image.open("r+b") as stream:
        stream.seek(1024)
        stream.write(os.urandom(1 << 20))
    reset = (
        "cat /run/micros/data-problem; printf '#!/bin/sh\\n' >/run/no; chmod +x /run/no; mount -o bind /run/no /usr/sbin/reboot; "
        "echo kept >/var/lib/x && micros-factory-reset; echo reset $?; grep ' /run/micros/data ' /proc/mounts"
    )
    done = boot(box, reset)
    assert "MicrOS: data partition: /dev/vdb is damaged or no ext4" in done.err
    assert "keeps nothing" in done.err
    assert "reset 0" in done.out, done.out + done.err
    assert "data /run/micros/data tmpfs" in done.out
    done = boot(
        box, "ls -A /run/micros/data; cat /proc/mounts; dd if=/dev/zero of=/var/lib/fill bs=64k; ls /run/micros/data-problem"
    )
    assert "/dev/vdb /var/lib ext4" in done.out
    done = boot(box, "cat /run/micros/data-problem; ls /run/micros/full-data/var/lib/fill; grep ' /var/lib ' /proc/mounts")
    assert "MicrOS: data partition: /dev/vdb is full" in done.err
    assert "/run/micros/full-data/var/lib/fill" in done.out
    assert "data /var/lib tmpfs" in done.out
    image.write_bytes(before)


@pytest.mark.slow
def test_another_file_system_is_left_alone(box: Command, toolbox: Toolbox) -> None:
    image = box.directory / "data.img"
    with image.open("wb") as stream:
        stream.truncate(64 << 20)
    tool(toolbox, "dosfstools", "mkfs.fat", str(image))
    before = image.read_bytes()
    done = boot(box, "cat /run/micros/data-problem")
    assert "MicrOS: data partition: /dev/vdb holds vfat, not ext4" in done.err
    assert image.read_bytes() == before


def tool(toolbox: Toolbox, package: str, *argv: str) -> None:
    """Run a program of the archive's, with its own loader and libraries."""
    root = toolbox.root([package])
    (loader,) = root.glob("usr/lib/*/ld-linux*.so*")
    (program,) = root.glob(f"usr/*bin/{argv[0]}")
    line = [str(loader), "--library-path", str(loader.parent), str(program), *argv[1:]]
    subprocess.run(line, check=True, capture_output=True, env={"MKE2FS_CONFIG": str(root / "etc/mke2fs.conf")})


TEMPLATE = """
boot.initrd.available_kernel_modules = ["virtio_blk"]

[file_systems."/"]
fs_type = "tmpfs"
options = ["size=40m"]

[file_systems."/iso"]
label = "MEDIUM"
fs_type = "ext4"
options = ["ro"]
needed_for_boot = true

[file_systems."/nix/.ro-store"]
device = "/iso/images/root.squashfs"
fs_type = "squashfs"
options = ["loop", "ro"]
needed_for_boot = true

[[virtualisation.disks]]
file = "medium.img"
"""


@pytest.mark.parametrize("words", [[], pytest.param(["findiso=/inner.iso", "copytoram"], marks=pytest.mark.slow)], ids=str)
def test_the_image_is_a_file_on_a_labelled_medium_and_changes_go_to_memory(
    micros: Command, toolbox: Toolbox, words: list[str]
) -> None:
    micros.write("box.toml", TEMPLATE)
    micros.write("medium.img", "")
    assert micros("build", "box.toml", "--set", "virtualisation.agent=true").status == 0
    folder = micros.directory / "medium/images"
    folder.mkdir(parents=True)
    os.rename(micros.directory / "result/root.squashfs", folder / "root.squashfs")
    image = micros.directory / "medium.img"
    image.unlink()
    tool(toolbox, "e2fsprogs", "mke2fs", "-q", "-t", "ext4", "-L", "MEDIUM", "-d", str(folder.parent), str(image), "24M")
    if words:
        outer = micros.directory / "outer"
        outer.mkdir()
        os.rename(image, outer / "inner.iso")
        tool(toolbox, "e2fsprogs", "mke2fs", "-q", "-t", "ext4", "-d", str(outer), str(image), "48M")
    look = "cat /proc/mounts; echo changed >/usr/bin/new && cat /usr/bin/new; ls /iso /nix/.ro-store; df -m / | tail -n 1"
    done = boot(micros, look, *words)
    assert done.status == 0, done.out + done.err
    assert "root / overlay rw" in done.out
    assert "changed" in done.out
    if not words:
        assert "images" in done.out
        assert "/dev/vdb /iso ext4 ro" in done.out


@pytest.mark.slow
def test_the_profile_of_an_iso_finds_its_image_on_it(micros: Command, toolbox: Toolbox) -> None:
    text = 'profiles.iso_image = { enable = true, label = "TRIAL_1" }\n[[virtualisation.disks]]\nfile = "medium.img"\n'
    micros.write("box.toml", text)
    micros.write("medium.img", "")
    assert micros("build", "box.toml", "--set", "virtualisation.agent=true").status == 0
    folder = micros.directory / "medium"
    folder.mkdir()
    os.rename(micros.directory / "result/root.squashfs", folder / "root.squashfs")
    image = micros.directory / "medium.img"
    tool(toolbox, "genisoimage", "genisoimage", "-quiet", "-R", "-V", "TRIAL_1", "-o", str(image), str(folder))
    done = boot(micros, "cat /proc/mounts; echo changed >/usr/bin/new && cat /usr/bin/new; uname -r")
    assert done.status == 0, done.out + done.err
    assert "/dev/vdb /iso iso9660 ro" in done.out
    assert "root / overlay rw" in done.out
    assert "changed" in done.out
    assert "cloud" not in done.out, "a kernel for all hardware"


@pytest.mark.slow
def test_changes_of_the_root_go_to_the_data_partition(micros: Command) -> None:
    micros.write(
        "box.toml",
        'storage.root.writable = "data"\nstorage.data = {enable = true, device = "/dev/vdb", directories = []}\n'
        'virtualisation.disks = [{file = "data.img"}]\n',
    )
    first = boot(micros, "grep ' / ' /proc/mounts; echo here >/usr/lib/new")
    assert "root / overlay rw" in first.out, first.out + first.err
    assert "here" in boot(micros, "cat /usr/lib/new").out
