"""What stays: pins, garbage collection, verification."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from micros.base.digest import Digest, digest_of, digest_of_stream
from micros.base.errors import Kind, MicrosError, error
from micros.base.tree import File, Symlink, Tree
from micros.store.disk import CONTENT_MODE, disk_errors, remove_tree, write_durably

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from micros.store.store import Store

KEEP_DAYS = 14
"""Results and contents used or added within this many days survive a collection, pinned or not."""

PACKS_BYTES = 2 << 30
"""Compressed blocks kept at most, the most recently used first."""


@contextlib.contextmanager
def using(store: Store) -> Iterator[None]:
    """Hold the store against garbage collection while a build runs."""
    with disk_errors(store.root), (store.root / "locks" / "users").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def pin(store: Store, output: Path, digests: Iterable[Digest]) -> None:
    """Keep these blobs, and what the trees among them name, while `output` exists."""
    name = output.absolute().as_posix()
    unique = digest_of(os.fsencode(name))[:16]
    file_name = f"{os.path.basename(name)[-60:]}-{unique}.json"
    data = json.dumps({"output": name, "digests": sorted(set(digests))}).encode()
    path = store.root / "pins" / file_name
    with disk_errors(store.root):
        if not path.exists() or path.read_bytes() != data:
            write_durably(path, data, store.scratch)


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection removed."""

    blobs: int
    results: int
    bytes: int


def collect(store: Store, *, keep_days: float = KEEP_DAYS) -> Collected:
    """Remove what no pin and no recently used result needs. Waits for running builds; may be killed at any point.

    Results go before the blobs they name, so what is left always fits together. Blobs that no result names (fetched
    files) stay as long as results do. Errors: `damaged` for a pin that cannot be read; nothing is removed then.
    """
    with disk_errors(store.root), (store.root / "locks" / "users").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _collect(store, time.time() - keep_days * 86400)


def _collect(store: Store, oldest: float) -> Collected:
    kept = _pinned(store)
    freed = blobs = results = 0
    for path in sorted((store.root / "results").glob("??/*")):
        words = path.read_text(errors="replace").split()
        if len(words) == 2 and (path.stat().st_mtime >= oldest or words[1] in kept):
            kept.add(Digest(words[1]))
            if words[0] == "tree":
                kept |= _named(store, Digest(words[1]))
        else:
            path.unlink()
            results += 1
    for path in sorted((store.root / "blobs").glob("??/*")):
        status = path.stat()
        if path.name not in kept and status.st_mtime < oldest:
            freed += status.st_size
            path.unlink()
            blobs += 1
    freed += store.blocks.prune(oldest, PACKS_BYTES)
    for path in (store.root / "roots").iterdir():
        if path.stat().st_mtime < oldest:
            with store.workspace() as workspace:
                os.rename(path, workspace / "root")  # whole or gone, should this be killed
    for path in (store.root / "quarantine").glob("*"):
        if path.stat().st_mtime < oldest:
            freed += path.stat().st_size
            path.unlink()
    for path in (store.root / "locks").iterdir():
        if path.name != "users":
            path.unlink()
    store.remove_abandoned()
    return Collected(blobs, results, freed)


def _pinned(store: Store) -> set[Digest]:
    """All digests that pins keep; a pin whose output is gone goes too."""
    kept: set[Digest] = set()
    for path in (store.root / "pins").glob("*.json"):
        record = _pin_record(path)
        if record is None:
            hint = "build its output again, or remove the file if the output is not needed any more"
            raise error(Kind.DAMAGED, "a pin cannot be read", notes=[str(path)], hint=hint)
        if not os.path.lexists(record["output"]):
            path.unlink()
            continue
        for digest in record["digests"]:
            kept.add(digest)
            kept |= _named(store, digest)
    return kept


