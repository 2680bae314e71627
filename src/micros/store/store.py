"""The store: everything a build reads or makes, by the digest of its bytes."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import itertools
import os
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from micros.base.digest import Digest, digest_of, digest_of_stream
from micros.base.errors import Kind, damaged, error
from micros.base.sparse import chunks_of, write_sparse
from micros.base.tree import Tree
from micros.store.blocks import Blocks
from micros.store.disk import (
    CONTENT_MODE,
    disk_errors,
    remove_tree,
    sync_directory,
    sync_file,
    sync_file_system,
    write_durably,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = "1"
_PARTS = ("blobs", "results", "locks", "pins", "scratch", "roots", "blocks")
_DAY_SECONDS = 86400
_MOST_ENTRIES = 150_000
"""Of trees kept in memory."""
_FEW_FILES = 16
_SHARDS = [f"{number:02x}" for number in range(256)]


class Store:
    """<root>/version            layout version; a newer one is refused
    <root>/blobs/ab/<sha256>     contents, read-only, never change; a tree is the blob of its manifest
    <root>/results/ab/<key>      result of the step with this key: `blob <digest>` or `tree <digest>`
    <root>/locks/<key>           held (flock) by who builds that step; `users` held shared by every running build
    <root>/pins/<name>.json      digests that garbage collection keeps while an output exists
    <root>/scratch/<random>/     one running build's own space; `<random>.lock` beside it is held by the owner
    <root>/roots/<digest>/       trees laid out as directories, for programs in the sandbox
    <root>/blocks/               compressed blocks, a cache (see blocks.py)
    <root>/quarantine/<sha256>   downloads that were not what they had to be, for people to look at; made when needed

    Everything appears by rename after it is durable, so a crash at any point leaves nothing half-visible. Errors of
    kinds `store` and `no-space` name the file system.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        with disk_errors(root):
            self._open()
        self.blocks = Blocks(root / "blocks")
        self._trees = _Trees()
        self._session: Path | None = None
        self._session_lock: BinaryIO | None = None
        self._session_guard = threading.Lock()

    def _open(self) -> None:
        version = self.root / "version"
        if not version.exists():
            for part in _PARTS:
                (self.root / part).mkdir(mode=0o755, parents=True, exist_ok=True)
            for part in ("blobs", "results"):
                for shard in _SHARDS:
                    (self.root / part / shard).mkdir(exist_ok=True)
            write_durably(version, (VERSION + "\n").encode(), self.root)
        found = version.read_text(errors="replace").strip()
        if found != VERSION:
            hint = "use the MicrOS that made it, or another store with --store or MICROS_STORE"
            raise error(Kind.STORE, f"the store {self.root} has layout {found!r}, this MicrOS knows {VERSION}", hint=hint)

    def blob_path(self, digest: Digest) -> Path:
        """Where a blob lies, or would lie."""
        return self.root / "blobs" / digest[:2] / digest

    def has(self, digest: Digest) -> bool:
        """Whether a blob is here."""
        return self.blob_path(digest).exists()

    def use(self, digest: Digest) -> bool:
        """Whether a blob is here; garbage collection then counts it as used today. For what no result names, as downloads."""
        path = self.blob_path(digest)
        try:
            last = path.stat().st_mtime
        except FileNotFoundError:
            return False
        if time.time() - last > _DAY_SECONDS:
            os.utime(path)
        return True

    def path(self, digest: Digest) -> Path:
        """The file of a blob, which must not be changed. Raises an error of kind `damaged` where it is missing."""
        path = self.blob_path(digest)
        if not path.exists():
            raise self._damaged(digest, "is missing from the store")
        return path

    def open(self, digest: Digest) -> BinaryIO:
        """A blob to read from."""
        return self.path(digest).open("rb")

    def read(self, digest: Digest) -> bytes:
        """A blob's bytes, checked against its digest."""
        with disk_errors(self.root):
            data = self.path(digest).read_bytes()
        if digest_of(data) != digest:
            raise self._damaged(digest, "does not match its digest")
        return data

    def copy(self, digest: Digest, target: Path) -> None:
        """Copy a blob to a new file elsewhere, checked against its digest. Zeros become holes."""
        hasher = hashlib.sha256()
        with self.open(digest) as source, target.open("xb") as out:
            for chunk in chunks_of(source):
                hasher.update(chunk)
                write_sparse(out, chunk)
            out.truncate()
        if hasher.hexdigest() != digest:
            target.unlink()
            raise self._damaged(digest, "does not match its digest")

    def _damaged(self, digest: Digest, what: str) -> Exception:
        return damaged(f"the blob {digest} {what}", [str(self.blob_path(digest))])

    @property
    def scratch(self) -> Path:
        """This process' own space, made on first use, removed by `close`, or later by whoever finds it abandoned."""
        with self._session_guard:
            if self._session is None:
                with disk_errors(self.root):
                    self.remove_abandoned()
                    self._session_lock, self._session = self._new_session()
            return self._session

    def _new_session(self) -> tuple[BinaryIO, Path]:
        """A locked lock file, then its directory: whoever sees the directory also sees that it is owned."""
        while True:
            descriptor, name = tempfile.mkstemp(dir=self.root / "scratch", suffix=".lock")
            lock = os.fdopen(descriptor, "wb")
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock.fileno()).st_nlink:
                path = Path(name.removesuffix(".lock"))
                path.mkdir()
                return lock, path
            lock.close()  # taken for abandoned between its making and its locking

    def remove_abandoned(self) -> None:
        """Remove the scratch space of builders that died: their locks are free, whoever has their process id now."""
        scratch = self.root / "scratch"
        for lock_path in scratch.glob("*.lock"):
            try:
                with lock_path.open("rb") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    remove_tree(lock_path.with_suffix(""))
                    lock_path.unlink(missing_ok=True)
            except (BlockingIOError, FileNotFoundError):
                continue
        for path in scratch.iterdir():
            if path.suffix != ".lock" and not path.with_name(path.name + ".lock").exists() and path.is_dir():
                with contextlib.suppress(FileNotFoundError):  # another process removes it too
                    remove_tree(path)

    @contextlib.contextmanager
    def workspace(self) -> Iterator[Path]:
        """An empty directory for one job."""
        with disk_errors(self.root):
            path = Path(tempfile.mkdtemp(dir=self.scratch))
        try:
            yield path
        finally:
            remove_tree(path)

    def close(self) -> None:
        """Remove this process' space."""
        if self._session is not None and self._session_lock is not None:
            with disk_errors(self.root), self._session_lock:
                remove_tree(self._session)
                self._session.with_name(self._session.name + ".lock").unlink(missing_ok=True)
            self._session = self._session_lock = None

    def add_bytes(self, data: bytes) -> Digest:
        """Keep a content, durably; known contents cost a look."""
        digest = digest_of(data)
        if not self.has(digest):
            with disk_errors(self.root, len(data)):
                write_durably(self.blob_path(digest), data, self.scratch, CONTENT_MODE)
        return digest

    def add_file(self, path: Path) -> Digest:
        """Keep a scratch file, which moves into the store."""
        with disk_errors(self.root), path.open("rb") as stream, ThreadPoolExecutor(1) as other:
            os.fchmod(stream.fileno(), CONTENT_MODE)
            durable = other.submit(os.fsync, stream.fileno())  # the disk works while the digest is computed
            digest = digest_of_stream(stream)
            durable.result()
            if not self.has(digest):
                os.rename(path, self.blob_path(digest))
                sync_directory(self.blob_path(digest).parent)
        return digest

    def quarantine(self, path: Path, digest: Digest) -> Path:
        """Put a scratch file aside, where nothing reads it but people; its new path."""
        kept = self.root / "quarantine" / digest
        with disk_errors(self.root):
            kept.parent.mkdir(exist_ok=True)
            os.rename(path, kept)
        return kept

    def add_tree(self, tree: Tree) -> Digest:
        """Keep a tree's manifest; its contents are put by themselves."""
        digest = self.add_bytes(tree.manifest())
        self._trees.put(digest, tree)
        return digest

    def tree(self, digest: Digest) -> Tree:
        """A tree by the digest of its manifest. One that was used lately is not read again."""
        tree = self._trees.get(digest)
        if tree is None:
            tree = Tree.from_manifest(self.read(digest))
            self._trees.put(digest, tree)
        return tree


