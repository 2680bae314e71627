"""The squashfs writer, read back by squashfs-tools and, where the machine allows it, by the kernel."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from tests.formats.trees import MemoryBlobs, MemoryJob, noise, trees

from micros.base.digest import digest_of
from micros.base.errors import Kind, MicrosError
from micros.base.tree import Device, Directory, Entry, File, Symlink, Tree
from micros.formats.squashfs import Options, build, write
from micros.formats.squashfs_blocks import SpoolCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.base.step import BlockCache
    from micros.formats.compress import Compression

QUICK = Options("zstd", 1, 4096)
COMPRESSIONS: list[Compression] = ["zstd", "xz", "gzip"]
KINDS = {"-": "f", "d": "d", "l": "l", "c": "c", "b": "b", "p": "p"}
LINE = re.compile(rb"(.)(\S{9}) (\d+)/(\d+) +(\d+)(?:, *(\d+))? (\d{4}-\d\d-\d\d \d\d:\d\d) root(?:/(.*))?", re.DOTALL)


def image_of(tree: Tree, blobs: MemoryBlobs, options: Options = QUICK, cache: BlockCache | None = None) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "image"
        build(tree, blobs, out, options, cache)
        return out.read_bytes()


def run(*command: str | bytes | Path) -> bytes:
    done = subprocess.run(command, capture_output=True, check=False, env={**os.environ, "TZ": "UTC"})
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def permissions(mode: int) -> str:
    return stat.filemode(stat.S_IFREG | mode)[1:]


def expected_line(path: str, entry: Entry) -> tuple[object, ...]:
    name = path.encode("utf-8", "surrogateescape")
    owner = (entry.uid, entry.gid)
    match entry:
        case File():
            return (name, "f", permissions(entry.mode), *owner, entry.size)
        case Directory():
            return (name, "d", permissions(entry.mode), *owner)
        case Symlink():
            target = entry.target.encode("utf-8", "surrogateescape")
            return (name + b" -> " + target, "l", "rwxrwxrwx", *owner, len(target))
        case Device():
            numbers = () if entry.type == "p" else (entry.major, entry.minor)
            return (name, entry.type, permissions(entry.mode), *owner, *numbers)


def listed(unsquashfs: str, image: Path) -> list[tuple[object, ...]]:
    """What `unsquashfs -lln` says of every entry but the root."""
    found: list[tuple[object, ...]] = []
    for line in run(unsquashfs, "-q", "-lln", "-d", "root", image).split(b"\n"):
        if not line:
            continue
        match = LINE.fullmatch(line)
        assert match is not None, line
        letter, mode, uid, gid, number, minor, _, name = match.groups()
        if name is None:
            continue
        kind = KINDS[letter.decode()]
        sizes: tuple[int, ...] = ()
        if kind in "fl":
            sizes = (int(number),)
        elif kind in "cb":
            sizes = (int(number), int(minor))
        found.append((name, kind, mode.decode(), int(uid), int(gid), *sizes))
    return found


def contents(unsquashfs: str, image: Path, tree: Tree) -> bytes:
    """All files, one after the other in the tree's order."""
    paths = [path.encode("utf-8", "surrogateescape") for path, entry in tree.items() if isinstance(entry, File)]
    return run(unsquashfs, "-no-wildcards", "-cat", image, *paths) if paths else b""


def check(unsquashfs: str, image: bytes, tree: Tree, blobs: MemoryBlobs) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(image)
        file.flush()
        path = Path(file.name)
        key = repr
        assert sorted(listed(unsquashfs, path), key=key) == sorted((expected_line(*item) for item in tree.items()), key=key)
        data = b"".join(blobs.read(entry.digest) for entry in tree.values() if isinstance(entry, File))
        assert contents(unsquashfs, path, tree) == data


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees())
def test_is_read_back_by_unsquashfs(unsquashfs: str, made: tuple[Tree, MemoryBlobs]) -> None:
    tree, blobs = made
    image = image_of(tree, blobs)
    assert len(image) % 4096 == 0
    check(unsquashfs, image, tree, blobs)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(trees(), trees())
def test_same_bytes_whatever_is_cached(first: tuple[Tree, MemoryBlobs], second: tuple[Tree, MemoryBlobs]) -> None:
    cold = image_of(*first)
    with tempfile.TemporaryDirectory() as directory:
        cache = SpoolCache(Path(directory))
        image_of(*second, cache=cache)
        assert image_of(*first, cache=cache) == cold
        assert image_of(*first, cache=cache) == cold


@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("block_bytes", [4096, 131072, 1 << 20])
def test_every_compression_and_block_size(unsquashfs: str, compression: Compression, block_bytes: int) -> None:
    blobs = MemoryBlobs()
    python = Path(os.path.realpath("/proc/self/exe")).read_bytes()[:1_500_000]
    tree = Tree.of(
        {
            "usr/bin/python": blobs.file(python, 0o755),
            "usr/bin/again": blobs.file(python, 0o755),
            "usr/bin/small": blobs.file(python[:3000], 0o4755),
            "noise": blobs.file(noise(300_000)),
            "hole": blobs.file(bytes(3_000_000) + b"end"),
            "nothing": blobs.file(b""),
            "zeros": blobs.file(bytes(2 << 20)),
            **{f"texts/{number}": blobs.file(b"text %d\n" % number * 50) for number in range(200)},
        }.items()
    )
    check(unsquashfs, image_of(tree, blobs, Options(compression, 0, block_bytes)), tree, blobs)


@pytest.mark.parametrize("count", [255, 256, 257, 3000])
def test_large_directories(unsquashfs: str, count: int) -> None:
    blobs = MemoryBlobs()
    tree = Tree.of((f"d/{number:05}-a-name-of-some-length", blobs.file(b"%d" % number)) for number in range(count))
    check(unsquashfs, image_of(tree, blobs), tree, blobs)


