"""Holes are neither read nor written, and what comes out is what is there."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micros.base.digest import digest_of, digest_of_stream
from micros.base.sparse import CHUNK_BYTES, chunks_of, write_sparse

PARTS = st.lists(st.tuples(st.booleans(), st.integers(1, 2 * CHUNK_BYTES + 5000)), max_size=5)


@settings(max_examples=25, deadline=None)
@given(PARTS)
def test_what_is_written_with_holes_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[bool, int]]
) -> None:
    content = b"".join((b"\0" if is_zero else b"x") * size for is_zero, size in parts)
    path = tmp_path_factory.mktemp("sparse") / "file"
    with path.open("xb") as out:
        for at in range(0, len(content), CHUNK_BYTES):
            write_sparse(out, content[at : at + CHUNK_BYTES])
        out.truncate()
    assert path.read_bytes() == content
    for stream in (path.open("rb"), io.BytesIO(content)):
        with stream:
            assert b"".join(chunks_of(stream)) == content
    with path.open("rb") as file:
        assert digest_of_stream(file) == digest_of(content)


@pytest.mark.parametrize("at", [0, 100 << 20])
def test_a_hole_takes_no_place(tmp_path: Path, at: int) -> None:
    path, copy = tmp_path / "file", tmp_path / "copy"
    with path.open("xb") as out:
        out.seek(at)
        out.write(b"data")
        out.truncate(200 << 20)
    with path.open("rb") as source, copy.open("xb") as out:
        for chunk in chunks_of(source):
            assert len(chunk) <= CHUNK_BYTES
            write_sparse(out, chunk)
        out.truncate()
    assert copy.stat().st_size == 200 << 20
    assert copy.stat().st_blocks * 512 <= CHUNK_BYTES
    with copy.open("rb") as stream:
        stream.seek(at)
        assert stream.read(4) == b"data"