class _Trees:
    """The trees used last, as long as they have few entries together: about 500 bytes each."""

    def __init__(self) -> None:
        self._trees: dict[Digest, Tree] = {}
        self._entries = 0
        self._guard = threading.Lock()

    def get(self, digest: Digest) -> Tree | None:
        with self._guard:
            tree = self._trees.pop(digest, None)
            if tree is not None:
                self._trees[digest] = tree
            return tree

    def put(self, digest: Digest, tree: Tree) -> None:
        with self._guard:
            if digest not in self._trees:
                self._trees[digest] = tree
                self._entries += len(tree)
            while self._entries > _MOST_ENTRIES:
                oldest = next(iter(self._trees))
                self._entries -= len(self._trees.pop(oldest))


class Batch:
    """Many contents kept at once: written to scratch as they come, made durable and visible together by `commit`."""

    def __init__(self, store: Store, workspace: Path) -> None:
        self._store = store
        self._directory = workspace
        self._files: dict[Digest, Path] = {}
        self._numbers = itertools.count()
        self._guard = threading.Lock()

    def put(self, data: bytes | bytearray) -> Digest:
        """Keep a content once the batch is committed."""
        digest = digest_of(data)
        if digest not in self._files and not self._store.has(digest):
            path = self._directory / f".{digest}.{next(self._numbers)}"
            with disk_errors(self._store.root, len(data)):
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, CONTENT_MODE)
                with os.fdopen(descriptor, "wb", buffering=0) as stream:
                    view = memoryview(data)
                    while view:
                        view = view[stream.write(view) :]
            with self._guard:
                self._files.setdefault(digest, path)
        return digest

    def pending(self, digest: Digest) -> Path | None:
        """The file of a content not committed yet."""
        return self._files.get(digest)

    def commit(self) -> None:
        """Make all of it durable, then visible."""
        if not self._files:
            return
        with self._guard, disk_errors(self._store.root):
            # The whole file system has others' data to write too: for a few files, only theirs.
            few = len(self._files) <= _FEW_FILES
            for path in self._files.values():
                os.chmod(path, CONTENT_MODE)
                if few:
                    sync_file(path)
            if not few:
                sync_file_system(self._directory)
            for digest, path in self._files.items():
                os.rename(path, self._store.blob_path(digest))
                if few:
                    sync_directory(self._store.blob_path(digest).parent)
            if not few:
                sync_file_system(self._directory)
            self._files.clear()


def default_root() -> Path:
    """Where the store is unless the user says: MICROS_STORE, else `micros` in the user's cache directory."""
    if named := os.environ.get("MICROS_STORE"):
        return Path(named).absolute()
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if cache.startswith("/"):
        return Path(cache, "micros")
    home = os.environ.get("HOME", "")
    if not home.startswith("/") or not os.access(home, os.W_OK):
        raise error(
            Kind.STORE,
            f"no place for the store: HOME is {home!r}, which is not a directory that can be written",
            hint="set MICROS_STORE or XDG_CACHE_HOME, or say --store DIR",
        )
    return Path(home, ".cache", "micros")
