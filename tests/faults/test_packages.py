"""Packages that are broken or want to do harm (faults 24 to 30): refused, named, within bounded memory."""

from __future__ import annotations

import gzip
import lzma
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import zstandard

from tests.faults.conftest import SUITES, Box
from tests.formats.handmade_archives import CONTROL, END, ar_member, deb, deb_of, pax, tar_header, tar_member

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY_BYTES = 256 << 20
CONTROL_XZ = lzma.compress(tar_member("./control", CONTROL) + END)
GOOD = deb(tar_member("./usr/bin/runit", b"x"))
START = b"!<arch>\n" + ar_member(b"debian-binary", b"2.0\n") + ar_member(b"control.tar.xz", CONTROL_XZ)
MIB = 1 << 20


def _long(name: bytes, kind: bytes = b"L") -> bytes:
    return tar_member("././@LongLink", name + b"\0", kind=kind)


def _compressed(data: list[bytes], name: bytes) -> bytes:
    """Parts compressed as one, so that no bomb is ever whole in memory here."""
    if name.endswith(b".xz"):
        xz = lzma.LZMACompressor(preset=0)
        return b"".join(xz.compress(part) for part in data) + xz.flush()
    if name.endswith(b".gz"):
        gz = zlib.compressobj(1, wbits=31)
        return b"".join(gz.compress(part) for part in data) + gz.flush()
    zst = zstandard.ZstdCompressor(level=1).compressobj()
    return b"".join(zst.compress(part) for part in data) + zst.flush()


def _bomb(name: bytes) -> bytes:
    """A gibibyte of zeros."""
    return deb_of(CONTROL_XZ, name, _compressed([tar_header("./zeros", 1 << 30), *[bytes(MIB)] * 1024], name))


def _many_members() -> bytes:
    """A million members."""
    return deb_of(CONTROL_XZ, b"data.tar.xz", _compressed([tar_member("./x/", kind=b"5") * 1000] * 1000, b"data.tar.xz"))


def _pax_bomb() -> bytes:
    """Headers just below their limit, each of a hundred thousand records, and none for a member."""
    header = tar_member("p", b"".join(b"10 %04x=x\n" % (number % 65536) for number in range(104_000)), kind=b"x")
    return deb_of(CONTROL_XZ, b"data.tar.xz", _compressed([header] * 64, b"data.tar.xz"))


