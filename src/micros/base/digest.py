"""SHA-256 digests in lower-case hexadecimal: the name of a blob and of everything made of blobs."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NewType

from micros.base.sparse import CHUNK_BYTES as CHUNK_BYTES
from micros.base.sparse import chunks_of

if TYPE_CHECKING:
    from io import BufferedIOBase

Digest = NewType("Digest", str)
"""64 lower-case hexadecimal digits."""


def digest_of(data: bytes | bytearray | memoryview) -> Digest:
    """The digest of some bytes."""
    return Digest(hashlib.sha256(data).hexdigest())


def digest_of_stream(stream: BufferedIOBase) -> Digest:
    """The digest of a content that nobody has begun to read."""
    hasher = hashlib.sha256()
    for chunk in chunks_of(stream):
        hasher.update(chunk)
    return Digest(hasher.hexdigest())


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys, no spaces, ASCII only: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def digest_of_json(value: object) -> Digest:
    """The digest of a value's canonical JSON."""
    return digest_of(canonical_json(value))
