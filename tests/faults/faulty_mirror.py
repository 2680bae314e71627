"""A mirror over HTTP on the loopback that misbehaves on demand, path by path."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Fault = Callable[["Handler", bytes, int], None]
    """Answers a request for `data` from byte `start` on, in its own way."""


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `root`; the first of `faults` whose name ends the path answers in its place."""

    root: Path
    faults: dict[str, Fault]
    seen: list[str]
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is the base class's
        pass

    def do_GET(self) -> None:
        self.close_connection = True
        self.seen.append(self.path)
        path = self.root / self.path.lstrip("/")
        data = path.read_bytes() if path.is_file() else b""
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        fault = next((fault for name, fault in self.faults.items() if self.path.endswith(name)), None)
        with contextlib.suppress(ConnectionError):
            if fault is not None:
                fault(self, data, start)
            elif path.is_file():
                self.answer(206 if start else 200, data[start:])
            else:
                self.send_error(404)

    def answer(self, status: int, body: bytes, *, length: int | None = None, **headers: str) -> None:
        """A whole answer, with a Content-Length of its own if `length` says so."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)


class FaultyMirror:
    """The served directory: its `url`, the `faults` by end of path, and the paths `seen`."""

    def __init__(self, url: str, faults: dict[str, Fault], seen: list[str]) -> None:
        self.url = url
        self.faults = faults
        self.seen = seen

    def asked_for(self, name: str) -> int:
        """How often a path with this end was asked for."""
        return sum(path.endswith(name) for path in self.seen)


@contextlib.contextmanager
def serving(root: Path) -> Iterator[FaultyMirror]:
    """A faulty mirror of a directory, until the end of the block."""
    members: dict[str, Any] = {"root": root, "faults": {}, "seen": []}
    handler = type("Served", (Handler,), members)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield FaultyMirror(f"http://127.0.0.1:{listener.server_address[1]}", members["faults"], members["seen"])
        finally:
            listener.shutdown()
            thread.join()


def status(number: int) -> Fault:
    """Answers with an error."""
    return lambda handler, data, start: handler.send_error(number)


def redirect(to: str = "") -> Fault:
    """Sends elsewhere, or to itself without end."""
    return lambda handler, data, start: handler.answer(302, b"", Location=to or handler.path)


def page(handler: Handler, data: bytes, start: int) -> None:
    """What a captive portal says to everything."""
    handler.answer(200, b"<html><body>Please log in</body></html>")


def flipped(handler: Handler, data: bytes, start: int) -> None:
    """The file with one bit wrong."""
    handler.answer(206 if start else 200, (data[:-1] + bytes([data[-1] ^ 1]))[start:])


def shorter(handler: Handler, data: bytes, start: int) -> None:
    """A file that is whole by its own word, and lacks the end."""
    handler.answer(206 if start else 200, data[start : len(data) // 2])


def longer(handler: Handler, data: bytes, start: int) -> None:
    """The file and some bytes more."""
    handler.answer(206 if start else 200, data[start:] + b"more")


def lying(handler: Handler, data: bytes, start: int) -> None:
    """A Content-Length three times too large."""
    handler.answer(206 if start else 200, data[start:], length=3 * len(data))


def endless(handler: Handler, data: bytes, start: int) -> None:
    """Bytes for as long as somebody reads."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(bytes(1 << 16))


def cut_at(tenth: int, *, always: bool = False) -> Fault:
    """Drops the connection after some tenths of the file: the first time, or always after ten bytes more."""

    def fault(handler: Handler, data: bytes, start: int) -> None:
        first = sum(path == handler.path for path in handler.seen) == 1
        end = len(data) * tenth // 10 if first else start + 10 if always else len(data)
        handler.answer(206 if start else 200, data[start:end], length=len(data) - start)

    return fault


def dripping(handler: Handler, data: bytes, start: int) -> None:
    """A byte now and then, which no time limit of a single read notices."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    for byte in data:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.05)


def silent(handler: Handler, data: bytes, start: int) -> None:
    """Takes the request and says nothing for longer than anybody waits here."""
    time.sleep(3)
