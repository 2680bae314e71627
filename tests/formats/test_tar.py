"""The tar reader: what other writers make, and what attackers do."""

from __future__ import annotations

import contextlib
import io
import tarfile
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.formats.handmade_archives import END, pax, tar_header, tar_member

from micros.base.errors import Kind, MicrosError
from micros.formats import tar


def read(data: bytes) -> list[tuple[str, str, bytes | bytearray, str]]:
    found = []
    for header, content in tar.read(io.BytesIO(data)):
        found.append((header.name, header.type, content() if header.type == "0" else b"", header.link))
    return found


def kind_of(data: bytes) -> Kind:
    with pytest.raises(MicrosError) as caught:
        read(data)
    return caught.value.kind


_names = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=150)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(_names, st.binary(max_size=1200), max_size=4), st.sampled_from(["gnu", "pax"]))
def test_what_pythons_writer_makes_is_read(files: dict[str, bytes], style: str) -> None:
    buffer = io.BytesIO()
    layout = tarfile.GNU_FORMAT if style == "gnu" else tarfile.PAX_FORMAT
    with tarfile.open(fileobj=buffer, mode="w", format=layout) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    assert read(buffer.getvalue()) == [(name, "0", data, "") for name, data in files.items()]


def test_an_unread_content_is_skipped() -> None:
    data = tar_member("a", b"x" * 600) + tar_member("b", b"y") + END
    assert [header.name for header, _ in tar.read(io.BytesIO(data))] == ["a", "b"]


def test_pax_size_and_names_win_and_last_for_one_member() -> None:
    long = "d/" * 200 + "x"
    data = pax(path=long, linkpath="t", size="3") + tar_header("short") + b"abc".ljust(512, b"\0") + tar_member("b") + END
    assert read(data) == [(long, "0", b"abc", "t"), ("b", "0", b"", "")]


def test_names_that_are_not_utf8_are_kept() -> None:
    assert read(tar_member(b"a\xff") + END)[0][0] == "a\udcff"


def test_base_256_sizes_are_read() -> None:
    assert read(tar_header("a", b"\x80" + (3).to_bytes(11, "big")) + b"abc".ljust(512, b"\0") + END)[0][2] == b"abc"


@pytest.mark.parametrize("cut", [0, 1, 100, 511, 512, 513, 1000, 1024])
def test_a_cut_archive_is_bad(cut: int) -> None:
    data = tar_member("a", b"x" * 300) + END
    assert kind_of(data[:cut]) is Kind.BAD_ARCHIVE


@pytest.mark.parametrize(
    "size", [b"-1", b"-0000000001", b"+1", b"0o17", b"1_0", b"9", b"12 3", b"x"], ids=lambda value: value.decode()
)
@pytest.mark.parametrize("kind", [b"0", b"x", b"L"])
def test_a_size_is_octal_digits(size: bytes, kind: bytes) -> None:
    assert kind_of(tar_header("a", size, kind=kind) + b"5 a=\n".ljust(4096, b"\0")) is Kind.BAD_ARCHIVE


@pytest.mark.parametrize(
    "size",
    [b"\x80" + (1 << 40).to_bytes(11, "big"), b"\x80" + (1 << 80).to_bytes(11, "big"), b"\xff" * 12, b"7" * 11],
    ids=["1 TiB", "beyond 64 bits", "negative", "octal"],
)
def test_a_size_beyond_reason_is_refused_before_it_is_read(size: bytes) -> None:
    began = time.monotonic()
    assert kind_of(tar_header("a", size) + END) in (Kind.TOO_LARGE, Kind.BAD_ARCHIVE)
    assert time.monotonic() - began < 1


def test_a_pax_size_beyond_reason_is_refused() -> None:
    assert kind_of(pax(size=str((128 << 30) + 1)) + tar_member("a") + END) is Kind.TOO_LARGE
    assert kind_of(pax(size="9" * 5000) + tar_member("a") + END) is Kind.TOO_LARGE


@pytest.mark.parametrize("size", ["-1", "x", "", "1e3", "\u0663"])
def test_a_pax_size_is_decimal_digits(size: str) -> None:
    assert kind_of(pax(size=size) + tar_member("a") + END) is Kind.BAD_ARCHIVE


def test_a_long_extension_is_refused() -> None:
    limit = tar.EXTENSION_LIMIT_BYTES
    for kind in (b"L", b"K", b"x", b"g"):
        assert kind_of(tar_header("a", limit + 1, kind=kind)) is Kind.TOO_LARGE


def test_a_pax_bomb_of_tiny_records_is_quick() -> None:
    records = b"".join(b"10 %04x=x\n" % number for number in range(65_536))
    body = records * 10
    body = body[: tar.EXTENSION_LIMIT_BYTES // 10 * 10]
    began = time.monotonic()
    assert read(tar_member("p", body, kind=b"x") * 3 + tar_member("a", b"1") + END)[0][0] == "a"
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "body", [b"x", b"5", b"99 a=b\n", b"0 a=b\n", b"6 a=b\n6 a=b", b"5 ab\n", b"-6 a=b\n", b"99999999999 a=b\n", b" a=b\n"]
)
def test_a_damaged_pax_header_is_bad(body: bytes) -> None:
    assert kind_of(tar_member("p", body, kind=b"x") + tar_member("a") + END) is Kind.BAD_ARCHIVE


def test_sparse_members_are_refused() -> None:
    header = pax(**{"GNU.sparse.major": "1", "GNU.sparse.realsize": str(1 << 40)})
    assert kind_of(header + tar_member("a", b"x") + END) is Kind.UNSAFE_MEMBER


def test_a_checksum_that_does_not_match_is_bad() -> None:
    data = bytearray(tar_member("a") + END)
    data[5] ^= 1
    assert kind_of(bytes(data)) is Kind.BAD_ARCHIVE


def test_too_many_members_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar, "MEMBERS_LIMIT", 100)
    assert kind_of(tar_member("a") * 101 + END) is Kind.TOO_LARGE


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2047), st.binary(min_size=1, max_size=20))
def test_changed_bytes_give_members_or_an_error(offset: int, noise: bytes) -> None:
    data = bytearray(pax(path="long", size="5") + tar_member("a", b"hello") + END)
    data[offset : offset + len(noise)] = noise
    for start in range(0, len(data) - 511, 512):  # checksums made right again, so that the parser is reached
        block = bytes(data[start : start + 148]) + b" " * 8 + bytes(data[start + 156 : start + 512])
        if any(block) and data[start + 257 : start + 262] == b"ustar":
            data[start + 148 : start + 156] = b"%06o\0 " % sum(block)
    with contextlib.suppress(MicrosError):  # anything else fails the test
        read(bytes(data))
