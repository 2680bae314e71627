"""Downloads: the only steps with a network. Each knows the digest and size of what it expects.

Parallel, resumed after a broken connection, never larger than said, kept as blobs. http, https, and file where the user
names one; a redirect leads to http or https only.
"""

from __future__ import annotations

import http.client
import os
import queue
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import Future
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Protocol

from micros.base.digest import digest_of_stream
from micros.base.errors import Kind, MicrosError, error
from micros.base.units import human_bytes
from micros.store.disk import disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from http.client import HTTPMessage
    from pathlib import Path

    from micros.base.digest import Digest
    from micros.store.store import Store

TIMEOUT_SECONDS = 30.0
"""How long a mirror may be silent, unless MICROS_NETWORK_TIMEOUT says other seconds."""
SLOW_BYTES_PER_SECOND = 1024
"""A mirror slower than this for twice the time it may be silent is given up."""
TRIES = 4
PARALLEL = 6
STOP_SECONDS = 0.5
"""How long downloads in progress have to end in order after an interrupt."""
_FINAL = (301, 302, 303, 307, 308, 403, 404, 410)
"""Answers that asking again does not change."""
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file to have: where it is, what it must be, what it is called in messages."""

    url: str
    size: int
    digest: Digest
    name: str


class Watcher(Protocol):
    """Told how downloads go, from any thread; decides nothing."""

    def expected(self, count: int) -> None:
        """So many more bytes will be downloaded."""

    def received(self, count: int) -> None:
        """So many bytes have come."""


class _Unwatched:
    def expected(self, count: int) -> None:
        """Nobody watches."""

    def received(self, count: int) -> None:
        """Nobody watches."""


UNWATCHED: Watcher = _Unwatched()
"""Nobody watches."""


def fetch_all(store: Store, wanted: Iterable[Wanted], *, offline: bool = False, watcher: Watcher = UNWATCHED) -> None:
    """Bring every file into the store that is not there; all failures are reported together.

    Raises errors of kind `offline`, `download` or `digest-mismatch`. The watcher is told bytes as they come.
    """
    missing = {item.digest: item for item in wanted if not store.has(item.digest)}
    if not missing:
        return
    if offline:
        names = sorted(item.name for item in missing.values())
        total = sum(item.size for item in missing.values())
        raise error(
            Kind.OFFLINE,
            f"--offline, and the store lacks {len(names)} files ({human_bytes(total)})",
            notes=[*names[:20], *(["..."] if len(names) > 20 else [])],
            hint="build once without --offline",
        )
    watcher.expected(sum(item.size for item in missing.values()))
    stop = threading.Event()

    def received(count: int) -> None:
        if stop.is_set():
            raise _StoppedError
        if count:
            watcher.received(count)

    with store.workspace() as workspace:

        def one(item: Wanted) -> MicrosError | None:
            try:
                _fetch(store, item, workspace / item.digest, received)
            except MicrosError as problem:
                return problem
            return None

        problems = [problem for problem in _side_by_side(one, missing.values(), stop) if problem is not None]
    if problems:
        raise MicrosError(*(part for problem in problems for part in problem.problems))


class _StoppedError(Exception):
    """Ends a download that nobody waits for any more."""


def _side_by_side(
    one: Callable[[Wanted], MicrosError | None], items: Iterable[Wanted], stop: threading.Event
) -> list[MicrosError | None]:
    """What `one` gives for each item, in their order. An exception, such as an interrupt, sets `stop`, and comes out soon.

    The threads do not hold up the end of the program: one may be waiting for a mirror that is silent.
    """
    futures: list[Future[MicrosError | None]] = []
    waiting: queue.SimpleQueue[tuple[Wanted, Future[MicrosError | None]]] = queue.SimpleQueue()
    for item in items:
        futures.append(Future())
        waiting.put((item, futures[-1]))

    def work() -> None:
        while not stop.is_set():
            try:
                item, future = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                future.set_result(one(item))
            except BaseException as problem:  # it comes out where the result is asked for
                future.set_exception(problem)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(PARALLEL, len(futures)))]
    try:
        for thread in threads:
            thread.start()
        return [future.result() for future in futures]
    except BaseException:
        stop.set()
        limit = time.monotonic() + STOP_SECONDS
        for thread in threads:
            if thread.ident is not None:
                thread.join(max(0.0, limit - time.monotonic()))
        raise


def fetch_small(url: str, *, limit: int) -> bytes:
    """A file whose digest is not known yet, such as a release file. Raises errors of kind `download` or `too-large`."""
    parts: list[bytes] = []
    try:
        with _open(url, 0) as answer:
            whole = _copy(answer, limit + 1, parts.append)
    except (OSError, http.client.HTTPException) as problem:
        raise _failed(url, problem) from None
    data = b"".join(parts)
    if len(data) > limit:
        raise error(Kind.TOO_LARGE, f"{url} is larger than {human_bytes(limit)}")
    if not whole:
        raise _failed(url, ConnectionError(f"the connection ended after {len(data)} bytes"))
    return data


def timeout() -> float:
    """Seconds a mirror may be silent. Raises an error of kind `usage` where the user's own figure is none."""
    named = os.environ.get("MICROS_NETWORK_TIMEOUT")
    try:
        seconds = float(named) if named else TIMEOUT_SECONDS
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise error(Kind.USAGE, f"MICROS_NETWORK_TIMEOUT is {named!r}, which is no number of seconds")
    return seconds


