"""Archives made by hand, good and bad, so that no library straightens them out."""

from __future__ import annotations

import io
import lzma
from typing import TYPE_CHECKING

from tests.formats.trees import MemoryBlobs

if TYPE_CHECKING:
    from micros.base.tree import Tree

CONTROL = b"Package: sample\nVersion: 1\nArchitecture: all\nInstalled-Size: 10\n"
END = bytes(1024)


def tar_header(name: str | bytes, size: int | bytes = 0, *, kind: bytes = b"0", link: bytes = b"", mode: int = 0o644) -> bytes:
    """One ustar header; a size given as bytes is written as it stands."""
    raw = name if isinstance(name, bytes) else name.encode("utf-8", "surrogateescape")
    digits = size if isinstance(size, bytes) else b"%011o" % size
    block = raw.ljust(100, b"\0")[:100] + b"%07o\0" % mode + b"%07o\0" % 0 + b"%07o\0" % 0
    block += digits.ljust(12, b"\0") + b"%011o\0" % 0 + b" " * 8 + kind + link.ljust(100, b"\0")[:100] + b"ustar\x0000"
    block = block.ljust(512, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def tar_member(name: str | bytes, data: bytes = b"", *, kind: bytes = b"0", link: bytes = b"", mode: int = 0o644) -> bytes:
    """A header and its padded content."""
    return tar_header(name, len(data), kind=kind, link=link, mode=mode) + data + bytes(-len(data) % 512)


def pax(**records: str) -> bytes:
    """A pax header member with these records."""
    body = b""
    for key, value in records.items():
        rest = f" {key}={value}\n".encode("utf-8", "surrogateescape")
        length = len(rest) + 1
        while len(str(length)) + len(rest) != length:
            length = len(str(length)) + len(rest)
        body += str(length).encode() + rest
    return tar_member("pax", body, kind=b"x")


def ar_member(name: bytes, data: bytes, size: bytes | None = None) -> bytes:
    """A member of an ar archive, padded to an even length."""
    digits = b"%d" % len(data) if size is None else size
    header = name.ljust(16) + b"0".ljust(12) + b"0".ljust(6) + b"0".ljust(6) + b"100644".ljust(8) + digits.ljust(10) + b"`\n"
    return header + data + b"\n" * (len(data) % 2)


def deb(*members: bytes, control: bytes = CONTROL, extra: bytes = b"") -> bytes:
    """A package whose data archive has these members."""
    control_tar = tar_member("./control", control) + END
    data_tar = b"".join(members) + END
    return deb_of(lzma.compress(control_tar), b"data.tar.xz", lzma.compress(data_tar)) + extra


def deb_of(control_xz: bytes, data_name: bytes, data: bytes) -> bytes:
    """A package of a compressed control archive and a data archive."""
    first = ar_member(b"debian-binary", b"2.0\n")
    return b"!<arch>\n" + first + ar_member(b"control.tar.xz", control_xz) + ar_member(data_name, data)


class Blobs(MemoryBlobs):
    """Contents in memory, and trees of packages made of them."""

    def unpack(self, data: bytes) -> Tree:
        from micros.formats.deb import package_tree

        return package_tree(io.BytesIO(data), self.put)
