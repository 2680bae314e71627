"""A tree as a squashfs 4.0 image (Linux Documentation/filesystems/squashfs.rst), in a time that depends on what changed.

Blocks of contents come from a cache and are copied (`squashfs_blocks`); inodes and directories are written anew each
time (`squashfs_inodes`), in one pass. The same tree and options give the same bytes, whatever is cached.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.base.tree import File
from micros.formats.compress import HIGHEST, LEVELS, block_compressor
from micros.formats.squashfs_blocks import Lost, Planner, SpoolCache
from micros.formats.squashfs_inodes import Inodes
from micros.formats.squashfs_layout import (
    COMPRESSOR_IDS,
    FLAG_DUPLICATES,
    FLAG_EXPORTABLE,
    MAGIC,
    METADATA_BYTES,
    SUPERBLOCK,
    XattrTable,
    indexed_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.base.digest import Digest
    from micros.base.step import Blobs, BlockCache, Job
    from micros.base.tree import Tree
    from micros.formats.compress import Compression
    from micros.formats.squashfs_blocks import Data

_PAD_BYTES = 4096
_METADATA_LEVELS: dict[Compression, int] = {"zstd": 13, "xz": 9, "gzip": 9}
"""Inodes and directories are compressed in every build: never harder than this."""


@dataclass(frozen=True, slots=True)
class Options:
    """How an image is written. Raises an error of kind `usage` for a value squashfs does not have."""

    compression: Compression = "zstd"
    level: int = 0
    """0 is the compression's strongest usual level; zstd 1..22, xz and gzip 1..9."""
    block_bytes: int = 131072
    """A power of two from 4 KiB to 1 MiB. Larger is smaller on disk and slower to read at random."""
    mtime: int = 0
    """Seconds since 1970 (32 bits, unsigned), of the image and everything in it."""

    def __post_init__(self) -> None:
        for name in ("level", "block_bytes", "mtime"):
            value: object = getattr(self, name)
            if type(value) is not int:
                raise error(Kind.USAGE, f"{name} of a squashfs image is a whole number, not {value!r}")
        if self.compression not in tuple(LEVELS):
            raise error(Kind.USAGE, f"squashfs has no compression {self.compression!r}", hint="zstd, xz or gzip")
        if not self.level:
            object.__setattr__(self, "level", LEVELS[self.compression])
        if not 1 <= self.level <= HIGHEST[self.compression]:
            hint = f"{self.compression} takes 1 to {HIGHEST[self.compression]}"
            raise error(Kind.USAGE, f"{self.compression} has no level {self.level}", hint=hint)
        if not 4096 <= self.block_bytes <= 1 << 20 or self.block_bytes & (self.block_bytes - 1):
            hint = "a power of two from 4096 to 1048576"
            raise error(Kind.USAGE, f"squashfs has no blocks of {self.block_bytes} bytes", hint=hint)
        if not 0 <= self.mtime < 1 << 32:
            raise error(Kind.USAGE, f"the time {self.mtime} does not fit squashfs", hint="1970 to 2106")


def build(tree: Tree, blobs: Blobs, out: Path, options: Options = Options(), cache: BlockCache | None = None) -> None:
    """Write an image of a tree to a new file `out`.

    Without a cache, blocks are kept beside it while building. Raises errors of kind `damaged` (a content is not what
    the tree says), `bad-tree` (an extended attribute squashfs cannot keep) and `does-not-fit`.
    """
    if cache is None:
        import tempfile  # a tenth of a rebuild of a small image, were it imported by every build

        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as spool:
            build(tree, blobs, out, options, SpoolCache(Path(spool)))
        return
    lost: set[Path] = set()
    while True:
        planner = Planner(blobs, cache, options.compression, options.level, options.block_bytes, lost)
        files = ((path, entry) for path, entry in tree.items() if type(entry) is File)
        data = planner.plan(files, SUPERBLOCK.size)
        try:
            _write(tree, data, out, options)
        except Lost as gone:
            out.unlink()
            if gone.pack in lost:
                raise error(Kind.STORE, f"{gone.pack} keeps vanishing") from None
            lost.add(gone.pack)
        else:
            return


