"""Files with holes: zeros that take no place on the disk, are not read from it and not written to it."""

from __future__ import annotations

import errno
import io
import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_BYTES = 1 << 20
_ZEROS = bytes(CHUNK_BYTES)


def write_sparse(out: BinaryIO, chunk: bytes) -> None:
    """Write a chunk of a new file, at most `CHUNK_BYTES`; one of zeros becomes a hole.

    Whoever is done gives the file its size (`truncate`): it may end in a hole.
    """
    if chunk is _ZEROS or _ZEROS.startswith(chunk):
        out.seek(len(chunk), 1)
    else:
        out.write(chunk)


def chunks_of(stream: io.BufferedIOBase | BinaryIO) -> Iterator[bytes]:
    """A whole content, which nobody has begun to read, in chunks of at most `CHUNK_BYTES`.

    Holes are not read: where the file system says that there is one (lseek(2), SEEK_DATA), its zeros come from here.
    """
    try:
        descriptor = stream.fileno()
    except io.UnsupportedOperation:  # not of a file
        yield from iter(lambda: stream.read(CHUNK_BYTES), b"")
        return
    at, size = 0, os.fstat(descriptor).st_size
    while at < size:
        data = _next(descriptor, at, os.SEEK_DATA, size)
        while at < data:
            count = min(CHUNK_BYTES, data - at)
            at += count
            yield _ZEROS if count == CHUNK_BYTES else bytes(count)
        hole = _next(descriptor, at, os.SEEK_HOLE, size) if at < size else size
        while at < hole:
            chunk = os.pread(descriptor, min(CHUNK_BYTES, hole - at), at)
            if not chunk:
                return  # it became shorter; whoever knows its digest will tell
            at += len(chunk)
            yield chunk


def _next(descriptor: int, at: int, what: int, size: int) -> int:
    """Where the next data or hole begins: at the end, where there is none."""
    try:
        return min(os.lseek(descriptor, at, what), size)
    except OSError as problem:
        if problem.errno != errno.ENXIO:
            raise
        return size
