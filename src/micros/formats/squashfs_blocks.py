"""The data area of a squashfs image: compressed blocks, made once, kept in a cache, and copied into every image.

A content of at least one block has its own blocks, cached in segments of up to 8 MiB; all the smaller ones share fragment
blocks, each cached by the list of what is in it. Fragments are filled in an order that only depends on names; one
that is half full ends before one name of 64, so that a file that grows disturbs the few fragments up to such a name.
"""

from __future__ import annotations

import functools
import os
import struct
import zlib
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from micros.base.digest import Digest, digest_of
from micros.base.errors import Kind, error
from micros.formats.compress import block_compressor, code_filter, codec_name
from micros.formats.squashfs_layout import BLOCK_UNCOMPRESSED, FRAGMENT, NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from micros.base.step import Blobs, BlockCache
    from micros.base.tree import File
    from micros.formats.compress import CodeFilter, Compression

SEGMENT_BYTES = 8 << 20
_BATCH_BYTES = 16 << 20
_CUT_MASK = 63

Small = tuple[str, str, int]
"""What orders a content that is smaller than a block: kind, first path; and its size."""


class Layout(NamedTuple):
    """Where a content is: byte position of its blocks in the image, their sizes (u32 each, 0 = all zeros), the fragment
    and the offset in it, and how many bytes are in blocks of zeros."""

    start: int
    sizes: bytes
    fragment: int
    offset: int
    sparse: int


class Raw(NamedTuple):
    """A block to compress; zeros alone need no bytes where `sparse`."""

    compress: Callable[[bytes], bytes]
    data: bytes
    sparse: bool


EMPTY = Layout(0, b"", NOTHING, 0, 0)


@dataclass(frozen=True, slots=True)
class Data:
    """A planned data area: layouts by digest, the fragment table's rows, and what to copy, in order."""

    layouts: dict[Digest, Layout]
    fragments: bytes
    runs: list[tuple[Path, int, int]]
    end: int
    """Position behind the last block."""


class Lost(Exception):  # noqa: N818 - a signal to plan again, not an error
    """A pack went away between planning and copying."""

    def __init__(self, pack: Path) -> None:
        super().__init__(str(pack))
        self.pack = pack


@functools.cache
def _code() -> Digest:
    """The digest of the code that makes blocks: what another code made is not what this one would make."""
    here = Path(__file__)
    return digest_of(here.read_bytes() + here.with_name("compress.py").read_bytes())


