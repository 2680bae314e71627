"""`micros serve` as a process of its own."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self


class Server:
    """A running `micros serve`, its addresses, and what it says."""

    def __init__(self, directory: Path, *options: str) -> None:
        ports = ["--http-port", "0", "--tftp-port", "0"]
        argv = [sys.executable, "-m", "micros", "serve", str(directory), *ports, "--json", *options]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        urls = json.loads(self.process.stdout.readline())
        self.http: str = urls["http"]
        self.tftp = int(urls["tftp"].rstrip("/").rpartition(":")[2])
        self.log = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end()

    @property
    def http_of_guests(self) -> str:
        """The address for guests on QEMU's user network."""
        return self.http.replace("127.0.0.1", "10.0.2.2")

    def said(self, text: str) -> None:
        """Wait for a line of the log."""
        assert self.process.stderr is not None
        deadline = time.monotonic() + 20
        while text not in self.log:
            assert time.monotonic() < deadline, self.log
            if select.select([self.process.stderr], [], [], 0.5)[0]:
                self.log += os.read(self.process.stderr.fileno(), 65536).decode()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        status = self.process.wait(20)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()
        return status

    def ask(self, packet: bytes) -> socket.socket:
        """A socket that sent a packet to the server."""
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.settimeout(10)
        client.sendto(packet, ("127.0.0.1", self.tftp))
        return client
