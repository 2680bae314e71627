"""SHA-256 digests in lower-case hexadecimal: the name of a blob and of everything made of blobs."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NewType

if TYPE_CHECKING:
    from io import BufferedIOBase

Digest = NewType("Digest", str)
"""64 lower-case hexadecimal digits."""

CHUNK_BYTES = 1 << 20


def digest_of(data: bytes | bytearray | memoryview) -> Digest:
    """The digest of some bytes."""
    return Digest(hashlib.sha256(data).hexdigest())


def digest_of_stream(stream: BufferedIOBase) -> Digest:
    """The digest of what is left to read of a stream."""
    hasher = hashlib.sha256()
    buffer = memoryview(bytearray(CHUNK_BYTES))
    while count := stream.readinto(buffer):
        hasher.update(buffer[:count])
    return Digest(hasher.hexdigest())


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys, no spaces, ASCII only: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def digest_of_json(value: object) -> Digest:
    """The digest of a value's canonical JSON."""
    return digest_of(canonical_json(value))
