"""Writing an image onto a disk, and reading it back.

The first MiB, with the partition table, is written last: a disk whose writing was cut short does not boot.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
from typing import TYPE_CHECKING

from micros.base.digest import CHUNK_BYTES
from micros.base.errors import Kind, MicrosError, error
from micros.run.disks import SYSTEM_PLACES, Disks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_BLKRRPART, _BLKFLSBUF = 0x125F, 0x1261
"""Of ioctl(2) (linux/fs.h): read the partition table again; forget what is cached of the device."""
_OTHER_FORMATS = {b"QFI\xfb": "qcow2", b"KDMV": "vmdk", b"conectix": "vhd", b"vhdxfile": "vhdx", b"\x1f\x8b": "gzip"}
_OTHER_FORMATS |= {b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_GPT = b"EFI PART"


def check(image: Path, device: Path, disks: Disks) -> list[str]:
    """Raise an error unless an image can be written to a device; what there is to know of it beforehand, for people.

    Kinds: `bad-file` (no raw image, no disk), `busy` (in use, with what), `does-not-fit` (too small, other sectors).
    """
    status = _stat(device)
    if not stat.S_ISBLK(status.st_mode):
        raise error(Kind.BAD_FILE, f"{device} is not a disk", hint="name a block device such as /dev/sdb")
    number = status.st_rdev
    if disks.is_partition(number):
        disk = disks.directory(number).parent.name
        raise error(Kind.BAD_FILE, f"{device} is a part of a disk", hint=f"the disk is /dev/{disk}")
    if disks.is_read_only(number):
        raise error(Kind.BAD_FILE, f"{device} cannot be written", hint="look for the card's switch")
    if places := disks.uses(number):
        is_ours = any(place in (*SYSTEM_PLACES, "swap") for place in places)
        message = f"{device} is the disk of this system" if is_ours else f"{device} is in use"
        hint = "choose another disk" if is_ours else f"umount {' '.join(places)}"
        raise error(Kind.BUSY, message, notes=[f"mounted: {place}" for place in places], hint=hint)
    return fits(image, device, size_of(device), disks.sector_bytes(number))


def fits(image: Path, device: Path, room: int, sector_bytes: int) -> list[str]:
    """Raise an error unless a raw image fits a disk of this size and these sectors; what there is to know beforehand."""
    if not stat.S_ISREG(_stat(image).st_mode):
        raise error(Kind.BAD_FILE, f"{image} is not a file")
    size = size_of(image)
    with image.open("rb") as stream:
        start = stream.read(8192)
    for magic, name in _OTHER_FORMATS.items():
        if start.startswith(magic):
            hint = "build it with images.disk.format = raw, or unpack it first"
            raise error(Kind.BAD_FILE, f"{image} is not a raw image but {name}", hint=hint)
    if not size or size > room:
        raise error(Kind.DOES_NOT_FIT, f"{image} has {size} bytes, {device} {room}", hint="take a larger disk")
    found = next((count for count in (512, 4096) if start[count : count + 8] == _GPT), sector_bytes)
    if found != sector_bytes:
        message = f"{image} has a GPT for sectors of {found} bytes, {device} has sectors of {sector_bytes}"
        raise error(Kind.DOES_NOT_FIT, message, hint=f"set images.disk.sector_size = {sector_bytes}")
    if start[found : found + 8] == _GPT and room > size:
        return [f"{room - size} bytes at the end stay unused; the second copy of the GPT lies where the image ends"]
    return []


def flash(image: Path, device: Path, tell: Callable[[str, int, int], None]) -> None:
    """Write a checked image and read it back. `tell` is told what is done (`write`, `verify`), and bytes done and in all.

    Raises errors of kind `busy` (somebody else has the disk open), `system` (the disk fails), `damaged` (it does not hold what
    was written).
    """
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_EXCL)
    except OSError as problem:
        kind = Kind.BUSY if problem.errno == errno.EBUSY else Kind.SYSTEM
        raise error(kind, f"cannot open {device}: {problem.strerror}", hint="who writes to a disk is root") from None
    try:
        written = _written(image, descriptor, tell)
        _forget_cached(descriptor)
        if _read_back(descriptor, size_of(image), tell) != written:
            raise error(Kind.DAMAGED, f"{device} does not hold what was written", hint="the disk is bad: take another")
        _reread_partitions(descriptor)
    except OSError as problem:
        raise _failed(device, problem) from None
    finally:
        os.close(descriptor)


def _written(image: Path, descriptor: int, tell: Callable[[str, int, int], None]) -> bytes:
    """Write all of an image durably, its first chunk last; the digest of what it held."""
    hasher = hashlib.sha256()
    size = size_of(image)
    with image.open("rb") as stream:
        first = stream.read(CHUNK_BYTES)
        hasher.update(first)
        _write_at(descriptor, bytes(len(first)), 0)
        os.fsync(descriptor)
        at = len(first)
        while chunk := stream.read(CHUNK_BYTES):
            hasher.update(chunk)
            _write_at(descriptor, chunk, at)
            at += len(chunk)
            tell("write", at, size)
    os.fsync(descriptor)
    _write_at(descriptor, first, 0)
    os.fsync(descriptor)
    return hasher.digest()


def _write_at(descriptor: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, at)
        view, at = view[count:], at + count


def _read_back(descriptor: int, size: int, tell: Callable[[str, int, int], None]) -> bytes:
    hasher = hashlib.sha256()
    for chunk, at in _chunks(descriptor, size):
        hasher.update(chunk)
        tell("verify", at, size)
    return hasher.digest()


def _chunks(descriptor: int, size: int) -> Iterator[tuple[bytes, int]]:
    at = 0
    while at < size and (chunk := os.pread(descriptor, min(CHUNK_BYTES, size - at), at)):
        at += len(chunk)
        yield chunk, at


def _forget_cached(descriptor: int) -> None:
    """Let what is read next come from the disk."""
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    if stat.S_ISBLK(os.fstat(descriptor).st_mode):
        fcntl.ioctl(descriptor, _BLKFLSBUF)


def _reread_partitions(descriptor: int) -> None:
    """Let the kernel see the new partitions; a disk that cannot have any says EINVAL."""
    if stat.S_ISBLK(os.fstat(descriptor).st_mode):
        try:
            fcntl.ioctl(descriptor, _BLKRRPART)
        except OSError as problem:
            if problem.errno not in (errno.EINVAL, errno.EBUSY):
                raise


def _failed(device: Path, problem: OSError) -> MicrosError:
    return error(Kind.SYSTEM, f"{device} fails: {problem.strerror}", hint="the disk holds no whole image now")


def size_of(path: Path) -> int:
    """Size in bytes of a file or a disk. Raises an error of kind `bad-file` where it cannot be opened."""
    try:
        with path.open("rb") as stream:
            return stream.seek(0, os.SEEK_END)
    except OSError as problem:
        raise error(Kind.BAD_FILE, f"cannot open {path}: {problem.strerror}") from None


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as problem:
        raise error(Kind.BAD_FILE, f"cannot use {path}: {problem.strerror}") from None
