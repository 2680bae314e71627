"""newc archives, read back by cpio and by a reader that follows the specification."""

from __future__ import annotations

import gzip
import lzma
import subprocess
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given, settings
from tests.formats.trees import MemoryBlobs, MemoryJob, noise, trees

from micros.base.errors import Kind, MicrosError
from micros.base.tree import Device, Directory, File, Symlink, Tree
from micros.formats.cpio import newc_archive, write

if TYPE_CHECKING:
    from pathlib import Path

    from micros.base.tree import Entry

TYPES = {"c": 0o020000, "b": 0o060000, "p": 0o010000}


def archive(tree: Tree, blobs: MemoryBlobs) -> bytes:
    return b"".join(newc_archive(tree, blobs))


def parsed(data: bytes) -> list[tuple[object, ...]]:
    """Name, mode, uid, gid, device and content of every member (buffer-format.rst)."""
    found: list[tuple[object, ...]] = []
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * index : at + 14 + 8 * index], 16) for index in range(13)]
        inode, mode, uid, gid, _, mtime, size, _, _, major, minor, name_size, _ = fields
        name = data[at + 110 : at + 110 + name_size - 1]
        at = -(-(at + 110 + name_size) // 4) * 4
        content = data[at : at + size]
        at = -(-(at + size) // 4) * 4
        if name == b"TRAILER!!!":
            assert not data[at:].strip(b"\0")
            return found
        assert mtime == 0
        assert inode == len(found) + 1
        found.append((name, mode, uid, gid, major, minor, content))


def expected(path: str, entry: Entry, blobs: MemoryBlobs) -> tuple[object, ...]:
    name, owner = path.encode("utf-8", "surrogateescape"), (entry.uid, entry.gid)
    match entry:
        case File():
            return (name, 0o100000 | entry.mode, *owner, 0, 0, blobs.read(entry.digest))
        case Directory():
            return (name, 0o040000 | entry.mode, *owner, 0, 0, b"")
        case Symlink():
            return (name, 0o120777, *owner, 0, 0, entry.target.encode("utf-8", "surrogateescape"))
        case Device():
            return (name, TYPES[entry.type] | entry.mode, *owner, entry.major, entry.minor, b"")


@settings(max_examples=60, deadline=None)
@given(trees())
def test_every_field_comes_back(made: tuple[Tree, MemoryBlobs]) -> None:
    tree, blobs = made
    data = archive(tree, blobs)
    assert len(data) % 512 == 0
    assert parsed(data) == [expected(*item, blobs) for item in tree.items()]
    assert archive(tree, blobs) == data


@settings(max_examples=15, deadline=None)
@given(trees())
def test_cpio_lists_it(cpio: str, made: tuple[Tree, MemoryBlobs]) -> None:
    tree, blobs = made
    done = subprocess.run([cpio, "-it", "--quiet"], input=archive(tree, blobs), capture_output=True, check=True)
    assert not done.stderr
    names = [path.encode("utf-8", "surrogateescape") for path in tree]
    assert done.stdout == b"".join(name + b"\n" for name in names)


def test_cpio_extracts_it(cpio: str, tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    entries: dict[str, Entry] = {
        "bin/tool": blobs.file(noise(100_001), 0o755),
        "etc/empty": blobs.file(b""),
        "init": Symlink("bin/tool"),
    }
    tree = Tree.of(entries.items())
    subprocess.run([cpio, "-id", "--quiet"], input=archive(tree, blobs), cwd=tmp_path, check=True)
    assert (tmp_path / "init").read_bytes() == noise(100_001)
    assert (tmp_path / "bin/tool").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "etc/empty").read_bytes() == b""


SMALL = {"a": b"a" * 10_000, "b/c": b"content of c"}


def unpacked(data: bytes, compression: str) -> bytes:
    match compression:
        case "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(data)
        case "xz":
            assert data[7] == 1, "the kernel checks CRC32 only"
            return lzma.decompress(data)
        case "gzip":
            return gzip.decompress(data)
    return data


@pytest.mark.parametrize("compression", ["zstd", "xz", "gzip", "none"])
def test_step_program(tmp_path: Path, compression: str) -> None:
    blobs = MemoryBlobs()
    tree = Tree.of((path, blobs.file(data)) for path, data in SMALL.items())
    job = MemoryJob(tmp_path, tree, blobs, {"compression": compression})
    assert unpacked(job.read(write(job)), compression) == archive(tree, blobs)


def test_finished_archives_come_first(tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    tree = Tree.of((path, blobs.file(data)) for path, data in SMALL.items())
    job = MemoryJob(tmp_path, tree, blobs, {"compression": "none", "prepend": ["microcode", "modules"]})
    job.inputs["microcode"] = job.put(b"first" * 3)
    job.inputs["modules"] = job.put(b"next")
    assert job.read(write(job)) == b"first" * 3 + b"\0" + b"next" + archive(tree, blobs)


@pytest.mark.parametrize("parameters", [{"compression": "lz4"}, {"level": 40}, {"compression": "gzip", "level": 19}])
def test_what_it_cannot_do(tmp_path: Path, parameters: dict[str, object]) -> None:
    job = MemoryJob(tmp_path, Tree({}), MemoryBlobs(), parameters)
    with pytest.raises(MicrosError) as caught:
        write(job)
    assert caught.value.kind is Kind.USAGE


@pytest.mark.parametrize(
    ("path", "entry", "kind"),
    [
        ("TRAILER!!!", Directory(), Kind.BAD_TREE),
        ("big", File(MemoryBlobs().put(b""), 1 << 32), Kind.DOES_NOT_FIT),
        ("owner", Directory(uid=1 << 32), Kind.DOES_NOT_FIT),
    ],
)
def test_what_newc_has_no_room_for(path: str, entry: Entry, kind: Kind) -> None:
    with pytest.raises(MicrosError) as caught:
        archive(Tree.of([(path, entry)]), MemoryBlobs())
    assert caught.value.kind is kind


def test_content_of_another_length() -> None:
    blobs = MemoryBlobs()
    for size in (9, 11):
        entry = blobs.file(b"0123456789")._replace(size=size)
        with pytest.raises(MicrosError) as caught:
            archive(Tree.of([("a", entry)]), blobs)
        assert caught.value.kind is Kind.DAMAGED
