"""What a writer copies into an image: contents of the store, checked on the way."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from micros.base.digest import CHUNK_BYTES
from micros.base.errors import damaged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from micros.base.digest import Digest
    from micros.base.step import Blobs
    from micros.base.tree import File


def pieces(what: str, entry: File, blobs: Blobs) -> Iterator[bytes]:
    """A file's content, in pieces of at most `CHUNK_BYTES`.

    Raises an error of kind `damaged` at its end where it is not what the tree says; `what` names it there.
    """
    left = entry.size
    hasher = hashlib.sha256()
    if not left:
        return
    with blobs.open(entry.digest) as stream:
        while left and (chunk := stream.read(min(left, CHUNK_BYTES))):
            left -= len(chunk)
            hasher.update(chunk)
            yield chunk
        if left or stream.read(1) or hasher.hexdigest() != entry.digest:
            raise damaged(f"the content of {what} ({entry.digest}) is not what the tree says")


def blob_pieces(what: str, digest: Digest, blobs: Blobs) -> Iterator[bytes]:
    """A whole blob, as `pieces` gives it."""
    hasher = hashlib.sha256()
    with blobs.open(digest) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            hasher.update(chunk)
            yield chunk
    if hasher.hexdigest() != digest:
        raise damaged(f"{what} ({digest}) is not what its digest says")
