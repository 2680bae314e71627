"""An Ethernet segment that guests share: a socket that passes every frame on to all other cards.

QEMU's `dgram` back end sends a frame as one datagram and takes one as a frame (QEMU's manual: -netdev dgram). The sockets
are files of a directory of ours: no port of the host is used, and nobody else hears anything.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

from micros.run.qemu import Card

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

LONGEST_FRAME = 1 << 16
MAC = "52:54:00:4d:4f"
"""The start of every card's address: QEMU's own prefix, then ours, so that none is that of QEMU's first card."""


class Segment:
    """The segment, as a context manager; `card` puts a guest on it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / "segment"
        self._cards: list[Path] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._relay = threading.Thread(target=self._pass_on, name="segment", daemon=True)

    def __enter__(self) -> Segment:
        self._socket.bind(str(self._path))
        self._relay.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        # A datagram of no bytes, which no card sends, ends the relay.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(b"", str(self._path))
        self._relay.join()
        self._socket.close()
        self._path.unlink()

    def card(self) -> Card:
        """One more card. Linux calls it `eth1`, since the card of the user-mode network comes first."""
        path = self._directory / f"card{len(self._cards)}"
        self._cards.append(path)
        return Card(f"{MAC}:{len(self._cards):02x}", path, self._path)

    def _pass_on(self) -> None:
        while True:
            frame, sender = self._socket.recvfrom(LONGEST_FRAME)
            if not frame:
                return
            for path in self._cards:
                # A guest that is not there, or does not keep up, loses frames, as on any segment.
                if str(path) != sender:
                    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError, BlockingIOError):
                        self._socket.sendto(frame, socket.MSG_DONTWAIT, str(path))
