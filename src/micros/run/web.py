"""Files over HTTP (RFC 9110): GET and HEAD, whole files or one range, for development."""

from __future__ import annotations

import http.server
import os
import re
import socket
import socketserver
import sys
import urllib.parse
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from micros.run.served import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.run.served import Served

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
IDLE_SECONDS = 60
"""How long a client may say nothing."""


def range_of(header: str | None, size: int) -> tuple[int, int] | None:
    """Offset and length of what a Range header asks for (RFC 9110, 14.1.2); the whole for several ranges and for what is none.

    None where it lies behind the end.
    """
    match = _RANGE.fullmatch((header or "").strip())
    if match is None or match.groups() == ("", ""):
        return 0, size
    first, last = match.groups()
    if not first:
        length = min(int(last), size)
        return (size - length, length) if length else None
    start = int(first)
    if last and int(last) < start:
        return 0, size
    end = min(int(last) + 1, size) if last else size
    return (start, end - start) if start < size else None


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS

    @property
    def _web(self) -> WebServer:
        assert isinstance(self.server, WebServer)
        return self.server

    def do_GET(self) -> None:
        """Send a file."""
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        """Send what a file is like."""
        self._answer(with_content=False)

    def _answer(self, *, with_content: bool) -> None:
        path = urllib.parse.unquote(self.path.partition("?")[0].partition("#")[0])
        try:
            file = self._web.served.open(path)
        except FileNotFoundError:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        with file:
            size = os.fstat(file.fileno()).st_size
            wanted = range_of(self.headers["Range"], size)
            if wanted is None:
                self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
                self.send_header("Content-Range", f"bytes */{size}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            start, length = wanted
            self.send_response(HTTPStatus.OK if length == size else HTTPStatus.PARTIAL_CONTENT)
            if length != size:
                self.send_header("Content-Range", f"bytes {start}-{start + length - 1}/{size}")
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(length))
            self.end_headers()
            if with_content and length:
                self._send(file, start, length)

    def _send(self, file: Any, start: int, length: int) -> None:
        try:
            self.connection.sendfile(file, start, length)
        except OSError:  # the client is gone, or reads nothing
            self.close_connection = True
            self._web.say(f"http {self.client_address[0]} {shown(self.path)}: the client gave up")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:  # noqa: ARG002
        """One line for a request."""
        number = code.value if isinstance(code, HTTPStatus) else code
        self._web.say(f"http {self.client_address[0]} {shown(self.command or '-')} {shown(self.path_said)} {number}")

    @property
    def path_said(self) -> str:
        """The path, where the request had one."""
        return getattr(self, "path", "-")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing but requests is worth a line."""


class WebServer(http.server.ThreadingHTTPServer):
    """Serves a directory; `say` takes a line for each request."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: str, port: int, served: Served, say: Callable[[str], object]) -> None:
        self.served = served
        self.say = say
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        super().__init__((address, port), _Handler)

    def server_bind(self) -> None:
        """Bind, without asking name servers what this machine is called, as the standard server does."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle of a request; what else went wrong is ours, and shown."""
        if isinstance(sys.exception(), OSError):
            self.say(f"http {client_address[0]}: the client gave up")
        else:
            super().handle_error(request, client_address)
