"""What neither squashfs nor newc can hold is an error, not a traceback or a broken image."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.formats.trees import MemoryBlobs, MemoryJob

from micros.base.errors import Kind, MicrosError
from micros.base.tree import Device, Directory, Entry, Symlink, Tree
from micros.formats import cpio, squashfs

if TYPE_CHECKING:
    from collections.abc import Callable


def image(tree: Tree, blobs: MemoryBlobs) -> None:
    with tempfile.TemporaryDirectory() as directory:
        squashfs.build(tree, blobs, Path(directory, "image"), squashfs.Options("zstd", 1))


def archive(tree: Tree, blobs: MemoryBlobs) -> None:
    for _ in cpio.newc_archive(tree, blobs):
        pass


@pytest.mark.parametrize("writer", [image, archive])
@pytest.mark.parametrize(
    "entry",
    [
        Symlink(""),
        Symlink("x" * 4096),
        Symlink("a\0b"),
        Device("s"),
        Device("c", 4096, 0),
        Device("b", 0, 1 << 20),
        Device("c", -1, 0),
    ],
)
def test_impossible_entries(writer: Callable[[Tree, MemoryBlobs], None], entry: Entry) -> None:
    with pytest.raises(MicrosError) as caught:
        writer(Tree.of([("a", entry)]), MemoryBlobs())
    assert caught.value.kind is Kind.BAD_TREE


@pytest.mark.parametrize("writer", [image, archive])
@pytest.mark.parametrize("entry", [Directory(uid=-1), Directory(gid=1 << 32)])
def test_impossible_owners(writer: Callable[[Tree, MemoryBlobs], None], entry: Entry) -> None:
    with pytest.raises(MicrosError) as caught:
        writer(Tree.of([("a", entry)]), MemoryBlobs())
    assert caught.value.kind is Kind.DOES_NOT_FIT


@pytest.mark.parametrize("sizes", [(5, 6), (5, 1 << 20), (5, -1)])
def test_one_content_of_two_sizes(sizes: tuple[int, int]) -> None:
    blobs = MemoryBlobs()
    file = blobs.file(b"12345")
    with pytest.raises(MicrosError) as caught:
        image(Tree.of((str(size), file._replace(size=size)) for size in sizes), blobs)
    assert caught.value.kind is Kind.BAD_TREE


@pytest.mark.parametrize("program", [squashfs.write, cpio.write])
@pytest.mark.parametrize("parameters", [{"speed": 1}, {"level": "9"}, {"level": 1.5}, {"compression": "lzo"}])
def test_impossible_parameters(tmp_path: Path, program: Callable[[MemoryJob], Any], parameters: dict[str, Any]) -> None:
    with pytest.raises(MicrosError) as caught:
        program(MemoryJob(tmp_path, Tree({}), MemoryBlobs(), parameters))
    assert caught.value.kind is Kind.USAGE
