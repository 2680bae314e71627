"""What a writer copies into an image: contents of the store, checked on the way."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO

from micros.base.errors import damaged
from micros.base.sparse import chunks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from micros.base.digest import Digest
    from micros.base.step import Blobs
    from micros.base.tree import File

_LARGE_BYTES = 4 << 20
"""From here on a thread for the digest is worth its start."""


def pieces(what: str, entry: File, blobs: Blobs) -> Iterator[bytes]:
    """A file's content, in pieces of at most `CHUNK_BYTES`.

    Raises an error of kind `damaged` at its end where it is not what the tree says; `what` names it there.
    """
    if not entry.size:
        return
    with blobs.open(entry.digest) as stream:
        yield from _checked(f"the content of {what}", entry.digest, stream, entry.size)


def blob_pieces(what: str, digest: Digest, blobs: Blobs) -> Iterator[bytes]:
    """A whole blob, as `pieces` gives it."""
    with blobs.open(digest) as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        yield from _checked(what, digest, stream, size)


def _checked(what: str, digest: Digest, stream: BinaryIO, size: int) -> Iterator[bytes]:
    """The chunks of a stream, which must be of this size and digest."""
    hasher = hashlib.sha256()
    left = size
    chunks = chunks_of(stream)
    for chunk in (_beside if size >= _LARGE_BYTES else _before)(hasher, chunks):
        left -= len(chunk)
        if left < 0:
            break
        yield chunk
    if left or hasher.hexdigest() != digest:
        raise damaged(f"{what} ({digest}) is not what its digest says")


def _before(hasher: hashlib._Hash, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks, hashed."""
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk


def _beside(hasher: hashlib._Hash, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks; another thread hashes each while it is written."""
    with ThreadPoolExecutor(1) as other:
        running: Future[None] | None = None
        for chunk in chunks:
            if running is not None:
                running.result()
            running = other.submit(hasher.update, chunk)
            yield chunk
