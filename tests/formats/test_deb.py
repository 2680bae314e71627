"""Packages that want to do harm, or are broken: each gets an error, within bounded memory."""

from __future__ import annotations

import gzip
import lzma
import struct
import tracemalloc
import zlib

import pytest
import zstandard
from tests.formats.handmade_archives import CONTROL, END, Blobs, ar_member, deb, deb_of, tar_header, tar_member

from micros.base.errors import Kind, MicrosError
from micros.base.tree import Directory, File, Symlink

CONTROL_XZ = lzma.compress(tar_member("./control", CONTROL) + END)


def kind_of(data: bytes) -> Kind:
    with pytest.raises(MicrosError) as caught:
        Blobs().unpack(data)
    return caught.value.kind


@pytest.mark.parametrize(
    ("name", "compress"),
    [
        (b"data.tar", bytes),
        (b"data.tar.xz", lzma.compress),
        (b"data.tar.gz", gzip.compress),
        (b"data.tar.zst", zstandard.compress),
    ],
)
def test_every_compression_gives_the_same_tree(name: bytes, compress: type[bytes]) -> None:
    members = tar_member("./", kind=b"5", mode=0o755) + tar_member("./lib/x", b"data" * 300_000)
    packed = deb_of(CONTROL_XZ, name, compress(members + END))
    blobs = Blobs()
    tree = blobs.unpack(packed)
    entry = tree["usr/lib/x"]
    assert isinstance(entry, File)
    assert blobs.contents[entry.digest] == b"data" * 300_000
    assert isinstance(tree["DEBIAN/control"], File)


def test_paths_are_those_of_a_merged_usr() -> None:
    data = deb(
        tar_member("./bin", kind=b"2", link=b"usr/bin"),  # base-files carries these
        tar_member("./lib64", kind=b"2", link=b"usr/lib64"),
        tar_member("./sbin/", kind=b"5", mode=0o755),
        tar_member("./sbin/tool", b"x", mode=0o4755),
        tar_member("./usr/sbin/twin", kind=b"1", link=b"./sbin/tool"),
        tar_member("./etc/absolute", kind=b"2", link=b"/../../etc/shadow"),
    )
    tree = Blobs().unpack(data)
    files = {path for path in tree if not isinstance(tree[path], Directory)}
    assert files == {"DEBIAN/control", "etc/absolute", "usr/sbin/tool", "usr/sbin/twin"}
    assert tree["usr/sbin/tool"] == tree["usr/sbin/twin"]
    entry = tree["usr/sbin/tool"]
    assert isinstance(entry, File)
    assert entry.mode == 0o4755
    assert tree["etc/absolute"] == Symlink("/../../etc/shadow")


@pytest.mark.parametrize(
    "name",
    [
        "../x", "/abs", "./a/../../x", "a/./b", "a//b", "", "/", "..", ".//x", b"a\nb", "x" * 99 + "/" + "y", b"\xff/../x",
    ],
    ids=ascii,
)  # fmt: skip
def test_unsafe_names(name: str | bytes) -> None:
    if name == "x" * 99 + "/" + "y":
        name = "ok"  # cut to 100 bytes by the field: ends in a slash, a plain name
        assert "ok" in Blobs().unpack(deb(tar_member(name)))
        return
    assert kind_of(deb(tar_member(name, b"x"))) is Kind.UNSAFE_MEMBER


@pytest.mark.parametrize("name", ["x" * 300, "d/" * 2100 + "x"])
def test_names_that_linux_cannot_hold(name: str) -> None:
    long = tar_member("././@LongLink", name.encode() + b"\0", kind=b"L")
    assert kind_of(deb(long + tar_member("short", b"x"))) is Kind.UNSAFE_MEMBER


@pytest.mark.parametrize("kind", [b"3", b"4", b"6", b"7", b"S", b"s", b"V", b"M", b"\xff"])
def test_types_that_packages_may_not_have(kind: bytes) -> None:
    assert kind_of(deb(tar_header("x", kind=kind))) is Kind.UNSAFE_MEMBER


