"""How firmware starts an ISO: from a CD by El Torito, from a disk by the boot record and the table of its first sectors.

block 17     boot record volume descriptor: where the catalogue is
catalogue    validation | BIOS: isolinux | section of UEFI: the ESP
sector 0     as a disk: isolinux' boot code, a protective MBR; sector 1: GPT of what is before the ESP, and the ESP
the end      the GPT once more

(El Torito 1.0; UEFI 2.10, 13.3.2 and 5.3; isohybrid as syslinux 6.04 has it.)
"""

from __future__ import annotations

import struct
import uuid

from micros.base.errors import Kind, error
from micros.formats.gpt import Partition, table_sectors, tables
from micros.formats.iso_tree import BLOCK_BYTES
from micros.formats.mbr import protective_mbr

SECTOR_BYTES = 512
FIRST_SECTOR = 64
"""Behind the system area, which belongs to the table."""
_BIOS, _UEFI = 0, 0xEF
_BIOS_SECTORS = 4
"""What the BIOS loads of isolinux, which loads the rest."""
_MBR_CODE_BYTES = 432
_SIGNATURE = b"\xfb\xc0\x78\x70"
"""In an isolinux that boot code of a disk can start, at byte 64."""
_ESP = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
_DATA = uuid.UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")


def boot_record(catalogue: int) -> bytes:
    """The descriptor that names the catalogue's block (El Torito 2.0)."""
    return struct.pack("<B5sB32s32sI", 0, b"CD001", 1, b"EL TORITO SPECIFICATION", b"", catalogue).ljust(BLOCK_BYTES, b"\0")


def catalogue(bios: int | None, esp: int | None) -> bytes:
    """The catalogue: the blocks of isolinux and of the ESP."""
    platform = _UEFI if bios is None else _BIOS
    head = struct.pack("<BBH24sHBB", 1, platform, 0, b"MicrOS", 0, 0x55, 0xAA)
    total = -sum(struct.unpack("<16H", head)) & 0xFFFF
    found = head[:28] + struct.pack("<H", total) + head[30:]
    if bios is not None:
        found += _entry(bios, _BIOS_SECTORS)
    if esp is not None:
        if bios is not None:
            found += struct.pack("<BBH28s", 0x91, _UEFI, 1, b"MicrOS")
        found += _entry(esp, 0)  # 0: up to the end of the medium (UEFI 13.3.2.1); 16 bits do not hold the size of an ESP
    return found.ljust(BLOCK_BYTES, b"\0")


def _entry(block: int, sectors: int) -> bytes:
    """One that can be started, without emulation of a disk (El Torito 2.2, 2.4)."""
    return struct.pack("<BBHBBHI20s", 0x88, 0, 0, 0, 0, sectors, block, b"")


def with_boot_info(program: bytes, block: int) -> bytes:
    """isolinux with the table in it that says where the volume's descriptor and itself are, and a sum over the rest.

    Raises an error of kind `bad-file` for another program.
    """
    if program[64:68] != _SIGNATURE:
        raise error(Kind.BAD_FILE, "this is no isolinux.bin that starts from disks too", hint="see images.iso.bios_loader")
    words = program[64:].ljust(-(-len(program[64:]) // 4) * 4, b"\0")
    total = sum(word for (word,) in struct.iter_unpack("<I", words)) & 0xFFFF_FFFF
    return program[:8] + struct.pack("<IIII40s", 16, block, len(program), total, b"") + program[64:]


def disk_tables(
    size: int, label: str, identity: uuid.UUID, esp: tuple[int, int] | None, code: bytes, bios: int
) -> tuple[bytes, bytes]:
    """The first and the last sectors of the image as a disk: `esp` is its first block and its bytes.

    Boot code, where there is any, looks for isolinux at the block `bios`. The image has room for the last ones.
    """
    sectors = size // SECTOR_BYTES
    last = sectors - table_sectors(SECTOR_BYTES) - 1
    end = last + 1 if esp is None else esp[0] * BLOCK_BYTES // SECTOR_BYTES
    partitions = [_partition(label, _DATA, identity, FIRST_SECTOR, end - FIRST_SECTOR)]
    if esp is not None:
        partitions.append(_partition("ESP", _ESP, identity, end, esp[1] // SECTOR_BYTES))
    head, tail = tables(partitions, sectors, SECTOR_BYTES, identity)
    if code:
        head = protective_mbr(sectors, _started_code(code, bios), identity.int >> 96) + head[SECTOR_BYTES:]
    return head, tail


def _partition(label: str, kind: uuid.UUID, identity: uuid.UUID, first: int, sectors: int) -> Partition:
    return Partition(label, kind, uuid.uuid5(identity, label), first, sectors)


def _started_code(code: bytes, bios: int) -> bytes:
    """Boot code with the first sector of isolinux in it."""
    if len(code) > _MBR_CODE_BYTES:
        message = f"the boot code has {len(code)} bytes, the first sector has room for {_MBR_CODE_BYTES}"
        raise error(Kind.DOES_NOT_FIT, message, hint="see images.iso.bios_loader")
    return code.ljust(_MBR_CODE_BYTES, b"\0") + struct.pack("<Q", bios * BLOCK_BYTES // SECTOR_BYTES)
