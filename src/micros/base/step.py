"""What a step program is given: its inputs, a place to work and a cache of what it compressed before.

A step program is a function `program(job: Job) -> Digest` that a step names by `module:function`. It reads nothing but
what the job hands it, so its result depends on nothing else, and the digest of the step can stand for its result.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from micros.base.digest import Digest
    from micros.base.tree import Tree


class Blobs(Protocol):
    """Contents by digest."""

    def read(self, digest: Digest) -> bytes:
        """A whole content. Raises an error of kind `damaged` where it is missing or does not match its digest."""
        ...

    def open(self, digest: Digest) -> BinaryIO:
        """A content to read from."""
        ...


class BlockCache(Protocol):
    """Small derived values by key, kept as long as there is room; losing one costs time, never correctness.

    Values live in packs: immutable files, one for each call of `put`, so that neighbours can be copied in one go.
    """

    def locate(self, keys: Iterable[Digest]) -> Mapping[Digest, tuple[Path, int, int]]:
        """Pack file, offset and length of every key that is known."""
        ...

    def put(self, values: Mapping[Digest, bytes]) -> Mapping[Digest, tuple[Path, int, int]]:
        """Keep these values in a new pack, in the mapping's order; returns where they lie."""
        ...


class Job(Blobs, Protocol):
    """One run of a step program."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The step's parameters, JSON values."""
        ...

    @property
    def inputs(self) -> Mapping[str, Digest]:
        """The results of the steps and blobs this step takes, by role."""
        ...

    @property
    def scratch(self) -> Path:
        """An empty directory of this run's own, on the store's file system."""
        ...

    @property
    def cache(self) -> BlockCache:
        """Compressed blocks kept between builds."""
        ...

    def tree(self, digest: Digest) -> Tree:
        """A tree that is an input or was put before."""
        ...

    def put(self, data: bytes | bytearray) -> Digest:
        """Keep a content."""
        ...

    def put_file(self, path: Path) -> Digest:
        """Keep a file of the scratch directory, which moves away."""
        ...

    def put_tree(self, tree: Tree) -> Digest:
        """Keep a tree (its contents were put before)."""
        ...
