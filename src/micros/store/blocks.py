"""The block cache: small derived values by key, in packs that can be copied from in long runs.

    blocks/<sha256>.pack     values of one `put`, one after another; named by its digest
    blocks/index.sqlite      key -> pack, offset, length

Losing any of it costs time only: an index that cannot be read is dropped, and a pack that is missing is forgotten.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.digest import Digest
from micros.store.disk import CONTENT_MODE, disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SCHEMA = 1
_QUERY_KEYS = 5000

Place = tuple[Path, int, int]


class Blocks:
    """A directory of packs and its index; safe for several processes at once. Implements `base.step.BlockCache`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def locate(self, keys: Iterable[Digest]) -> Mapping[Digest, Place]:
        """Pack file, offset and length of every key that is known and whose pack is there."""
        wanted = sorted(map(bytes.fromhex, keys))
        try:
            return self._located(wanted)
        except sqlite3.DatabaseError as problem:
            self._forget(problem)
            return {}

    def _located(self, wanted: list[bytes]) -> dict[Digest, Place]:
        found: dict[Digest, Place] = {}
        packs: dict[bytes, tuple[Path, int] | None] = {}
        with self._index() as index:
            for start in range(0, len(wanted), _QUERY_KEYS):
                part = wanted[start : start + _QUERY_KEYS]
                marks = ",".join("?" * len(part))
                for key, pack, offset, length in index.execute(
                    f"SELECT key, pack, start, length FROM block WHERE key IN ({marks})", part
                ):
                    if pack not in packs:
                        packs[pack] = self._usable(pack)
                    usable = packs[pack]
                    if usable is not None and offset + length <= usable[1]:
                        found[Digest(key.hex())] = (usable[0], offset, length)
        return found

    def put(self, values: Mapping[Digest, bytes]) -> Mapping[Digest, Place]:
        """Keep these values in a new pack, in the mapping's order."""
        if not values:
            return {}
        hasher = hashlib.sha256()
        rows: list[tuple[bytes, int, int]] = []
        offset = 0
        with disk_errors(self.directory, sum(map(len, values.values()))):
            descriptor, name = tempfile.mkstemp(dir=self.directory, suffix=".new")
            with os.fdopen(descriptor, "wb") as stream:
                for key, value in values.items():
                    stream.write(value)
                    hasher.update(value)
                    rows.append((bytes.fromhex(key), offset, len(value)))
                    offset += len(value)
                stream.flush()
                os.fsync(stream.fileno())
                os.fchmod(stream.fileno(), CONTENT_MODE)
            path = self.directory / f"{hasher.hexdigest()}.pack"
            os.rename(name, path)
        pack = hasher.digest()
        try:
            with self._index() as index, index:
                index.executemany(
                    "INSERT OR REPLACE INTO block (key, pack, start, length) VALUES (?, ?, ?, ?)",
                    [(key, pack, start, length) for key, start, length in rows],
                )
        except sqlite3.DatabaseError as problem:
            self._forget(problem)
        return {Digest(key.hex()): (path, start, length) for key, start, length in rows}

    def prune(self, oldest: float, most_bytes: int) -> int:
        """Remove packs not used since `oldest` (Unix time), then the least recently used over `most_bytes`.

        Returns the bytes freed. Only for who holds the store alone.
        """
        freed = kept = 0
        packs = [(path.stat(), path) for path in self.directory.glob("*.pack")]
        for status, path in sorted(packs, key=lambda pair: pair[0].st_mtime, reverse=True):
            kept += status.st_size
            if status.st_mtime < oldest or kept > most_bytes:
                path.unlink()
                freed += status.st_size
        for path in self.directory.glob("*.new"):
            freed += path.stat().st_size
            path.unlink()
        try:
            with self._index() as index, index:
                for (pack,) in index.execute("SELECT DISTINCT pack FROM block").fetchall():
                    if self._usable_size(pack) is None:
                        index.execute("DELETE FROM block WHERE pack = ?", (pack,))
        except sqlite3.DatabaseError as problem:
            self._forget(problem)
        return freed

    def _usable_size(self, pack: bytes) -> int | None:
        path = self.directory / f"{pack.hex()}.pack"
        return path.stat().st_size if path.exists() else None

    def _forget(self, problem: sqlite3.DatabaseError) -> None:
        """Drop an index that cannot be read or written: it is a cache. A busy or full disk leaves it alone."""
        code = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH):
            for name in ("index.sqlite", "index.sqlite-journal"):
                (self.directory / name).unlink(missing_ok=True)

    def _usable(self, pack: bytes) -> tuple[Path, int] | None:
        """The pack's file and size, marked as used now for garbage collection; None where it is gone."""
        path = self.directory / f"{pack.hex()}.pack"
        try:
            os.utime(path)
            return path, path.stat().st_size
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def _index(self) -> Iterator[sqlite3.Connection]:
        """The index, made anew where it is missing, damaged or of another version."""
        connection = self._connect()
        try:
            yield connection
        finally:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        path = self.directory / "index.sqlite"
        for last in (False, True):
            connection = sqlite3.connect(path, timeout=60)
            try:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                if version == 0:
                    connection.execute(
                        "CREATE TABLE IF NOT EXISTS block "
                        "(key BLOB PRIMARY KEY, pack BLOB, start INTEGER, length INTEGER) WITHOUT ROWID"
                    )
                    connection.execute(f"PRAGMA user_version = {_SCHEMA}")
                connection.execute("SELECT key, pack, start, length FROM block LIMIT 1").fetchone()
                if version in (0, _SCHEMA):
                    return connection
            except sqlite3.DatabaseError as problem:
                connection.close()
                if last:
                    raise
                self._forget(problem)
                continue
            connection.close()
            path.unlink(missing_ok=True)
        return sqlite3.connect(path, timeout=60)
