"""The outer archive of a package."""

from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.formats.handmade_archives import ar_member

from micros.base.errors import Kind, MicrosError
from micros.formats import ar


def read(data: bytes) -> list[tuple[str, bytes]]:
    return [(found.name, data[found.offset : found.offset + found.size]) for found in ar.members(io.BytesIO(data), len(data))]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(max_size=50), max_size=5))
def test_members_come_back(contents: list[bytes]) -> None:
    data = ar.MAGIC + b"".join(ar_member(b"m%d" % index, content) for index, content in enumerate(contents))
    assert read(data) == [(f"m{index}", content) for index, content in enumerate(contents)]


def test_gnu_names_end_in_a_slash() -> None:
    assert read(ar.MAGIC + ar_member(b"data.tar/", b"x")) == [("data.tar", b"x")]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"!<thin>\n",
        ar.MAGIC + b"short",
        ar.MAGIC + ar_member(b"a", b"xy").replace(b"`\n", b"\n`"),
        ar.MAGIC + ar_member(b"a", b"xy")[:-1],
        ar.MAGIC + ar_member(b"a", b"xy", size=b"-1"),
        ar.MAGIC + ar_member(b"a", b"xy", size=b"0x2"),
        ar.MAGIC + ar_member(b"a", b"xy", size=b""),
        ar.MAGIC + ar_member(b"a", b"xy", size=b"9999999999"),
        ar.MAGIC + ar_member(b"a", b"xy") + b"\n",
        ar.MAGIC + ar_member(b"a", b"") * (ar.MEMBERS_LIMIT + 1),
    ],
)
def test_damage_is_named(data: bytes) -> None:
    with pytest.raises(MicrosError) as caught:
        read(data)
    assert caught.value.kind is Kind.BAD_ARCHIVE


@pytest.mark.parametrize("name", [b"../x", b"/", b"/abs", b"a/b", b""])
def test_unsafe_names_are_refused(name: bytes) -> None:
    with pytest.raises(MicrosError) as caught:
        read(ar.MAGIC + ar_member(name, b"x"))
    assert caught.value.kind is Kind.UNSAFE_MEMBER


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_members_or_an_error_of_ours(data: bytes) -> None:
    with contextlib.suppress(MicrosError):
        read(ar.MAGIC + data)
