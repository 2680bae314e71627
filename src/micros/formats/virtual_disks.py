"""VMDK and VHD files as QEMU writes them, made the same every time: their time and random numbers become fixed ones.

VMDK  (VMware Virtual Disk Format 5.0): the descriptor, text in sector 1 and on, has `CID=`, hexadecimal digits; NULs follow
VHD   (Microsoft, 1.0): the footer, 512 bytes at the end, and at the start of a dynamic disk its copy:
      time u32 at 24 | checksum u32 at 64, of all bytes but its own, inverted | UUID at 68
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, BinaryIO

from micros.base.digest import CHUNK_BYTES
from micros.base.errors import Kind, error
from micros.base.sparse import write_sparse

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.base.step import Job

_FOOTER_BYTES = 512
_DESCRIPTOR = slice(512, 512 + 20 * 512)


def settle(job: Job) -> Digest:
    """Step program. Inputs `image`, and `raw`, whose digest the numbers are made of; parameter `format`: vmdk or vhd."""
    out = job.scratch / "image"
    with job.open(job.inputs["image"]) as source, out.open("w+b") as stream:
        while chunk := source.read(CHUNK_BYTES):
            write_sparse(stream, chunk)
        stream.truncate()
        identity = bytes.fromhex(job.inputs["raw"])
        (_settle_vmdk if job.parameters["format"] == "vmdk" else _settle_vhd)(stream, identity)
    return job.put_file(out)


def _settle_vmdk(stream: BinaryIO, identity: bytes) -> None:
    stream.seek(_DESCRIPTOR.start)
    text = stream.read(_DESCRIPTOR.stop - _DESCRIPTOR.start)
    number = f"{int.from_bytes(identity[:4], 'big') & 0xFFFF_FFFE:08x}".encode()  # all ones would be: no parent
    settled, count = re.subn(rb"(?m)^CID=[0-9a-f]{1,8}$", b"CID=" + number, text.rstrip(b"\0"))
    if count != 1:
        raise error(Kind.BAD_FILE, "qemu-img has written a VMDK without a descriptor")
    stream.seek(_DESCRIPTOR.start)
    stream.write(settled.ljust(len(text), b"\0"))


def _settle_vhd(stream: BinaryIO, identity: bytes) -> None:
    for at in (0, stream.seek(0, 2) - _FOOTER_BYTES):
        stream.seek(at)
        footer = bytearray(stream.read(_FOOTER_BYTES))
        if footer[:8] != b"conectix":
            raise error(Kind.BAD_FILE, "qemu-img has written a VHD without a footer")
        struct.pack_into(">I", footer, 24, 0)
        footer[68:84] = identity[:16]
        struct.pack_into(">I", footer, 64, 0)
        struct.pack_into(">I", footer, 64, ~sum(footer) & 0xFFFF_FFFF)
        stream.seek(at)
        stream.write(footer)
