"""The few ways the store touches the disk: atomically, durably, and with errors that say what is full."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.errors import Kind, MicrosError, error
from micros.base.units import human_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = {errno.ENOSPC, errno.EDQUOT}
_BROKEN = {errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.EFBIG, errno.ENOTDIR}
_BROKEN |= {errno.ENOENT, errno.ENOMEM, errno.ENOLCK, errno.ELOOP, errno.ENAMETOOLONG, errno.EISDIR, errno.ENXIO, errno.ESTALE}
CONTENT_MODE = 0o444
"""Permissions of everything that is named by its digest: it never changes."""


@contextlib.contextmanager
def disk_errors(root: Path, needed: int = 0) -> Iterator[None]:
    """Turn what the file system refuses into errors of kind `no-space` or `store`, of kind `bad-file` outside `root`.

    `needed`: bytes to be written, where that is known.
    """
    try:
        yield
    except OSError as problem:
        raise _explained(root, problem, needed) from None


def _explained(root: Path, problem: OSError, needed: int) -> MicrosError | OSError:
    name = os.fsdecode(problem.filename) if isinstance(problem.filename, str | bytes | os.PathLike) else str(root)
    if problem.errno in _FULL:
        existing = next(path for path in (Path(name), *Path(name).parents, root) if path.exists())
        free = os.statvfs(existing)
        notes = [f"free: {human_bytes(free.f_bavail * free.f_frsize)}, {free.f_favail} inodes"]
        notes += [f"needed: {human_bytes(needed)}"] if needed else []
        reason = "over its quota" if problem.errno == errno.EDQUOT else "full"
        hint = "run `micros gc`, or move the store with --store or MICROS_STORE"
        return error(Kind.NO_SPACE, f"the file system of {existing} is {reason}, writing {name}", notes=notes, hint=hint)
    if problem.errno not in _BROKEN:
        return problem
    if not Path(name).is_relative_to(root):
        return error(Kind.BAD_FILE, f"cannot use {name}: {problem.strerror}")
    hint = "check the disk and its rights, or choose another store with --store or MICROS_STORE"
    return error(Kind.STORE, f"cannot use the store: {problem.strerror}: {name}", hint=hint)


def write_durably(path: Path, data: bytes, scratch: Path, mode: int = 0o644) -> None:
    """A small file, whole or not there: written in `scratch`, synced, renamed, the directory synced.

    The mode is as given, whatever the umask; nothing is left in `scratch` where that fails.
    """
    descriptor, temporary = tempfile.mkstemp(dir=scratch, prefix=f"{path.name}.")
    try:
        _write_synced(descriptor, data, mode)
        os.rename(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def _write_synced(descriptor: int, data: bytes, mode: int) -> None:
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make a file's contents and mode durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file_system(path: Path) -> None:
    """Make everything written to a path's file system durable: one call for thousands of small files (syncfs(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if libc.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(descriptor)


def remove_tree(path: Path) -> None:
    """Remove a directory of ours with all it holds, whatever the modes inside; no link is followed."""
    for directory, names, files in os.walk(path, topdown=True, followlinks=False):
        os.chmod(directory, 0o700)
        for name in [*files, *(name for name in names if os.path.islink(os.path.join(directory, name)))]:
            os.unlink(os.path.join(directory, name))
    for directory, _, _ in os.walk(path, topdown=False):
        os.rmdir(directory)