def test_duplicates_are_stored_once() -> None:
    blobs = MemoryBlobs()
    file = blobs.file(noise(1_000_000))
    once = image_of(Tree.of([("a", file)]), blobs)
    twice = image_of(Tree.of([("a", file), ("b", file)]), blobs)
    assert len(twice) - len(once) <= 4096


def test_contents_over_several_segments(unsquashfs: str) -> None:
    blobs = MemoryBlobs()
    data = noise(9 << 20) + bytes(17 << 20) + noise(100, 1)
    tree = Tree.of([("big", blobs.file(data)), ("all-zero", blobs.file(bytes(20 << 20)))])
    check(unsquashfs, image_of(tree, blobs, Options("zstd", 1)), tree, blobs)


def test_time_and_root() -> None:
    image = image_of(Tree({}), MemoryBlobs(), Options("zstd", 1, mtime=1_700_000_000))
    assert int.from_bytes(image[8:12], "little") == 1_700_000_000
    assert image[:4] == b"hsqs"


def test_lost_packs_are_made_again(tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    tree = Tree.of([("big", blobs.file(noise(50_000))), ("small", blobs.file(b"small"))])
    cache = SpoolCache(tmp_path)
    cold = image_of(tree, blobs, cache=cache)
    for pack in tmp_path.iterdir():
        pack.unlink()
    cache.put({digest_of(b"x"): b"x"})
    assert image_of(tree, blobs, cache=cache) == cold


def test_short_content_is_an_error() -> None:
    for size in (100, 10_000):
        blobs = MemoryBlobs()
        file = blobs.file(noise(size))
        blobs.contents[file.digest] = noise(size)[:-1]
        with pytest.raises(MicrosError) as caught:
            image_of(Tree.of([("a", file)]), blobs)
        assert caught.value.kind is Kind.DAMAGED


@pytest.mark.parametrize(
    "fields",
    [
        {"compression": "lzo"},
        {"level": 99},
        {"level": -1},
        {"block_bytes": 2048},
        {"block_bytes": 5000},
        {"block_bytes": 2 << 20},
        {"mtime": -1},
        {"mtime": 1 << 32},
    ],
)
def test_options_squashfs_does_not_have(fields: dict[str, int]) -> None:
    with pytest.raises(MicrosError) as caught:
        Options(**fields)  # type: ignore[arg-type]
    assert caught.value.kind is Kind.USAGE


@pytest.mark.parametrize("name", ["system.posix_acl_access", "user.", "trusted"])
def test_attributes_squashfs_does_not_keep(name: str) -> None:
    blobs = MemoryBlobs()
    with pytest.raises(MicrosError) as caught:
        image_of(Tree.of([("a", blobs.file(b"", xattrs=((name, b"x"),)))]), blobs)
    assert caught.value.kind is Kind.BAD_TREE


def test_owners_beyond_32_bits() -> None:
    with pytest.raises(MicrosError) as caught:
        image_of(Tree.of([("a", Directory(uid=1 << 32))]), MemoryBlobs())
    assert caught.value.kind is Kind.DOES_NOT_FIT


def test_step_program(tmp_path: Path, unsquashfs: str) -> None:
    blobs = MemoryBlobs()
    tree = Tree.of([("etc/motd", blobs.file(b"hello\n"))])
    job = MemoryJob(tmp_path, tree, blobs, {"compression": "gzip", "level": 6, "block_bytes": 65536, "mtime": 5})
    check(unsquashfs, job.read(write(job)), tree, blobs)


def test_the_kernel_reads_it(tmp_path: Path, mounted: Callable[[Path], Path]) -> None:
    blobs = MemoryBlobs()
    attributes = (("security.capability", bytes.fromhex("0100000200200000000000000000000000000000")), ("user.a", b"b"))
    names = [f"many/{number:04}" for number in range(5000)]
    entries: dict[str, Entry] = {name: blobs.file(name.encode()) for name in names}
    entries |= {
        "big": blobs.file(noise(700_000) + bytes(800_000) + b"end", 0o4755, uid=7, gid=8, xattrs=attributes),
        "plain": blobs.file(b"x" * 5000, xattrs=attributes[1:]),
        "many": Directory(0o1777, 3, 4, attributes[1:]),
        "code": blobs.file(Path("/proc/self/exe").read_bytes()[:900_000], 0o755),
        "link": Symlink("many/0001"),
        "null": Device("c", 1, 3, 0o666),
        "disk": Device("b", 259, 70000, 0o660, 0, 6),
        "b\udcffytes": blobs.file(b"bytes"),
    }
    tree = Tree.of(entries.items())
    for compression in COMPRESSIONS:
        image = tmp_path / f"image.{compression}"
        build(tree, blobs, image, Options(compression, 1))
        point = mounted(image)
        assert sorted(os.listdir(point / "many")) == [name[5:] for name in names]
        for path, entry in tree.items():
            there = point / path
            status = os.lstat(there)
            assert (status.st_uid, status.st_gid) == (entry.uid, entry.gid)
            if isinstance(entry, File):
                assert there.read_bytes() == blobs.read(entry.digest)
            if isinstance(entry, File | Directory):
                assert tuple((name, os.getxattr(there, name)) for name in sorted(os.listxattr(there))) == entry.xattrs
                assert stat.S_IMODE(status.st_mode) == entry.mode
            if isinstance(entry, Device):
                assert (os.major(status.st_rdev), os.minor(status.st_rdev)) == (entry.major, entry.minor)
        assert os.readlink(point / "link") == "many/0001"
        assert (point / "big").stat().st_blocks < 2000
        assert (point / "link").read_bytes() == b"many/0001"
