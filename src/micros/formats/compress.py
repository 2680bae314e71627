"""Compressors whose output is the same on every machine: pinned wheels that carry their own libraries.

The standard library would use the host's zlib and liblzma, whose output changes between versions.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Literal, Protocol

import zstandard

if TYPE_CHECKING:
    from collections.abc import Callable

    from cramjam import xz as _xz_types

Compression = Literal["zstd", "xz", "gzip"]
CodeFilter = Literal["", "x86", "arm"]
"""Which branch instructions an .xz encoder may rewrite before it compresses machine code."""

LEVELS: dict[Compression, int] = {"zstd": 19, "xz": 9, "gzip": 9}
"""Levels used unless the user says: builds are cached, so the strong ones cost once."""

HIGHEST: dict[Compression, int] = {"zstd": 22, "xz": 9, "gzip": 9}

_threads = threading.local()


def codec_name(compression: Compression, level: int) -> str:
    """Everything about a compressor that can change its output: part of the key of whatever it made."""
    if compression == "zstd":
        return f"zstd-{level} zstandard {zstandard.__version__} {zstandard.ZSTD_VERSION}"
    if compression == "xz":
        import cramjam

        return f"xz-{level} cramjam {cramjam.__version__}"
    from zlib_ng import zlib_ng

    return f"gzip-{level} zlib-ng {zlib_ng.ZLIBNG_VERSION}"


def block_compressor(compression: Compression, level: int, block_bytes: int, code: CodeFilter = "") -> Callable[[bytes], bytes]:
    """A function, for any thread, that compresses one squashfs block.

    gzip means a zlib stream (RFC 1950), xz a .xz file with CRC32 and a dictionary of the block's size, as the kernel's
    decoder allocates no more (Documentation/filesystems/squashfs.rst; xz-file-format.txt 5.3.1, 5.3.2). Only xz knows
    what to do with machine code; `code` changes nothing for the others.
    """
    match compression:
        case "zstd":
            return functools.partial(_zstd, level)
        case "gzip":
            from zlib_ng import zlib_ng

            return functools.partial(_gzip, zlib_ng.compress, level)
        case "xz" if code == "arm":
            return functools.partial(_smallest_arm, level, block_bytes)
        case "xz":
            from cramjam import xz

            return functools.partial(_xz, level, block_bytes, xz.Filter.X86 if code == "x86" else None)


def stream_compressed(data: bytes, compression: Compression, level: int) -> bytes:
    """A whole file compressed as its own: .zst, .gz (no name, no time) or .xz with CRC32, as initrds need."""
    match compression:
        case "zstd":
            return _zstd(level, data)
        case "xz":
            return _xz(min(level, 9), 1 << 23, None, data)
        case "gzip":
            from zlib_ng import gzip_ng

            compress: Callable[..., bytes] = gzip_ng.compress
            return compress(data, compresslevel=level, mtime=0)


class Stream(Protocol):
    """A compressor that is fed piece by piece."""

    def compress(self, data: bytes, /) -> bytes:
        """What comes out for a piece."""
        ...

    def flush(self) -> bytes:
        """What comes out at the end."""
        ...


def stream_compressor(compression: Literal["zstd", "gzip"], level: int) -> Stream:
    """A compressor of one file of any size: .zst or .gz (no name, no time). Equal pieces give equal bytes."""
    if compression == "zstd":
        return zstandard.ZstdCompressor(level=level).compressobj()
    from zlib_ng import zlib_ng

    made: Stream = zlib_ng.compressobj(level, zlib_ng.DEFLATED, 16 + zlib_ng.MAX_WBITS)
    return made


def code_filter(head: bytes) -> CodeFilter:
    """The filter for a file that begins so: by e_machine of its ELF header (System V ABI, 4; at least 20 bytes).

    The kernel's decoder knows no filter for 64-bit ARM before Linux 6.11, and none is used.
    """
    if head[:4] != b"\x7fELF" or len(head) < 20:
        return ""
    machine = int.from_bytes(head[18:20], "big" if head[5] == 2 else "little")
    return "x86" if machine in (3, 62) else "arm" if machine == 40 else ""


def _zstd(level: int, data: bytes) -> bytes:
    made: dict[int, zstandard.ZstdCompressor] = _threads.__dict__.setdefault("zstd", {})
    compressor = made.get(level)
    if compressor is None:
        compressor = made[level] = zstandard.ZstdCompressor(level=level)
    return compressor.compress(data)


def _gzip(compress: Callable[..., bytes], level: int, data: bytes) -> bytes:
    return compress(data, level)


def _smallest_arm(preset: int, dictionary_bytes: int, data: bytes) -> bytes:
    """Code of 32-bit ARM is in either of two encodings, which the ELF header does not tell."""
    from cramjam import xz

    tries = (_xz(preset, dictionary_bytes, code, data) for code in (xz.Filter.ArmThumb, xz.Filter.Arm))
    return min(tries, key=len)


def _xz(preset: int, dictionary_bytes: int, code: _xz_types.Filter | None, data: bytes) -> bytes:
    from cramjam import xz

    options = xz.Options().set_preset(preset).set_dict_size(max(dictionary_bytes, 4096))
    chain = xz.FilterChain()
    if code is not None:
        chain.append_filter(xz.FilterChainItem(code, xz.Options()))
    chain.append_filter(xz.FilterChainItem(xz.Filter.Lzma2, options))
    return bytes(xz.compress(data, format=xz.Format.XZ, check=xz.Check.Crc32, filters=chain))
