"""Files over TFTP (RFC 1350), with the options blksize, tsize, timeout (RFC 2347-2349) and windowsize (RFC 7440), read-only.

    read request   00 01 | file 0 | mode 0 | (option 0 | value 0)*       data    00 03 | block | at most blksize bytes
    acknowledge    00 04 | block                                        error   00 05 | code | text 0
    options taken  00 06 | (option 0 | value 0)*

Each transfer has a port of its own. Numbers of blocks have 16 bits and begin again at 0, so files have any length.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from micros.run.served import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.run.served import Served

READ, WRITE, DATA, ACK, ERROR, OPTIONS = range(1, 7)
NOT_DEFINED, NOT_FOUND, NO_ACCESS, _, ILLEGAL = range(5)
TRIES = 6
"""How often something is sent to a client that does not answer."""
MOST_TRANSFERS = 64
LARGEST_WINDOW = 64
"""Blocks on their way at once, at most: what a socket's buffer holds of usual ones."""
LARGEST_BLOCK = 65464
MODULUS = 1 << 16


@dataclass(frozen=True, slots=True)
class Request:
    """A request to read: what, and how."""

    path: str
    block_bytes: int = 512
    window: int = 1
    timeout_seconds: float = 1.0
    taken: tuple[tuple[str, str], ...] = ()
    """Options that were understood, as they are answered; the size of the file is known later."""


def request_of(packet: bytes) -> Request | tuple[int, str]:
    """What a client asks for, or the code and text of an error."""
    if len(packet) < 4:
        return ILLEGAL, "a request has a file and a mode"
    (kind,) = struct.unpack_from(">H", packet)
    words = [word.decode("utf-8", "surrogateescape") for word in packet[2:].split(b"\0")]
    if kind == WRITE:
        return NO_ACCESS, "this server is read-only"
    if kind != READ or len(words) < 3 or words[-1]:
        return ILLEGAL, "not a request to read"
    path, mode, *rest = words[:-1]
    if mode.lower() != "octet":
        return NOT_DEFINED, "files are sent in the mode octet only"
    return _with_options(path, dict(zip((name.lower() for name in rest[::2]), rest[1::2], strict=False)))


def _with_options(path: str, options: dict[str, str]) -> Request:
    """A request with what its options say; those that are not understood, or out of range, are not taken (RFC 2347)."""
    numbers = {name: int(text) for name, text in options.items() if text.isascii() and text.isdigit() and len(text) < 12}
    limits = {"blksize": (8, LARGEST_BLOCK), "timeout": (1, 255), "windowsize": (1, MODULUS - 1)}
    taken: dict[str, int] = {}
    for name, value in numbers.items():
        low, high = limits.get(name, (0, -1))
        if low <= value <= high:
            taken[name] = min(value, LARGEST_WINDOW) if name == "windowsize" else value
        elif name == "blksize" and value > high:
            taken[name] = high
        elif name == "tsize":
            taken[name] = 0
    return Request(
        path,
        taken.get("blksize", 512),
        taken.get("windowsize", 1),
        float(taken.get("timeout", 1)),
        tuple((name, str(value)) for name, value in taken.items()),
    )


