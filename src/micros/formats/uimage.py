"""Legacy images of U-Boot: a header before a content (U-Boot's include/image.h, struct legacy_img_hdr; mkimage(1)).

header, big-endian: magic u32 | CRC of the header u32 | time u32 | size u32 | load address u32 | entry point u32 |
CRC of the content u32 | operating system u8 | architecture u8 | type u8 | compression u8 | name 32
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.base.sparse import chunks_of
from micros.formats.contents import blob_pieces

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.base.step import Job

HEADER = struct.Struct(">7I4B32s")
_MAGIC = 0x2705_1956
_NAME_BYTES = 32
_LARGEST = 0xFFFF_FFFF
_LINUX = 5
_RAMDISK = 3
_UNCOMPRESSED = 0
"""U-Boot hands a RAM disk on as it is, and warns of one that says more: the kernel unpacks it."""


def header(name: str, architecture: int, size_bytes: int, crc: int) -> bytes:
    """The header of a RAM disk for Linux, made at the time 0; `crc` is the content's CRC-32.

    Of the name, which U-Boot shows, 32 bytes are kept. Raises an error of kind `does-not-fit` for 4 GiB and more.
    """
    if size_bytes > _LARGEST:
        raise error(Kind.DOES_NOT_FIT, f"the RAM disk has {size_bytes} bytes, an image of U-Boot at most {_LARGEST}")
    kinds = (_LINUX, architecture, _RAMDISK, _UNCOMPRESSED)
    fields = (0, size_bytes, 0, 0, crc, *kinds, name.encode()[:_NAME_BYTES])
    return HEADER.pack(_MAGIC, zlib.crc32(HEADER.pack(_MAGIC, 0, *fields)), *fields)


def ramdisk(job: Job) -> Digest:
    """Step program: a RAM disk with its header. Input `initrd`; parameters: `name`, `architecture` (U-Boot's number)."""
    initrd = job.inputs["initrd"]
    crc, size = 0, 0
    with job.open(initrd) as stream:
        for chunk in chunks_of(stream):
            crc, size = zlib.crc32(chunk, crc), size + len(chunk)
    out = job.scratch / "uRamdisk"
    with out.open("xb") as stream:
        stream.write(header(job.parameters["name"], job.parameters["architecture"], size, crc))
        stream.writelines(blob_pieces("the initrd", initrd, job))
    return job.put_file(out)
