"""ext4 file systems, which mke2fs makes of an archive: checked by e2fsck, mounted where the machine allows it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from micros.base.tree import Device, Directory, Entry, File, Symlink, Tree
from micros.debian.tools import SANDBOX_PACKAGE, tools_tree
from micros.debian.universe import Settings, Universe
from micros.machine import host_machine
from micros.plan.artefacts.disk import ext4_image
from micros.store.scheduler import Scheduler
from tests.conftest import Program
from tests.formats.trees import noise


def test_ext4_holds_the_tree_and_is_the_same_bytes_whenever_it_is_made(
    scheduler: Scheduler, program: Program, tmp_path: Path
) -> None:
    store = scheduler.store
    content = noise(300_000)
    entries: dict[str, Entry] = {
        "etc/secret": File(store.add_bytes(content), len(content), 0o600, 7, 70_000),
        "var/lib/state": Directory(0o750, 1000, 1000),
        "link": Symlink("etc/secret"),
        "null": Device("c", 1, 3, 0o666),
    }
    tree = store.add_tree(Tree.of(entries.items()))
    names = ["e2fsprogs", "libarchive13t64", SANDBOX_PACKAGE]
    tools = tools_tree(Universe(scheduler, host_machine(), None, Settings()).closure(names))
    made = []
    for _ in range(2):
        made.append(scheduler.run(ext4_image(tools, tree, "state", 64, "test", {"RUN": str(time.time_ns())})))
        time.sleep(1.1)
    assert made[0] == made[1]
    path = store.path(made[0])
    assert path.stat().st_size == 64 << 20
    assert path.stat().st_blocks * 512 < 3 << 20
    done = subprocess.run([program("e2fsprogs", "e2fsck"), "-n", "-f", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    (tmp_path / "mnt").mkdir()
    mounted = subprocess.run(["mount", "-o", "loop,ro,noload", path, tmp_path / "mnt"], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no mounts here: {mounted.stderr.decode().strip()}")
    try:
        secret = (tmp_path / "mnt/etc/secret").stat()
        assert (secret.st_mode & 0o7777, secret.st_uid, secret.st_gid) == (0o600, 7, 70_000)
        assert (tmp_path / "mnt/etc/secret").read_bytes() == content
        assert (tmp_path / "mnt/var/lib/state").stat().st_uid == 1000
        assert (tmp_path / "mnt").stat().st_uid == 0
        assert os.readlink(tmp_path / "mnt/link") == "etc/secret"
        assert os.stat(tmp_path / "mnt/null").st_rdev == os.makedev(1, 3)
    finally:
        subprocess.run(["umount", tmp_path / "mnt"], check=True)