class Transfer:
    """One file on its way to the client that a channel is connected to. Raises `ConnectionRefusedError` where it is gone."""

    def __init__(self, channel: socket.socket, request: Request, file: int) -> None:
        self._channel = channel
        self._request = request
        self._file = file
        self._size = os.fstat(file).st_size
        self._blocks = self._size // request.block_bytes + 1
        """The last one is shorter than the others: empty where the size is a multiple."""

    def run(self) -> bool:
        """Send all of it; whether the client took it."""
        if self._request.taken and not self._agree():
            return False
        done = tries = 0
        while done < self._blocks:
            ahead = min(self._request.window, self._blocks - done)
            for number in range(done + 1, done + ahead + 1):
                self._send_block(number)
            answer = self._answer(done, ahead)
            if answer is None:
                return False
            tries = 0 if answer else tries + 1
            if tries >= TRIES:
                return False
            done += answer
        return True

    def _agree(self) -> bool:
        """Say which options are taken, until the client takes that."""
        words = [word for name, value in self._request.taken for word in (name, str(self._size) if name == "tsize" else value)]
        packet = struct.pack(">H", OPTIONS) + b"".join(word.encode() + b"\0" for word in words)
        for _ in range(TRIES):
            self._channel.send(packet)
            deadline = time.monotonic() + self._request.timeout_seconds
            while (received := self._receive(deadline)) is not None:
                kind, number = received
                if kind == ERROR:  # RFC 2347: a client that asked for the size only ends it so
                    return False
                if (kind, number) == (ACK, 0):
                    return True
        return False

    def _answer(self, done: int, ahead: int) -> int | None:
        """How many more blocks the client has, of those that were sent: 0 where they are to be sent again; None at its end."""
        deadline = time.monotonic() + self._request.timeout_seconds
        while (received := self._receive(deadline)) is not None:
            kind, number = received
            if kind == ERROR:
                return None
            more = (number - done) % MODULUS
            # With one block at a time, an old acknowledgement must not send it twice (RFC 1123, 4.2.3.1).
            if kind == ACK and (0 < more <= ahead or (more == 0 and ahead > 1)):
                return more
        return 0

    def _receive(self, deadline: float) -> tuple[int, int] | None:
        """The next packet of the client; None where none comes in time."""
        while (left := deadline - time.monotonic()) > 0:
            self._channel.settimeout(left)
            try:
                packet = self._channel.recv(2048)
            except TimeoutError:
                return None
            if len(packet) >= 4:
                kind, number = struct.unpack_from(">HH", packet)
                return kind, number
        return None

    def _send_block(self, number: int) -> None:
        size = self._request.block_bytes
        data = os.pread(self._file, size, (number - 1) * size)
        self._channel.send(struct.pack(">HH", DATA, number % MODULUS) + data)


class TftpServer:
    """Serves a directory until it is closed; `say` takes a line for each request. `port` 0 is any free one."""

    def __init__(self, address: str, port: int, served: Served, say: Callable[[str], object]) -> None:
        self._family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._address = address
        self._served = served
        self._say = say
        self._running: set[Any] = set()
        self._lock = threading.Lock()
        self._socket = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            self._socket.bind((address, port))
        except BaseException:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._is_closed = False

    def serve_forever(self) -> None:
        """Answer requests, each in a thread of its own."""
        while True:
            packet, client = self._socket.recvfrom(2048)
            if self._is_closed:
                self._socket.close()
                return
            with self._lock:
                if client in self._running or len(self._running) >= MOST_TRANSFERS:
                    continue  # asked once more, or too many: clients ask again
                self._running.add(client)
            threading.Thread(target=self._serve, args=(packet, client), daemon=True).start()

    def close(self) -> None:
        """Stop."""
        self._is_closed = True
        with socket.socket(self._family, socket.SOCK_DGRAM) as own:  # closing a socket does not wake who waits for it
            own.sendto(b"", ("::1" if self._address == "::" else self._address, self.port))

    def _serve(self, packet: bytes, client: Any) -> None:
        try:
            with socket.socket(self._family, socket.SOCK_DGRAM) as channel:
                channel.bind((self._address, 0))
                channel.connect(client)
                self._say(f"tftp {client[0]} {self._answered(channel, packet)}")
        except OSError as problem:
            self._say(f"tftp {client[0]}: {problem.strerror}")
        finally:
            with self._lock:
                self._running.discard(client)

    def _answered(self, channel: socket.socket, packet: bytes) -> str:
        """Serve one request; a line about it."""
        request = request_of(packet)
        if not isinstance(request, Request):
            _refuse(channel, *request)
            return f"refused: {request[1]}"
        try:
            file = self._served.open(request.path)
        except FileNotFoundError:
            _refuse(channel, NOT_FOUND, "no such file")
            return f"{shown(request.path)}: no such file"
        with file:
            try:
                took = Transfer(channel, request, file.fileno()).run()
            except ConnectionRefusedError:  # its port is closed
                took = False
        return f"{shown(request.path)}: {'sent' if took else 'the client gave up'}"


def _refuse(channel: socket.socket, code: int, text: str) -> None:
    channel.send(struct.pack(">HH", ERROR, code) + text.encode() + b"\0")