@pytest.mark.parametrize(
    "members",
    [
        [tar_member("a", kind=b"2", link=b"/etc"), tar_member("a/passwd", b"x")],
        [tar_member("a", b"x"), tar_member("a/b", b"x")],
        [tar_member("a", b"x"), tar_member("a", b"y")],
        [tar_member("a", b"x"), tar_member("a/", kind=b"5")],
        [tar_member("a/", kind=b"5"), tar_member("a", kind=b"2", link=b"/etc")],
        [tar_member("lib/a", b"x"), tar_member("usr/lib/a", b"y")],
        [tar_member("a", kind=b"1", link=b"../../etc/passwd")],
        [tar_member("a", kind=b"1", link=b"/etc/passwd")],
        [tar_member("a", kind=b"1", link=b"a")],
        [tar_member("a", kind=b"1", link=b"b"), tar_member("b", b"x")],
        [tar_member("b", kind=b"2", link=b"/etc/passwd"), tar_member("a", kind=b"1", link=b"b")],
        [tar_member("b/", kind=b"5"), tar_member("a", kind=b"1", link=b"b")],
        [tar_member("b", b"x"), tar_member("a", kind=b"1", link=b"b"), tar_member("a", b"y")],
        [tar_member("a", kind=b"2", link=b"")],
    ],
)
def test_links_and_twins(members: list[bytes]) -> None:
    assert kind_of(deb(*members)) is Kind.UNSAFE_MEMBER


def test_outer_members() -> None:
    good = deb(tar_member("a", b"x"))
    assert "a" in Blobs().unpack(good + ar_member(b"_gpgorigin", b"signature"))
    assert kind_of(good + ar_member(b"data.tar.gz", b"")) is Kind.BAD_ARCHIVE
    assert kind_of(good + ar_member(b"surprise", b"")) is Kind.BAD_ARCHIVE
    assert kind_of(good.replace(b"2.0\n", b"3.0\n")) is Kind.BAD_ARCHIVE
    assert kind_of(good.replace(b"debian-binary", b"debian-bynary")) is Kind.BAD_ARCHIVE
    assert kind_of(deb_of(CONTROL_XZ, b"data.tar.bz2", b"")) is Kind.BAD_ARCHIVE
    assert kind_of(deb_of(lzma.compress(END), b"data.tar", END)) is Kind.BAD_ARCHIVE


@pytest.mark.parametrize("tenth", range(10))
def test_a_truncated_package_is_bad(tenth: int) -> None:
    whole = deb(tar_member("a", bytes(range(256)) * 40))
    assert kind_of(whole[: len(whole) * tenth // 10]) is Kind.BAD_ARCHIVE


@pytest.mark.parametrize("name", [b"data.tar.xz", b"data.tar.gz", b"data.tar.zst"])
def test_damaged_compression_is_bad(name: bytes) -> None:
    assert kind_of(deb_of(CONTROL_XZ, name, b"not compressed at all")) is Kind.BAD_ARCHIVE


@pytest.mark.parametrize("name", [b"data.tar.xz", b"data.tar.gz", b"data.tar.zst"])
def test_bombs_stop_at_the_limit(name: bytes) -> None:
    size = 512 << 20
    part = bytes(1 << 20)
    header = tar_header("zeros", size)
    if name.endswith(b"xz"):
        xz = lzma.LZMACompressor(preset=0)
        packed = xz.compress(header) + b"".join(xz.compress(part) for _ in range(64)) + xz.flush()
    elif name.endswith(b"gz"):
        gz = zlib.compressobj(1, wbits=31)
        packed = gz.compress(header) + b"".join(gz.compress(part) for _ in range(64)) + gz.flush()
    else:
        zst = zstandard.ZstdCompressor(level=1).compressobj()
        packed = zst.compress(header) + b"".join(zst.compress(part) for _ in range(64)) + zst.flush()
    tracemalloc.start()
    try:
        assert kind_of(deb_of(CONTROL_XZ, name, packed)) is Kind.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


def test_a_control_file_beyond_reason_is_refused() -> None:
    assert kind_of(deb(control=CONTROL + b"X: " + b"y" * (2 << 20) + b"\n")) is Kind.TOO_LARGE
    assert kind_of(deb(control=CONTROL + b"X: " + b"y" * (65 << 20) + b"\n")) is Kind.TOO_LARGE


def test_an_xz_dictionary_beyond_reason_is_refused() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 20}]
    packed = bytearray(lzma.compress(tar_member("a", b"x") + END, filters=filters))
    # The block header's dictionary size (xz file format 1.2.0, 5.3.1): 40 is 4 GiB - 1; its CRC32 follows.
    length = (packed[12] + 1) * 4
    at = bytes(packed[12 : 12 + length]).index(b"\x21\x01") + 12 + 2
    packed[at] = 40
    packed[12 + length - 4 : 12 + length] = struct.pack("<I", zlib.crc32(bytes(packed[12 : 12 + length - 4])))
    assert kind_of(deb_of(CONTROL_XZ, b"data.tar.xz", bytes(packed))) is Kind.BAD_ARCHIVE
