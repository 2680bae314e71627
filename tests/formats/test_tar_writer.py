"""The tar writer: Python's own reader and ours read back what it wrote, and so does GNU tar's idea of attributes."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from tests.formats.trees import MemoryBlobs, MemoryJob, trees

from micros.base.capabilities import file_capabilities
from micros.base.errors import Kind, MicrosError
from micros.base.tree import Device, Directory, File, Symlink, Tree
from micros.formats import tar_writer


def members(data: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {member.name: member for member in archive}


@settings(max_examples=30, deadline=None)
@given(trees())
def test_every_tree_is_read_back(made: tuple[Tree, MemoryBlobs]) -> None:
    tree, blobs = made
    data = b"".join(tar_writer.archive(tree, blobs))
    assert data == b"".join(tar_writer.archive(tree, blobs))
    assert len(data) % 512 == 0
    with tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8", errors="surrogateescape") as archive:
        found = {member.name: member for member in archive}
        assert list(found) == list(tree)
        for path, entry in tree.items():
            member = found[path]
            assert (member.uid, member.gid, member.mtime) == (entry.uid, entry.gid, 0)
            match entry:
                case File():
                    content = archive.extractfile(member)
                    assert content is not None
                    assert content.read() == blobs.read(entry.digest)
                    assert member.mode == entry.mode
                case Directory():
                    assert member.isdir()
                    assert member.mode == entry.mode
                case Symlink():
                    assert member.linkname == entry.target
                case Device():
                    assert (member.mode, member.isfifo()) == (entry.mode, entry.type == "p")
                    if entry.type != "p":
                        assert (member.devmajor, member.devminor) == (entry.major, entry.minor)


def test_attributes_and_large_numbers_have_pax_records() -> None:
    blobs = MemoryBlobs()
    capability = file_capabilities("cap_net_raw+ep")
    tree = Tree.of(
        [
            ("ping", blobs.file(b"x", 0o755, xattrs=(("security.capability", capability),))),
            ("theirs", blobs.file(b"y", uid=3_000_000, gid=4_000_000)),
            ("long/" * 30 + "name", blobs.file(b"z")),
        ]
    )
    found = members(b"".join(tar_writer.archive(tree, blobs)))
    kept = found["ping"].pax_headers["SCHILY.xattr.security.capability"]
    assert kept.encode("utf-8", "surrogateescape") == capability
    assert (found["theirs"].uid, found["theirs"].gid) == (3_000_000, 4_000_000)
    assert found["long/" * 30 + "name"].size == 1


def test_a_content_that_is_not_what_the_tree_says() -> None:
    blobs = MemoryBlobs()
    file = blobs.file(b"content")
    for changed in (file._replace(size=6), file._replace(size=8)):
        with pytest.raises(MicrosError) as caught:
            b"".join(tar_writer.archive(Tree.of([("a", changed)]), blobs))
        assert caught.value.kind is Kind.DAMAGED


@pytest.mark.parametrize("compression", ["none", "gzip", "xz"])
def test_the_step_compresses(tmp_path: Path, compression: str) -> None:
    blobs = MemoryBlobs()
    tree = Tree.of([("a", blobs.file(b"a" * 10_000))])
    job = MemoryJob(tmp_path, tree, blobs, {"compression": compression})
    data = job.read(tar_writer.write(job))
    assert members(data)["a"].size == 10_000
    assert (len(data) > 10_000) is (compression == "none")
    (tmp_path / "other").mkdir()
    with pytest.raises(MicrosError) as caught:
        tar_writer.write(MemoryJob(tmp_path / "other", tree, blobs, {"compression": "rar"}))
    assert caught.value.kind is Kind.USAGE