def _control_of(size: int) -> bytes:
    control = [tar_header("./control", size), *[b"x" * MIB] * (size // MIB), END]
    return deb_of(_compressed(control, b"control.tar.xz"), b"data.tar.xz", lzma.compress(END))


@dataclass(frozen=True)
class Bad:
    """A package that must be refused: how it is made, the kind of its error, a word of the message."""

    name: str
    make: Callable[[], bytes]
    kind: str
    word: str = ""


def _members(name: str, word: str, *members: bytes, kind: str = "unsafe-member") -> Bad:
    return Bad(name, lambda: deb(*members), kind, word)


OUTER = [
    Bad("ar-magic", lambda: b"?" + GOOD[1:], "bad-archive", "magic"),
    Bad("ar-header", lambda: GOOD.replace(b"`\n", b"``", 1), "bad-archive", "header"),
    Bad("ar-negative-size", lambda: START + ar_member(b"data.tar.xz", b"", b"-1"), "bad-archive", "-1"),
    Bad("ar-signed-size", lambda: START + ar_member(b"data.tar.xz", b"", b"+10"), "bad-archive", "+10"),
    Bad("ar-huge-size", lambda: START + ar_member(b"data.tar.xz", b"", b"9999999999"), "bad-archive", "ends"),
    Bad("ar-no-size", lambda: START + ar_member(b"data.tar.xz", b"", b""), "bad-archive", "size"),
    Bad("ar-odd-padding", lambda: START[:68] + b"2.0" + START[72:], "bad-archive", ""),
    Bad("ar-extra-member", lambda: GOOD + ar_member(b"surprise", b""), "bad-archive", "surprise"),
    Bad("ar-two-data", lambda: GOOD + ar_member(b"data.tar.gz", b""), "bad-archive", "2 members data.tar"),
    Bad("ar-two-control", lambda: GOOD + ar_member(b"control.tar", b""), "bad-archive", "2 members control.tar"),
    Bad("ar-path", lambda: GOOD + ar_member(b"../x", b""), "unsafe-member", "../x"),
    Bad("ar-many", lambda: GOOD + ar_member(b"_x", b"") * 20, "bad-archive", "16"),
    Bad("ar-cut", lambda: GOOD[:-40], "bad-archive", "ends"),
    Bad("ar-version", lambda: GOOD.replace(b"2.0\n", b"9.0\n", 1), "bad-archive", "2.x"),
    Bad("no-control", lambda: deb_of(lzma.compress(END), b"data.tar.xz", lzma.compress(END)), "bad-archive", "control"),
    Bad("data-bzip2", lambda: deb_of(CONTROL_XZ, b"data.tar.bz2", b"BZh9"), "bad-archive", "compressed"),
    Bad("data-garbage", lambda: deb_of(CONTROL_XZ, b"data.tar.xz", b"garbage"), "bad-archive", "damaged"),
    Bad("data-cut", lambda: deb_of(CONTROL_XZ, b"data.tar.gz", gzip.compress(tar_member("a", b"x" * 99) + END)[:40]),
        "bad-archive", ""),
]  # fmt: skip
SIZES = [
    Bad("control-65-mib", lambda: _control_of(65 * MIB), "too-large", "33554432"),
    Bad("control-2-mib", lambda: _control_of(2 * MIB), "too-large", "control"),
    Bad("name-over-1-mib", lambda: deb(tar_header("x", MIB + 1, kind=b"L")), "too-large", str(MIB + 1)),
    Bad("pax-over-1-mib", lambda: deb(tar_header("x", MIB + 1, kind=b"x")), "too-large", str(MIB + 1)),
    Bad("pax-bomb", _pax_bomb, "too-large"),
    Bad("pax-size-lies", lambda: deb(pax(size=str((128 << 30) + 1)), tar_member("a")), "too-large", str((128 << 30) + 1)),
    _members("sparse", "sparse", pax(**{"GNU.sparse.major": "1", "GNU.sparse.realsize": str(1 << 40)}), tar_member("a")),
    _members("sparse-gnu", "'S'", tar_header("a", kind=b"S")),
    Bad("size-1-tib", lambda: deb(tar_header("a", b"\x80" + (1 << 40).to_bytes(11, "big"))), "too-large", str(1 << 40)),
    Bad("size-negative", lambda: deb(tar_header("a", b"\xff" * 12)), "too-large", "size"),
    Bad("million-members", _many_members, "too-large"),
    Bad("bomb-xz", lambda: _bomb(b"data.tar.xz"), "too-large", "times its packed size"),
    Bad("bomb-zst", lambda: _bomb(b"data.tar.zst"), "too-large", "times its packed size"),
    Bad("bomb-gz", lambda: _bomb(b"data.tar.gz"), "too-large", "times its packed size"),
]  # fmt: skip
PATHS = [
    *(_members(f"path-{number}", repr(name)[1:-1], tar_member(name, b"x"))
      for number, name in enumerate(["../x", "/abs", "./a/../../x", "a//b", "a/./b", "..", "a\nb"])),
    _members("path-empty", "''", tar_member("", b"x")),
    _members("path-nul", "", pax(path="a\0b"), tar_member("x", b"x")),
    _members("path-300-byte-name", "", _long(b"x" * 300), tar_member("x", b"x")),
    _members("path-over-4096", "", _long(b"d/" * 2100 + b"x"), tar_member("x", b"x")),
    _members("path-not-utf8", "", tar_member(b"\xff/../x", b"x")),
]  # fmt: skip
LINKS = [
    _members("through-symlink", "/a/passwd", tar_member("a", kind=b"2", link=b"/etc"), tar_member("a/passwd", b"x")),
    _members("through-chain", "", tar_member("b", kind=b"2", link=b"a"), tar_member("a", kind=b"2", link=b"/etc"),
             tar_member("b/x", b"x")),
    _members("through-deep-chain", "", *(tar_member(b"a" * n, kind=b"2", link=b"b" * 90) for n in range(1, 60)),
             tar_member("a/x", b"x")),
    _members("below-file", "", tar_member("a", b"x"), tar_member("a/b", b"x")),
    _members("symlink-to-nothing", "'a'", tar_member("a", kind=b"2")),
    _members("link-outside", "../../etc/passwd", tar_member("a", kind=b"1", link=b"../../etc/passwd")),
    _members("link-absolute", "/etc/passwd", tar_member("a", kind=b"1", link=b"/etc/passwd")),
    _members("link-itself", "'a'", tar_member("a", kind=b"1", link=b"a")),
    _members("link-to-later", "'b'", tar_member("a", kind=b"1", link=b"b"), tar_member("b", b"x")),
    _members("link-to-symlink", "'b'", tar_member("b", kind=b"2", link=b"/etc/passwd"), tar_member("a", kind=b"1", link=b"b")),
    _members("link-to-directory", "'b'", tar_member("b/", kind=b"5"), tar_member("a", kind=b"1", link=b"b")),
    _members("link-then-file", "'a'", tar_member("b", b"x"), tar_member("a", kind=b"1", link=b"b"), tar_member("a", b"y")),
    _members("twice", "'a'", tar_member("a", b"x"), tar_member("a", b"x")),
    _members("merged-twice", "", tar_member("lib/a", b"x"), tar_member("usr/lib/a", b"y")),
]  # fmt: skip
TYPES = [
    _members(f"type-{kind.hex()}", "type", tar_header("dev/x", kind=kind))
    for kind in (b"3", b"4", b"6", b"7", b"s", b"V", b"M", b"D", b"\xff")
]


@pytest.mark.parametrize("bad", [*OUTER, *SIZES, *PATHS, *LINKS, *TYPES], ids=lambda bad: bad.name)
def test_a_bad_package(box: Box, bad: Bad) -> None:
    box.mirror.add("runit", data=bad.make())
    box.mirror.publish(suites=SUITES)
    before = {path for path in box.root.rglob("*") if box.command.store not in path.parents}
    done = box.lock_after("pass")
    said = box.failed(done, bad.kind)
    assert "runit" in said
    assert bad.word in said
    assert 0 < done.peak_bytes < MEMORY_BYTES
    after = {path for path in box.root.rglob("*") if box.command.store not in path.parents}
    assert after - before <= {box.command.store}, "nothing is written but into the store"
    box.mirror.add("runit", {"usr/bin/runit": b"x"})
    box.heals()


def test_what_looks_odd_and_is_allowed(box: Box) -> None:
    """Absolute and dangling symbolic links are data; names need not be UTF-8; hard links to earlier files are copies."""
    data = deb(
        tar_member("./usr/bin/runit", b"x", mode=0o755),
        tar_member("./usr/bin/twin", kind=b"1", link=b"./usr/bin/runit"),
        tar_member("./etc/absolute", kind=b"2", link=b"/../../etc/shadow"),
        tar_member(b"./usr/share/\xff", b"x"),
    )
    box.mirror.add("runit", data=data)
    box.mirror.publish(suites=SUITES)
    assert box.lock().status == 0
    box.heals()