def _fetch(store: Store, item: Wanted, path: Path, progress: Callable[[int], object]) -> None:
    """Bring one file into the store. `progress` is told of bytes, and of each try; what it raises ends the download."""
    failure: MicrosError | None = None
    mismatches = 0
    for attempt in range(TRIES):
        progress(0)
        try:
            _download(store, item, path, progress)
        except (OSError, http.client.HTTPException) as problem:
            failure = _failed(item.url, problem)
            if item.url.startswith("file:") or (isinstance(problem, urllib.error.HTTPError) and problem.code in _FINAL):
                break
            if attempt < TRIES - 1:
                time.sleep(0.3 * 2**attempt)
            continue
        with disk_errors(store.root), path.open("rb") as stream:
            got = digest_of_stream(stream)
        size = path.stat().st_size
        if got == item.digest and size == item.size:
            store.add_file(path)
            return
        kept = store.quarantine(path, got)
        failure = _mismatch(item, got, size, kept)
        mismatches += 1
        if mismatches == 2:
            break
    assert failure is not None
    raise failure


def _mismatch(item: Wanted, got: str, size: int, kept: Path) -> MicrosError:
    return error(
        Kind.DIGEST_MISMATCH,
        f"{item.name} is not what was promised",
        notes=[
            f"from      {item.url}",
            f"expected  sha256 {item.digest}, {item.size} bytes",
            f"got       sha256 {got}, {size} bytes",
            f"kept as   {kept}",
        ],
        hint="the mirror may be damaged or in the middle of an update: try later, or another --mirror",
    )


def _download(store: Store, item: Wanted, path: Path, progress: Callable[[int], object]) -> None:
    """Get what is missing of one file, from where the last try ended, and never more than a byte too much."""
    have = path.stat().st_size if path.exists() else 0
    if have >= item.size > 0:
        return
    with _open(item.url, have) as answer:
        if have and getattr(answer, "status", 200) != 206:
            have = 0
        with disk_errors(store.root, item.size), path.open("r+b" if have else "wb") as out:
            out.seek(have)

            def keep(data: bytes) -> None:
                out.write(data)
                progress(len(data))

            whole = _copy(answer, item.size + 1 - have, keep)
            have = out.tell()
    if have < item.size and not whole:
        raise ConnectionError(f"the connection ended after {have} of {item.size} bytes")


def _copy(answer: http.client.HTTPResponse, most: int, keep: Callable[[bytes], object]) -> bool:
    """Hand on what comes, at most so many bytes; whether that is all the server means to send, by its own word.

    Raises TimeoutError where it comes too slowly.
    """
    announced = answer.headers.get("Content-Length", "")
    left = int(announced) if announced.isascii() and announced.isdigit() else None
    patience = 2 * timeout()
    began, count = time.monotonic(), 0
    while count < most and left != 0:
        # What is there, not a full buffer: else a byte now and then would go unnoticed for hours.
        chunk = answer.read1(min(_CHUNK_BYTES, most - count))
        if not chunk:
            break
        keep(chunk)
        count += len(chunk)
        left = None if left is None else left - len(chunk)
        elapsed = time.monotonic() - began
        if elapsed > patience and count < SLOW_BYTES_PER_SECOND * elapsed:
            raise TimeoutError(f"only {count} bytes in {elapsed:.0f} s")
    return not left


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows http and https only."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if urllib.parse.urlsplit(newurl).scheme not in ("http", "https"):
            raise urllib.error.URLError(f"it redirects to {newurl}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _open(url: str, start: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": "micros"}
    if start:
        headers["Range"] = f"bytes={start}-"
    opener = urllib.request.build_opener(_Redirects)
    try:
        answer: http.client.HTTPResponse = opener.open(urllib.request.Request(url, headers=headers), timeout=timeout())
    except ValueError as problem:  # what urllib says to text that is no URL
        raise urllib.error.URLError(str(problem)) from None
    return answer


def _failed(url: str, problem: Exception) -> MicrosError:
    if isinstance(problem, urllib.error.HTTPError):
        where = f", {' '.join(str(problem.reason).split())}" if 300 <= problem.code < 400 else ""
        reason = f"status {problem.code}{where}"
    else:
        reason = str(problem.reason if isinstance(problem, urllib.error.URLError) else problem) or repr(problem)
    host = url.partition("://")[2].partition("/")[0] or "the file system"
    hint = "check the network and the mirror; choose another with --mirror or MICROS_MIRROR"
    return error(Kind.DOWNLOAD, f"cannot download from {host}: {reason}", notes=[url], hint=hint)