def write(job: Job) -> Digest:
    """Step program: input `tree`; parameters `compression`, `level`, `block_bytes`, `mtime`, each optional."""
    unknown = sorted(set(job.parameters) - {"compression", "level", "block_bytes", "mtime"})
    if unknown:
        raise error(Kind.USAGE, f"a squashfs image has no parameter {unknown[0]!r}")
    out = job.scratch / "root.squashfs"
    build(job.tree(job.inputs["tree"]), job, out, Options(**job.parameters), job.cache)
    return job.put_file(out)


def _write(tree: Tree, data: Data, out: Path, options: Options) -> None:
    level = min(options.level, _METADATA_LEVELS[options.compression])
    compress = block_compressor(options.compression, level, METADATA_BYTES)
    with open(out, "xb", buffering=0) as stream:
        copying = _Copying(data, stream.fileno())
        copying.start()
        try:
            tail, superblock = _tables(tree, data, options, compress)
        finally:
            copying.join()
        if copying.problem is not None:
            raise copying.problem
        _write_at(stream.fileno(), tail, data.end)
        _write_at(stream.fileno(), superblock, 0)


def _tables(tree: Tree, data: Data, options: Options, compress: Callable[[bytes], bytes]) -> tuple[bytes, bytes]:
    """Everything behind the data area, padded to 4 KiB, and the superblock."""
    xattrs = XattrTable(compress)
    inodes = Inodes(tree, data.layouts, xattrs, options.mtime, compress)
    parts: list[bytes] = []
    at = data.end

    def add(part: bytes) -> int:
        nonlocal at
        parts.append(part)
        at += len(part)
        return at - len(part)

    inode_start = add(inodes.inode_table)
    directory_start = add(inodes.directory_table)
    starts: list[int] = []
    for rows in (data.fragments, inodes.export_table, inodes.id_table):
        part, start = indexed_table(rows, at, compress)
        add(part)
        starts.append(start)
    fragment_start, export_start, id_start = starts
    part, xattr_start = xattrs.finish(at)
    add(part)
    superblock = SUPERBLOCK.pack(
        *(MAGIC, inodes.count, options.mtime, options.block_bytes, len(data.fragments) // 16),
        *(COMPRESSOR_IDS[options.compression], options.block_bytes.bit_length() - 1),
        *(FLAG_DUPLICATES | FLAG_EXPORTABLE, len(inodes.id_table) // 4, 4, 0),
        *(inodes.root, at, id_start, xattr_start, inode_start, directory_start, fragment_start, export_start),
    )
    parts.append(bytes(-at % _PAD_BYTES))
    return b"".join(parts), superblock


class _Copying(threading.Thread):
    """Copies the data area while the tables are made: one is the kernel's work, the other the interpreter's."""

    def __init__(self, data: Data, target: int) -> None:
        super().__init__()
        self._data = data
        self._target = target
        self.problem: Exception | None = None

    def run(self) -> None:
        """Copy; a failure is kept in `problem`."""
        try:
            _copy_runs(self._data, self._target)
        except Exception as problem:  # raised again by the thread that waits
            self.problem = problem


def _copy_runs(data: Data, target: int) -> None:
    """Copy the data area from the packs, inside the kernel where it can."""
    at = SUPERBLOCK.size
    source = -1
    opened: Path | None = None
    in_kernel = True
    try:
        for pack, offset, length in data.runs:
            if pack != opened:
                if source >= 0:
                    os.close(source)
                    source = -1
                source, opened = _open(pack), pack
            while length:
                if in_kernel:
                    try:
                        done = os.copy_file_range(source, target, length, offset, at)
                    except OSError:  # not across these file systems, or not at all: the plain way always works
                        in_kernel = False
                        continue
                else:
                    done = os.pwrite(target, os.pread(source, min(length, 1 << 20), offset), at)
                if not done:
                    raise Lost(pack)
                offset, at, length = offset + done, at + done, length - done
    finally:
        if source >= 0:
            os.close(source)


def _write_at(target: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        done = os.pwrite(target, view, at)
        view, at = view[done:], at + done


def _open(pack: Path) -> int:
    try:
        return os.open(pack, os.O_RDONLY)
    except FileNotFoundError:
        raise Lost(pack) from None