class Planner:
    """Finds or makes the blocks of one image's files. `lost` are packs that are known to be gone."""

    def __init__(
        self, blobs: Blobs, cache: BlockCache, compression: Compression, level: int, block_bytes: int, lost: set[Path]
    ) -> None:
        self._blobs = blobs
        self._cache = cache
        self._codec = (compression, level, block_bytes)
        self._block_bytes = block_bytes
        self._segment_bytes = max(SEGMENT_BYTES, block_bytes)
        self._prefix = f"squashfs block {_code()}|{codec_name(compression, level)}|{block_bytes}|"
        self._lost = lost
        self._large: dict[Digest, int] = {}
        self._keys: dict[Digest, tuple[Digest, list[Digest]]] = {}
        self._small: dict[Digest, Small] = {}
        self._groups: list[list[Digest]] = []
        self._group_keys: list[Digest] = []
        self._places: dict[Digest, tuple[Path, int, int]] = {}
        self._batch: dict[Digest, bytes] = {}
        self._batch_bytes = 0

    def plan(self, files: Iterable[tuple[str, File]], start: int) -> Data:
        """Lay out the contents of files, given in path order, from byte `start` of the image.

        Raises an error of kind `damaged` where a content is not what the tree says.
        """
        limit = self._block_bytes
        large, small = self._large, self._small
        known: dict[Digest, int] = {}
        for path, entry in files:
            if entry.size < 0 or known.setdefault(entry.digest, entry.size) != entry.size:
                raise error(Kind.BAD_TREE, f"/{path} cannot have {entry.size} bytes, by what else has its content")
            if entry.size >= limit:
                large[entry.digest] = entry.size
            elif entry.size and entry.digest not in small:
                small[entry.digest] = (_kind(path, entry.mode), path, entry.size)
        self._keys = {digest: self._keys_of(digest, size) for digest, size in large.items()}
        self._groups = _fragments(small, limit)
        self._group_keys = [self._key("f|" + "".join(group)) for group in self._groups]
        found = self._cache.locate([key for own in self._keys.values() for key in (own[0], *own[1])] + self._group_keys)
        self._places = {key: place for key, place in found.items() if place[0] not in self._lost}
        sizes = self._known_sizes()
        self._make(sizes)
        return self._lay_out(sizes, start)

    def _key(self, text: str) -> Digest:
        return Digest(sha256((self._prefix + text).encode("ascii")).hexdigest())

    def _keys_of(self, digest: Digest, size: int) -> tuple[Digest, list[Digest]]:
        """The key of a content's list of block sizes, and of each segment of its blocks."""
        segments = range(-(-size // self._segment_bytes))
        return self._key(f"n|{digest}"), [self._key(f"d|{digest}|{segment}") for segment in segments]

    def _known_sizes(self) -> dict[Digest, bytes]:
        """The block sizes of the contents whose blocks are all there and as long as they should be."""
        places = self._places
        lists = {digest: places[own[0]] for digest, own in self._keys.items() if own[0] in places}
        known = _read_all(lists)
        per_segment = self._segment_bytes // self._block_bytes
        for digest, sizes in list(known.items()):
            numbers = _numbers(sizes)
            usable = len(numbers) == -(-self._large[digest] // self._block_bytes)
            for index, key in enumerate(self._keys[digest][1]):
                part = numbers[index * per_segment : (index + 1) * per_segment]
                length = sum(number & ~BLOCK_UNCOMPRESSED for number in part)
                usable = usable and (not length or (key in places and places[key][2] == length))
            if not usable:
                del known[digest]
        return known

    def _make(self, sizes: dict[Digest, bytes]) -> None:
        """Compress what is not known, adding to `sizes`."""
        missing = [digest for digest in self._large if digest not in sizes]
        groups = [number for number, key in enumerate(self._group_keys) if key not in self._places]
        raw_bytes = sum(self._large[digest] for digest in missing) + len(groups) * self._block_bytes
        lists: dict[Digest, bytes] = {}
        with closing(_in_order(self._work(missing, groups), parallel=raw_bytes > self._block_bytes)) as packed:
            for digest in missing:
                sizes[digest] = lists[self._keys[digest][0]] = self._collect(packed, digest)
            for number in groups:
                self._keep(self._group_keys[number], next(packed)[1])
        self._batch |= lists
        self._flush()

    def _work(self, missing: list[Digest], groups: list[int]) -> Iterator[Raw]:
        for digest in missing:
            yield from self._blocks_of(digest)
        for number in groups:
            yield self._group(self._groups[number])

    def _blocks_of(self, digest: Digest) -> Iterator[Raw]:
        """The raw blocks of a content; checks it on the way."""
        hasher = sha256()
        compress = None
        left = self._large[digest]
        with self._blobs.open(digest) as stream:
            while left:
                raw = stream.read(min(self._block_bytes, left))
                if len(raw) < min(self._block_bytes, left):
                    raise error(Kind.DAMAGED, f"the content {digest} is shorter than the tree says")
                hasher.update(raw)
                left -= len(raw)
                if compress is None:
                    compress = block_compressor(*self._codec, code_filter(raw[:20]))
                yield Raw(compress, raw, sparse=True)
            rest = stream.read(1)
        if rest or hasher.hexdigest() != digest:
            raise error(Kind.DAMAGED, f"the content {digest} is not what its name says")

    def _group(self, group: list[Digest]) -> Raw:
        """The raw fragment block of some contents."""
        parts: list[bytes] = []
        code: dict[CodeFilter, int] = {"": 0, "x86": 0, "arm": 0}
        for digest in group:
            part = self._blobs.read(digest)
            if len(part) != self._small[digest][2]:
                raise error(Kind.DAMAGED, f"the content {digest} is not as long as the tree says")
            code[code_filter(part[:20])] += len(part)
            parts.append(part)
        most = max(code, key=code.__getitem__)
        return Raw(block_compressor(*self._codec, most), b"".join(parts), sparse=False)

    def _collect(self, packed: Iterator[tuple[int, bytes]], digest: Digest) -> bytes:
        """Take a content's compressed blocks and keep them; returns their sizes."""
        numbers: list[int] = []
        for index, key in enumerate(self._keys[digest][1]):
            segment = min(self._segment_bytes, self._large[digest] - index * self._segment_bytes)
            parts: list[bytes] = []
            for _ in range(-(-segment // self._block_bytes)):
                number, data = next(packed)
                numbers.append(number)
                parts.append(data)
            self._keep(key, b"".join(parts))
        return struct.pack(f"<{len(numbers)}I", *numbers)

    def _keep(self, key: Digest, value: bytes) -> None:
        if value:
            self._batch[key] = value
            self._batch_bytes += len(value)
            if self._batch_bytes >= _BATCH_BYTES:
                self._flush()

    def _flush(self) -> None:
        if self._batch:
            self._places.update(self._cache.put(self._batch))
        self._batch = {}
        self._batch_bytes = 0

    def _lay_out(self, sizes: Mapping[Digest, bytes], start: int) -> Data:
        layouts: dict[Digest, Layout] = {}
        places = self._places
        runs: list[tuple[Path, int, int]] = []
        at = start
        for digest, size in self._large.items():
            own = sizes[digest]
            layouts[digest] = Layout(at, own, NOTHING, 0, _sparse_bytes(own, size, self._block_bytes))
            for key in self._keys[digest][1] if any(own) else ():
                if key in places:  # a segment of zeros only has no blocks
                    runs.append(places[key])
                    at += places[key][2]
        rows: list[bytes] = []
        for number, (group, key) in enumerate(zip(self._groups, self._group_keys, strict=True)):
            place = places[key]
            offset = 0
            for digest in group:
                layouts[digest] = Layout(0, b"", number, offset, 0)
                offset += self._small[digest][2]
            # a fragment that did not shrink is kept as it is, and is known by that
            rows.append(FRAGMENT.pack(at, place[2] | (BLOCK_UNCOMPRESSED if place[2] == offset else 0), 0))
            runs.append(place)
            at += place[2]
        return Data(layouts, b"".join(rows), _joined(runs), at)


def _kind(path: str, mode: int) -> str:
    """What a file is likely to be, by its name: like next to like compresses better."""
    name = path[path.rfind("/") + 1 :]
    dot = name.rfind(".")
    if ".so" in name:
        return "\0"
    if dot > 0:
        return name[dot:]
    return "\0" if mode & 0o111 else ""


def _fragments(small: Mapping[Digest, Small], limit: int) -> list[list[Digest]]:
    """The contents of each fragment block, in order."""
    groups: list[list[Digest]] = []
    group: list[Digest] = []
    filled = limit
    crc32 = zlib.crc32
    for (_, path, size), digest in sorted((place, digest) for digest, place in small.items()):
        ends = filled > limit // 2 and not crc32(path.encode("utf-8", "surrogateescape")) & _CUT_MASK
        filled += size
        if filled > limit or ends:
            group = []
            groups.append(group)
            filled = size
        group.append(digest)
    return groups


def _numbers(sizes: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(sizes) // 4}I", sizes[: len(sizes) // 4 * 4])


def _sparse_bytes(sizes: bytes, size: int, block_bytes: int) -> int:
    if b"\0\0\0\0" not in sizes:
        return 0
    numbers = _numbers(sizes)
    return sum(min(block_bytes, size - index * block_bytes) for index, number in enumerate(numbers) if not number)


def _read_all(places: Mapping[Digest, tuple[Path, int, int]]) -> dict[Digest, bytes]:
    """Small values, read with one opening of each pack; what cannot be read is left out."""
    by_pack: dict[Path, list[tuple[Digest, int, int]]] = {}
    for key, (pack, offset, length) in places.items():
        by_pack.setdefault(pack, []).append((key, offset, length))
    values: dict[Digest, bytes] = {}
    for pack, wanted in by_pack.items():
        try:
            descriptor = os.open(pack, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            for key, offset, length in wanted:
                value = os.pread(descriptor, length, offset)
                if len(value) == length:
                    values[key] = value
        finally:
            os.close(descriptor)
    return values


def _joined(runs: list[tuple[Path, int, int]]) -> list[tuple[Path, int, int]]:
    """Neighbours of one pack as one run."""
    joined: list[tuple[Path, int, int]] = []
    pack: Path | None = None
    begin = end = 0
    for path, offset, length in runs:
        if offset == end and (path is pack or path == pack):
            end += length
            continue
        if pack is not None:
            joined.append((pack, begin, end - begin))
        pack, begin, end = path, offset, offset + length
    if pack is not None:
        joined.append((pack, begin, end - begin))
    return joined


def _in_order(work: Iterable[Raw], *, parallel: bool) -> Generator[tuple[int, bytes], None, None]:
    """Compress in several threads, in order, with a few blocks in memory: yields a block's size field and its bytes."""
    workers = len(os.sched_getaffinity(0))
    if not parallel or workers == 1:
        yield from map(_packed, work)
        return
    from collections import deque
    from concurrent.futures import Future, ThreadPoolExecutor

    waiting: deque[Future[tuple[int, bytes]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in work:
                waiting.append(pool.submit(_packed, item))
                if len(waiting) > 3 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _packed(block: Raw) -> tuple[int, bytes]:
    raw = block.data
    if block.sparse and not raw[0] and not raw.strip(b"\0"):
        return 0, b""
    data = block.compress(raw)
    return (len(data), data) if len(data) < len(raw) else (len(raw) | BLOCK_UNCOMPRESSED, raw)


class SpoolCache:
    """A cache that lives as long as its directory: what a build without a cache works with."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._places: dict[Digest, tuple[Path, int, int]] = {}
        self._packs = 0

    def locate(self, keys: Iterable[Digest]) -> Mapping[Digest, tuple[Path, int, int]]:
        """Pack file, offset and length of every key that is known."""
        return {key: self._places[key] for key in keys if key in self._places}

    def put(self, values: Mapping[Digest, bytes]) -> Mapping[Digest, tuple[Path, int, int]]:
        """Keep these values in a new pack, in the mapping's order."""
        pack = self._directory / f"{self._packs}.pack"
        self._packs += 1
        places: dict[Digest, tuple[Path, int, int]] = {}
        offset = 0
        with pack.open("xb") as stream:
            for key, value in values.items():
                stream.write(value)
                places[key] = (pack, offset, len(value))
                offset += len(value)
        self._places.update(places)
        return places
