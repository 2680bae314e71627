"""Random trees, contents in memory, and a job for step programs, to test writers with."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Any, BinaryIO

from hypothesis import strategies as st

from micros.base.digest import Digest, digest_of
from micros.base.errors import Kind, error
from micros.base.tree import Device, Directory, Entry, File, Symlink, Tree
from micros.formats.squashfs_blocks import SpoolCache

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class MemoryBlobs:
    """Contents in memory."""

    def __init__(self) -> None:
        self.contents: dict[Digest, bytes] = {}

    def put(self, data: bytes | bytearray) -> Digest:
        digest = digest_of(data)
        self.contents[digest] = bytes(data)
        return digest

    def file(self, data: bytes, mode: int = 0o644, **fields: Any) -> File:
        return File(self.put(data), len(data), mode, **fields)

    def read(self, digest: Digest) -> bytes:
        try:
            return self.contents[digest]
        except KeyError:
            raise error(Kind.DAMAGED, f"no content {digest}") from None

    def open(self, digest: Digest) -> BinaryIO:
        return io.BytesIO(self.read(digest))


class MemoryJob(MemoryBlobs):
    """A run of a step program, with its results in memory."""

    def __init__(self, scratch: Path, tree: Tree, blobs: MemoryBlobs, parameters: Mapping[str, Any]) -> None:
        super().__init__()
        self.contents = dict(blobs.contents)
        self.inputs: dict[str, Digest] = {"tree": self.put_tree(tree)}
        self.parameters = parameters
        self.scratch = scratch / "scratch"
        self.scratch.mkdir()
        (scratch / "cache").mkdir()
        self.cache = SpoolCache(scratch / "cache")

    def tree(self, digest: Digest) -> Tree:
        return Tree.from_manifest(self.read(digest))

    def put_file(self, path: Path) -> Digest:
        data = path.read_bytes()
        path.unlink()
        return self.put(data)

    def put_tree(self, tree: Tree) -> Digest:
        return self.put(tree.manifest())


def noise(size: int, seed: int = 0) -> bytes:
    """Bytes that no compressor makes smaller."""
    return random.Random(seed).randbytes(size)


_letters = st.characters(exclude_characters="/\0\n\r\\", exclude_categories=["Cs", "Cc"])
_names = st.one_of(
    st.text("abcx._-+ é", min_size=1, max_size=8),
    st.text(_letters, min_size=1, max_size=20),
    st.binary(min_size=1, max_size=5).map(
        lambda raw: (raw.translate(None, b"/\0\n\r\\") + b"\xff").decode("utf-8", "surrogateescape")
    ),
).filter(lambda name: name not in (".", ".."))
_ids = st.sampled_from([0, 0, 0, 1, 1000, 65534, 0xFFFF_FFFE])
_modes = st.integers(0, 0o7777)
_sizes = st.sampled_from([0, 1, 2, 100, 4095, 4096, 4097, 8191, 8192, 8193, 20000])
_targets = st.text("abc/.é", min_size=1, max_size=30)
_seeds = st.integers(0, 3)


def content(size: int, seed: int) -> bytes:
    """Zeros, text, noise, or all of them with a hole."""
    if seed == 0:
        return bytes(size)
    if seed == 1:
        return (b"a line of text that compresses well\n" * (size // 30 + 1))[:size]
    if seed == 2:
        return noise(size)
    return (noise(5000, seed) + bytes(12000) + b"end" * 1000)[:size]


@st.composite
def trees(draw: st.DrawFn, most: int = 25) -> tuple[Tree, MemoryBlobs]:
    """A tree of every kind of entry, and its contents. Minor numbers end where unsquashfs can still print them."""
    blobs = MemoryBlobs()
    directories = [""]
    entries: dict[str, Entry] = {}
    for _ in range(draw(st.integers(0, most))):
        parent = draw(st.sampled_from(directories))
        path = f"{parent}/{draw(_names)}".lstrip("/")
        if path in entries:
            continue
        owner = (draw(_ids), draw(_ids))
        kind = draw(st.sampled_from("fffddlcbp"))
        if kind == "f":
            data = content(draw(_sizes), draw(_seeds))
            entries[path] = File(blobs.put(data), len(data), draw(_modes), *owner)
        elif kind == "d":
            entries[path] = Directory(draw(_modes), *owner)
            directories.append(path)
        elif kind == "l":
            entries[path] = Symlink(draw(_targets), *owner)
        else:
            major, minor = (0, 0) if kind == "p" else (draw(st.integers(0, 4095)), draw(st.integers(0, 255)))
            entries[path] = Device(kind, major, minor, draw(_modes), *owner)
    return Tree.of(entries.items()), blobs
