"""Tar archives, read back by Python's tarfile and by GNU tar; the file systems that mke2fs makes of them."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from tests.conftest import Program
from tests.formats.trees import MemoryBlobs, MemoryJob, noise, trees

from micros.base.errors import Kind, MicrosError
from micros.base.tree import Device, Directory, Entry, File, Symlink, Tree
from micros.debian.tools import SANDBOX_PACKAGE, tools_tree
from micros.debian.universe import Settings, Universe
from micros.formats.tar_archive import tar_archive, write
from micros.machine import host_machine
from micros.plan.artefacts.disk import ext4_image
from micros.store.scheduler import Scheduler

KINDS = {tarfile.REGTYPE: "f", tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l", tarfile.CHRTYPE: "c", tarfile.BLKTYPE: "b",
         tarfile.FIFOTYPE: "p"}  # fmt: skip


def archive(tree: Tree, blobs: MemoryBlobs) -> bytes:
    return b"".join(tar_archive(tree, blobs))


def expected(path: str, entry: Entry, blobs: MemoryBlobs) -> tuple[object, ...]:
    owner = (entry.uid, entry.gid)
    match entry:
        case File():
            return (path, "f", entry.mode, owner, blobs.read(entry.digest), "", (0, 0))
        case Directory():
            return (path, "d", entry.mode, owner, b"", "", (0, 0))
        case Symlink():
            return (path, "l", 0o777, owner, b"", entry.target, (0, 0))
        case Device():
            return (path, entry.type, entry.mode, owner, b"", "", (entry.major, entry.minor))


@settings(max_examples=60, deadline=None)
@given(trees())
def test_every_field_comes_back(made: tuple[Tree, MemoryBlobs]) -> None:
    tree, blobs = made
    data = archive(tree, blobs)
    assert len(data) % 512 == 0
    found: list[tuple[object, ...]] = []
    with tarfile.open(fileobj=io.BytesIO(data), errors="surrogateescape", encoding="utf-8") as reader:
        for member in reader:
            stream = reader.extractfile(member) if member.isreg() else None
            content = stream.read() if stream is not None else b""
            device = (member.devmajor, member.devminor)
            assert member.mtime == 0
            owner = (member.uid, member.gid)
            found.append((member.name, KINDS[member.type], member.mode, owner, content, member.linkname, device))
    assert found == [expected(*item, blobs) for item in tree.items()]
    assert archive(tree, blobs) == data


def test_gnu_tar_extracts_long_names_and_attributes(program: Program, tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    name = "/".join(["a directory of a long name"] * 8) + "/file"
    entries: dict[str, Entry] = {
        name: blobs.file(noise(5000), 0o640, xattrs=(("user.note", b"of\0bytes"),)),
        "link": Symlink("x" * 150),
    }
    job = MemoryJob(tmp_path, Tree.of(entries.items()), blobs, {})
    (tmp_path / "archive.tar").write_bytes(job.read(write(job)))
    (tmp_path / "out").mkdir()
    argv: list[str | Path] = [
        program("tar", "tar"),
        "--xattrs",
        "--xattrs-include=user.*",
        "-xf",
        tmp_path / "archive.tar",
        "-C",
        tmp_path / "out",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert not done.stderr
    assert (tmp_path / "out" / name).read_bytes() == noise(5000)
    assert os.readlink(tmp_path / "out/link") == "x" * 150
    assert os.getxattr(tmp_path / "out" / name, "user.note") == b"of\0bytes"


def test_a_content_that_is_not_what_the_tree_says() -> None:
    blobs = MemoryBlobs()
    entry = blobs.file(b"right")
    blobs.contents[entry.digest] = b"wrong"
    with pytest.raises(MicrosError) as caught:
        archive(Tree.of([("f", entry)]), blobs)
    assert caught.value.kind == Kind.DAMAGED


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
