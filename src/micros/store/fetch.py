"""Downloads: the only steps with a network. Each knows the digest and size of what it expects.

Parallel, resumed after a broken connection, never larger than said, kept as blobs. http, https, and file where the user
names one; a redirect leads to http or https only.
"""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

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
SLOW_BYTES_PER_SECOND = 1024
SLOW_SECONDS = 60.0
TRIES = 4
PARALLEL = 6
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file to have: where it is, what it must be, what it is called in messages."""

    url: str
    size: int
    digest: Digest
    name: str


def fetch_all(
    store: Store, wanted: Iterable[Wanted], *, offline: bool = False, progress: Callable[[int], object] | None = None
) -> None:
    """Bring every file into the store that is not there; all failures are reported together.

    Raises errors of kind `offline`, `download` or `digest-mismatch`. `progress` is told bytes as they come.
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
    problems: list[MicrosError] = []
    with ThreadPoolExecutor(PARALLEL) as pool, store.workspace() as workspace:

        def one(item: Wanted) -> MicrosError | None:
            try:
                _fetch(store, item, workspace / item.digest, progress or _unwatched)
            except MicrosError as problem:
                return problem
            return None

        problems = [problem for problem in pool.map(one, missing.values()) if problem is not None]
    if problems:
        raise MicrosError(*(part for problem in problems for part in problem.problems))


def _unwatched(count: int) -> None:
    """Nobody watches."""


def fetch_small(url: str, *, limit: int) -> bytes:
    """A file whose digest is not known yet, such as a release file. Raises errors of kind `download`."""
    try:
        with _open(url, 0) as answer:
            data = answer.read(limit + 1)
    except (OSError, http.client.HTTPException) as problem:
        raise _failed(url, problem) from None
    if len(data) > limit:
        raise error(Kind.TOO_LARGE, f"{url} is larger than {human_bytes(limit)}")
    return bytes(data)


def _fetch(store: Store, item: Wanted, path: Path, progress: Callable[[int], object]) -> None:
    last: Exception | None = None
    got, size = "nothing", 0
    for attempt in range(TRIES):
        try:
            _download(store, item, path, progress)
        except (OSError, http.client.HTTPException) as problem:
            if isinstance(problem, urllib.error.HTTPError) and problem.code in (403, 404, 410):
                raise _failed(item.url, problem) from None
            last = problem
            time.sleep(0.3 * 2**attempt)
            continue
        hasher = hashlib.sha256(path.read_bytes())
        if hasher.hexdigest() == item.digest and path.stat().st_size == item.size:
            store.add_file(path)
            return
        got, size = hasher.hexdigest(), path.stat().st_size
        path.unlink()
        if size >= item.size:
            last = None
            if attempt:
                raise _mismatch(item, got, size)
    if last is not None:
        raise _failed(item.url, last) from None
    raise _mismatch(item, got, size)


def _mismatch(item: Wanted, got: str, size: int) -> MicrosError:
    return error(
        Kind.DIGEST_MISMATCH,
        f"{item.name} is not what was promised",
        notes=[
            f"from      {item.url}",
            f"expected  sha256 {item.digest}, {item.size} bytes",
            f"got       sha256 {got}, {size} bytes",
        ],
        hint="the mirror may be damaged or in the middle of an update: try later, or another --mirror",
    )


def _download(store: Store, item: Wanted, path: Path, progress: Callable[[int], object]) -> None:
    """Get what is missing of one file, from where the last try ended."""
    have = path.stat().st_size if path.exists() else 0
    if have >= item.size > 0:
        return
    with _open(item.url, have) as answer:
        if have and getattr(answer, "status", 200) != 206:
            have = 0
        began, count = time.monotonic(), 0
        with disk_errors(store.root), path.open("r+b" if have else "wb") as out:
            out.seek(have)
            while have + count <= item.size:
                chunk = answer.read(_CHUNK_BYTES)
                if not chunk:
                    break
                chunk = chunk[: item.size + 1 - have - count]
                out.write(chunk)
                count += len(chunk)
                progress(len(chunk))
                elapsed = time.monotonic() - began
                if elapsed > SLOW_SECONDS and count < SLOW_BYTES_PER_SECOND * elapsed:
                    raise TimeoutError(f"only {count} bytes in {elapsed:.0f} s")
    if have + count < item.size:
        raise ConnectionError(f"the connection ended after {have + count} of {item.size} bytes")


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
    answer: http.client.HTTPResponse = opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_SECONDS)
    return answer


def _failed(url: str, problem: Exception) -> MicrosError:
    reason = f"status {problem.code}" if isinstance(problem, urllib.error.HTTPError) else str(problem) or repr(problem)
    host = urllib.parse.urlsplit(url).netloc or "the file system"
    hint = "check the network and the mirror; choose another with --mirror or MICROS_MIRROR"
    return error(Kind.DOWNLOAD, f"cannot download from {host}: {reason}", notes=[url], hint=hint)
