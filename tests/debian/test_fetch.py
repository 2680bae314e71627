"""Downloads from a server on the loopback that misbehaves on demand."""

from __future__ import annotations

import contextlib
import http.server
import threading
from typing import TYPE_CHECKING, ClassVar

import pytest

from micros.base.digest import Digest, digest_of
from micros.base.errors import Kind, MicrosError
from micros.store import fetch
from micros.store.fetch import Wanted, fetch_all, fetch_small
from micros.store.keeping import verify
from micros.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA = bytes(range(256)) * 1200
DIGEST = digest_of(DATA)


class Faulty(http.server.BaseHTTPRequestHandler):
    """The first part of the path says what goes wrong; `seen` are the paths and ranges asked for."""

    seen: ClassVar[list[tuple[str, str]]] = []
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is the base class's
        pass

    def do_GET(self) -> None:
        fault, _, rest = self.path.lstrip("/").partition("/")
        wanted = self.headers.get("Range", "")
        self.seen.append((self.path, wanted))
        self.close_connection = True
        with contextlib.suppress(ConnectionError):
            if fault.isdigit():
                self.send_error(int(fault))
            elif fault == "redirect":
                self.answer(302, b"", Location=rest.replace("file:/", "file://"))
            elif fault == "loop":
                self.answer(302, b"", Location=self.path)
            elif fault == "endless":
                self.answer(200, b"", length=None)
                while True:
                    self.wfile.write(bytes(1 << 16))
            else:
                self.file(fault, wanted)

    def file(self, fault: str, wanted: str) -> None:
        kind, _, number = fault.partition("-")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and kind != "deaf" else 0
        body = DATA[start:]
        if kind == "other":
            body = b"<html>log in first</html>"
        elif kind == "flipped":
            body = b"\xff" + body[1:]
        elif kind == "long":
            body += b"more"
        if kind in ("cut", "deaf") and len([path for path, _ in self.seen if path == self.path]) == 1:
            self.answer(200, body[: len(body) * int(number) // 10], length=len(body))
        elif kind == "always":
            self.answer(206 if start else 200, body[:10], length=len(body))
        else:
            self.answer(206 if start else 200, body, length=len(body) * (3 if kind == "lying" else 1))

    def answer(self, status: int, body: bytes, *, length: int | None = 0, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    Faulty.seen.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Faulty) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{listener.server_address[1]}"
        listener.shutdown()
        thread.join()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store")
    yield made
    made.close()


def wanted(url: str, *, size: int = len(DATA), digest: Digest = DIGEST) -> Wanted:
    return Wanted(url, size, digest, "probe 1.0")


def kind_of(store: Store, item: Wanted) -> Kind:
    with pytest.raises(MicrosError) as caught:
        fetch_all(store, [item])
    assert not store.has(item.digest)
    assert verify(store, repair=False)[1] == []
    return caught.value.kind


class Counting:
    """A watcher that adds up."""

    def __init__(self) -> None:
        self.wanted = self.came = 0

    def expected(self, count: int) -> None:
        self.wanted += count

    def received(self, count: int) -> None:
        self.came += count


def test_a_file_arrives_once(server: str, store: Store) -> None:
    watcher = Counting()
    for _ in range(2):
        fetch_all(store, [wanted(f"{server}/whole/a")], watcher=watcher)
    assert store.read(DIGEST) == DATA
    assert (watcher.wanted, watcher.came) == (len(DATA), len(DATA))
    assert len(Faulty.seen) == 1


@pytest.mark.parametrize("tenth", range(10))
def test_a_broken_connection_is_resumed(server: str, store: Store, tenth: int) -> None:
    fetch_all(store, [wanted(f"{server}/cut-{tenth}/a")])
    assert store.read(DIGEST) == DATA
    ranges = [asked for _, asked in Faulty.seen]
    assert ranges == ["", f"bytes={len(DATA) * tenth // 10}-" if tenth else ""]


def test_a_server_that_knows_no_ranges(server: str, store: Store) -> None:
    fetch_all(store, [wanted(f"{server}/deaf-5/a")])
    assert store.read(DIGEST) == DATA


def test_a_content_length_that_lies(server: str, store: Store) -> None:
    fetch_all(store, [wanted(f"{server}/lying/a")])
    assert store.read(DIGEST) == DATA


@pytest.mark.parametrize("fault", ["flipped", "long", "endless", "other"])
def test_other_bytes_are_asked_for_once_more_and_then_refused(server: str, store: Store, fault: str) -> None:
    assert kind_of(store, wanted(f"{server}/{fault}/a")) is Kind.DIGEST_MISMATCH
    assert len(Faulty.seen) == 2


@pytest.mark.parametrize("fault", [
    "403", "404", "410", "500", "503", "loop", "always", "redirect/file:/etc/passwd", "redirect/ftp://127.0.0.1/a",
])  # fmt: skip
def test_what_cannot_be_had(server: str, store: Store, fault: str) -> None:
    assert kind_of(store, wanted(f"{server}/{fault}/a")) is Kind.DOWNLOAD


def test_the_error_names_url_and_status(server: str, store: Store) -> None:
    with pytest.raises(MicrosError) as caught:
        fetch_all(store, [wanted(f"{server}/404/a")])
    text = str(caught.value)
    assert f"{server}/404/a" in text
    assert "404" in text


def test_a_redirect_within_http_is_followed(server: str, store: Store) -> None:
    fetch_all(store, [wanted(f"{server}/redirect//whole/a")])
    assert store.read(DIGEST) == DATA


def test_all_failures_are_reported_and_the_rest_arrives(server: str, store: Store) -> None:
    bad = [wanted(f"{server}/404/{number}", digest=digest_of(b"%d" % number)) for number in range(3)]
    with pytest.raises(MicrosError) as caught:
        fetch_all(store, [*bad, wanted(f"{server}/whole/a")])
    assert [problem.kind for problem in caught.value.problems] == [Kind.DOWNLOAD] * 3
    assert store.has(DIGEST)


def test_offline_names_what_is_missing_and_asks_nobody(server: str, store: Store) -> None:
    with pytest.raises(MicrosError) as caught:
        fetch_all(store, [wanted(f"{server}/whole/a")], offline=True)
    assert caught.value.kind is Kind.OFFLINE
    assert "probe 1.0" in str(caught.value)
    assert Faulty.seen == []


def test_nobody_listens(store: Store, server: str) -> None:
    assert kind_of(store, wanted("http://127.0.0.1:1/a")) is Kind.DOWNLOAD


def test_a_silent_server(store: Store, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(fetch, "TIMEOUT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert kind_of(store, wanted(f"http://127.0.0.1:{silent.getsockname()[1]}/a")) is Kind.DOWNLOAD


def test_a_small_file_has_a_limit(server: str, store: Store) -> None:
    assert fetch_small(f"{server}/whole/a", limit=len(DATA)) == DATA
    with pytest.raises(MicrosError) as caught:
        fetch_small(f"{server}/whole/a", limit=len(DATA) - 1)
    assert caught.value.kind is Kind.TOO_LARGE
    with pytest.raises(MicrosError) as caught:
        fetch_small(f"{server}/404/a", limit=10)
    assert caught.value.kind is Kind.DOWNLOAD
