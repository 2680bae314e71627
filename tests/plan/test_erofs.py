"""EROFS images: read back by fsck.erofs, every owner, mode, attribute, device and hole; the same bytes again."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings

from micros.base.capabilities import file_capabilities
from micros.base.tree import Device, Directory, Entry, File, Symlink, Tree
from micros.debian.tools import SANDBOX_PACKAGE, tools_tree
from micros.debian.universe import Settings, Universe
from micros.machine import host_machine
from micros.plan.artefacts.erofs import TOOLS, erofs_image
from tests.formats.trees import MemoryBlobs, content, noise, trees

if TYPE_CHECKING:
    from micros.store.scheduler import Scheduler
    from micros.store.step import Step
    from tests.conftest import Command, Program

USUAL = {"compression": "lz4hc", "level": 0, "cluster_size": 64}


@pytest.fixture(scope="module")
def tools(scheduler: Scheduler) -> Step:
    return tools_tree(Universe(scheduler, host_machine(), None, Settings()).closure([*TOOLS, SANDBOX_PACKAGE]))


@pytest.fixture(scope="module")
def fsck(program: Program) -> str:
    return program("erofs-utils", "fsck.erofs")


def made(scheduler: Scheduler, tools: Step, tree: Tree, blobs: MemoryBlobs, options: dict[str, Any], **environment: str) -> Path:
    store = scheduler.store
    for data in blobs.contents.values():
        store.add_bytes(data)
    return store.path(scheduler.run(erofs_image(tools, store.add_tree(tree), options, "test", environment)))


def every_kind() -> tuple[Tree, MemoryBlobs]:
    blobs = MemoryBlobs()
    capable = (("security.capability", file_capabilities("cap_net_raw+ep")), ("user.note", b"\x00\xffbytes"))
    entries: dict[str, Entry] = {
        "usr": Directory(0o755),
        "usr/bin": Directory(0o1777, 3, 4),
        "usr/bin/ping": blobs.file(noise(200_000), 0o755, xattrs=capable),
        "usr/bin/su": blobs.file(b"su" * 40_000, 0o4755, uid=0, gid=1000),
        "usr/bin/same": blobs.file(b"su" * 40_000, 0o600, uid=65_534, gid=4_000_000_000),
        "usr/empty": blobs.file(b"", 0o400),
        "usr/sparse": blobs.file(bytes(3_000_000) + b"end" + bytes(500_000)),
        "usr/" + "long" * 50: blobs.file(content(20_000, 3)),
        "usr/link": Symlink("../" + "x" * 300, 7, 8),
        "dev": Directory(0o700, xattrs=(("user.of", b"a directory"),)),
        "dev/null": Device("c", 1, 3, 0o666),
        "dev/disk": Device("b", 253, 300, 0o660, 0, 6),
        "dev/pipe": Device("p", 0, 0, 0o622),
    }
    entries |= {f"many/{number}": blobs.file(str(number).encode()) for number in range(300)}
    return Tree.of(sorted({"many": Directory(0o755), **entries}.items())), blobs


def differences(tree: Tree, root: Path, other: Path, blobs: MemoryBlobs) -> list[str]:
    """Paths at which a directory is not what the tree says; `other` has the extended attributes."""
    found = {os.fsdecode(path.relative_to(root)) for path in root.rglob("*")}
    wrong = sorted(found ^ set(tree))
    for path, entry in tree.items():
        if path in found and (have := seen(root / path, other / path)) != (want := wanted(entry, blobs)):
            wrong.append(f"{path}: {have!r:.200} is not {want!r:.200}")
    return wrong


def seen(path: Path, other: Path) -> tuple[object, ...]:
    one = path.lstat()
    owner = (one.st_uid, one.st_gid)
    if stat.S_ISLNK(one.st_mode):
        return ("link", os.readlink(path), *owner)
    attributes = {name: os.getxattr(other, name) for name in os.listxattr(other)}
    kind = stat.S_IFMT(one.st_mode)
    data: object = path.read_bytes() if stat.S_ISREG(one.st_mode) else None
    device = (os.major(one.st_rdev), os.minor(one.st_rdev)) if kind in (stat.S_IFCHR, stat.S_IFBLK) else (0, 0)
    return (kind, stat.S_IMODE(one.st_mode), *owner, attributes, data, device, one.st_mtime)


def wanted(entry: Entry, blobs: MemoryBlobs) -> tuple[object, ...]:
    if isinstance(entry, Symlink):
        return ("link", entry.target, entry.uid, entry.gid)
    kinds = {"c": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}
    if isinstance(entry, Device):
        device = (0, 0) if entry.type == "p" else (entry.major, entry.minor)
        return (kinds[entry.type], entry.mode, entry.uid, entry.gid, {}, None, device, 0.0)
    kind, data = (stat.S_IFREG, blobs.read(entry.digest)) if isinstance(entry, File) else (stat.S_IFDIR, None)
    return (kind, entry.mode, entry.uid, entry.gid, dict(entry.xattrs), data, (0, 0), 0.0)


def check(fsck: str, image: Path, tree: Tree, blobs: MemoryBlobs, place: Path) -> None:
    subprocess.run([fsck, "--extract", image], check=True, capture_output=True)  # reads everything, and writes nothing
    if os.geteuid() == 0:
        place.mkdir()
        subprocess.run([fsck, f"--extract={place}/a", "--preserve", "--xattrs", image], check=True, capture_output=True)
        # Linux takes capabilities from a file that gets another owner, so they are looked for where none got one.
        subprocess.run([fsck, f"--extract={place}/b", "--no-preserve", "--xattrs", image], check=True, capture_output=True)
        assert differences(tree, place / "a", place / "b", blobs) == []


@pytest.mark.parametrize("compression", ["lzma", "lz4hc", "zstd", "deflate", "none"])
def test_nothing_is_lost(scheduler: Scheduler, tools: Step, fsck: str, tmp_path: Path, compression: str) -> None:
    tree, blobs = every_kind()
    options = {"compression": compression, "level": 3 if compression == "zstd" else 0, "cluster_size": 128}
    image = made(scheduler, tools, tree, blobs, options)
    check(fsck, image, tree, blobs, tmp_path / "out")
    assert (image.stat().st_size < 1_500_000) == (compression != "none")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees(12))
def test_any_tree(
    scheduler: Scheduler, tools: Step, fsck: str, tmp_path_factory: pytest.TempPathFactory, given: tuple[Tree, MemoryBlobs]
) -> None:
    tree, blobs = given
    check(fsck, made(scheduler, tools, tree, blobs, USUAL), tree, blobs, tmp_path_factory.mktemp("tree") / "out")


def test_the_same_bytes_again(scheduler: Scheduler, tools: Step) -> None:
    tree, blobs = every_kind()
    assert made(scheduler, tools, tree, blobs, USUAL) == made(scheduler, tools, tree, blobs, USUAL, TZ="Asia/Tokyo", ROUND="2")


def test_the_target_and_what_it_refuses(micros: Command, fsck: str) -> None:
    micros.write("small.toml", 'images.erofs = { compression = "lz4hc", level = 9, cluster_size = 16 }\n')
    done = micros("build", "small.toml", "erofs_image")
    assert done.status == 0, done.err
    subprocess.run([fsck, "--extract", micros.directory / "result/root.erofs"], check=True, capture_output=True)
    done = micros("build", "small.toml", "erofs_image", "--json", "--set", "images.erofs.level=13")
    assert done.kinds == ["assertion"]
    assert "1 to 12" in done.errors[0]["message"]
