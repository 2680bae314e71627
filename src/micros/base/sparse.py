"""Writing files with holes: zeros that need no place on the disk."""

from __future__ import annotations

from typing import BinaryIO

from micros.base.digest import CHUNK_BYTES

_ZEROS = bytes(CHUNK_BYTES)


def write_sparse(out: BinaryIO, chunk: bytes) -> None:
    """Write a chunk of a new file, at most `CHUNK_BYTES`; one of zeros becomes a hole.

    Whoever is done gives the file its size (`truncate`): it may end in a hole.
    """
    if _ZEROS.startswith(chunk):
        out.seek(len(chunk), 1)
    else:
        out.write(chunk)