def _pin_record(path: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(path.read_bytes())
        return record if isinstance(record["output"], str) and isinstance(record["digests"], list) else None
    except (ValueError, KeyError, TypeError):
        return None


def _named(store: Store, digest: Digest) -> set[Digest]:
    """The contents a tree names; nothing for other blobs."""
    path = store.blob_path(digest)
    if not path.exists():
        return set()
    with path.open("rb") as stream:
        if stream.read(2) not in (b"[[", b"[]"):
            return set()
    try:
        return set(Tree.from_manifest(path.read_bytes()).blobs())
    except MicrosError:
        return set()


@dataclass(frozen=True, slots=True)
class Damage:
    """One file of the store that is not what its name says."""

    path: Path
    expected: str
    got: str
    mode_only: bool = False
    """The bytes are right, and only the permissions are not."""


def verify(store: Store, *, repair: bool) -> tuple[int, list[Damage]]:
    """Hash every blob and pack: how many there are, and which are damaged.

    With `repair` the damaged ones are removed, so that the next build fetches or makes them again. Results that name
    damaged contents, trees laid out for programs that somebody changed, and pins that cannot be read are damaged too.
    """
    count = 0
    damages: list[Damage] = []
    with using(store), disk_errors(store.root):
        blobs = sorted((store.root / "blobs").glob("??/*"))
        packs = sorted((store.root / "blocks").glob("*.pack"))
        for path in [*blobs, *packs]:
            count += 1
            damages += _damage(path)
        for path in sorted((store.root / "results").glob("??/*")):
            words = path.read_text(errors="replace").split()
            bad = {damage.path.name for damage in damages if not damage.mode_only}
            if len(words) != 2 or not _whole(store, Digest(words[1]), bad):
                damages.append(Damage(path, "the result of a step", " ".join(words)[:80] or "nothing"))
        for root in sorted((store.root / "roots").iterdir()):
            damages += _root_damage(store, root)
        pins = [path for path in (store.root / "pins").glob("*.json") if _pin_record(path) is None]
        damages += [Damage(path, "a pin", "unreadable") for path in pins]
        if repair:
            for damage in damages:
                _repair(damage)
    return count, damages


def _damage(path: Path) -> list[Damage]:
    """What is wrong with a blob or pack: nothing, or one thing."""
    expected = path.name.removesuffix(".pack")
    mode = path.lstat().st_mode
    if not stat.S_ISREG(mode):
        return [Damage(path, expected, "not a regular file")]
    try:
        with path.open("rb") as stream:
            got: str = digest_of_stream(stream)
    except OSError as problem:
        got = problem.strerror or "unreadable"
    if got != expected:
        return [Damage(path, expected, got)]
    if mode & 0o7777 != CONTENT_MODE:
        return [Damage(path, f"mode {CONTENT_MODE:04o}", f"mode {mode & 0o7777:04o}", mode_only=True)]
    return []


def _root_damage(store: Store, root: Path) -> list[Damage]:
    """The first entry of a tree laid out for programs that is not as the tree says, if there is one."""
    digest = Digest(root.name)
    if not store.has(digest) or _damage(store.blob_path(digest)):
        return []  # nothing to compare with: the tree itself is reported, or was collected
    for path, entry in store.tree(digest).items():
        place = root / path
        if isinstance(entry, File):
            regular = stat.S_ISREG(place.lstat().st_mode) if os.path.lexists(place) else False
            with place.open("rb") if regular else contextlib.nullcontext() as stream:
                got = "no file" if stream is None else digest_of_stream(stream)
            expected: str = entry.digest
        elif isinstance(entry, Symlink):
            expected, got = entry.target, os.readlink(place) if place.is_symlink() else "no link"
        else:
            continue
        if got != expected:
            return [Damage(root, f"{path}: {expected}", got)]
    return []


def _repair(damage: Damage) -> None:
    """Remove what is damaged; give back its mode to what has only lost that."""
    if damage.mode_only:
        os.chmod(damage.path, CONTENT_MODE)
    elif damage.path.is_dir() and not damage.path.is_symlink():
        remove_tree(damage.path)
    else:
        damage.path.unlink()


def _whole(store: Store, digest: Digest, bad: set[str]) -> bool:
    """Whether a result and, for a tree, all its contents are here and not among the bad ones."""
    return (
        digest not in bad
        and store.has(digest)
        and all(content not in bad and store.has(content) for content in _named(store, digest))
    )
