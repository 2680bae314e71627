"""`micros serve DIR`: real clients (curl, busybox), a client of our own for options, hostile paths, clients that go away."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conftest import Command, Program
from tests.run.serving import Server

from micros.debian.tools import Toolbox
from micros.run.tftp import ACK, DATA, ERROR, OPTIONS, READ, WRITE, Request, request_of
from micros.run.web import range_of

BIG_BYTES = (33 << 20) + 512 * 7
"""More than 65,536 blocks of 512 bytes, and a multiple of a block."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is served, and beside it what is not."""
    outside = tmp_path_factory.mktemp("serve")
    made = outside / "public"
    made.mkdir()
    (outside / "secret").write_text("secret")
    (outside / "public-not").write_text("secret")
    (made / "sub").mkdir()
    (made / "small").write_bytes(b"0123456789" * 300)
    (made / "empty").write_bytes(b"")
    (made / "sub/a b").write_bytes(b"with a space")
    (made / "inside").symlink_to("small")
    (made / "out").symlink_to("../secret")
    (made / "up").symlink_to("..")
    os.mkfifo(made / "pipe")
    block = b"".join(hashlib.sha256(struct.pack(">I", number)).digest() for number in range(1 << 15))
    (made / "big").write_bytes((block * 40)[:BIG_BYTES])
    return made


@pytest.fixture(scope="module")
def server(directory: Path) -> Iterator[Server]:
    server = Server(directory)
    yield server
    assert server.end() == 0


@pytest.fixture(scope="module")
def curl(program: Program) -> str:
    return program("curl", "curl")


@pytest.fixture(scope="module")
def busybox(toolbox: Toolbox) -> str:
    return str(toolbox.root(["busybox-static"]) / "usr/bin/busybox")


def read_request(path: str, **options: int) -> bytes:
    words = [path, "octet", *(word for name, value in options.items() for word in (name, str(value)))]
    return struct.pack(">H", READ) + b"".join(word.encode() + b"\0" for word in words)


def test_curl_gets_files_and_ranges(server: Server, curl: str, directory: Path) -> None:
    def got(*arguments: str) -> bytes:
        return subprocess.run([curl, "-sS", "--path-as-is", *arguments], check=True, capture_output=True, timeout=60).stdout

    assert got(f"{server.http}big") == (directory / "big").read_bytes()
    assert got(f"{server.http}sub/a%20b?query=1") == b"with a space"
    assert got(f"{server.http}inside") == (directory / "small").read_bytes()
    assert got(f"{server.http}empty") == b""
    assert got("-r", "10-19", f"{server.http}small", f"{server.http}small") == b"01234567890123456789"
    assert got("-r", "2995-", f"{server.http}small") == b"56789"
    assert got("-r", "-3", f"{server.http}small") == b"789"
    head = got("-I", f"{server.http}big").decode()
    assert f"Content-Length: {BIG_BYTES}\r" in head
    assert got("-o", "/dev/null", "-w", "%{http_code}", "-r", "3000-", f"{server.http}small") == b"416"
    assert got("-o", "/dev/null", "-w", "%{http_code}", "-X", "PUT", "-d", "x", f"{server.http}small") == b"501"
    server.said("http 127.0.0.1 GET /sub/a%20b?query=1 200")


HOSTILE = ("out", "up/secret", "../secret", "sub/../../secret", "%2e%2e/secret", "..%2fsecret", "/secret", "small%00")
NO_FILES = ("pipe", "sub", "", "none")


@pytest.mark.parametrize("path", [*HOSTILE, *NO_FILES])
def test_nothing_else_is_handed_out(server: Server, path: str) -> None:
    with socket.create_connection(("127.0.0.1", int(server.http.rstrip("/").rpartition(":")[2])), timeout=10) as web:
        web.sendall(f"GET /{path} HTTP/1.0\r\n\r\n".encode())
        assert web.recv(4096).startswith(b"HTTP/1.1 404 ")
    plain = path.replace("%2e", ".").replace("%2f", "/").replace("%00", "")
    with server.ask(read_request("" if "%00" in path else plain)) as client:
        assert struct.unpack_from(">HH", client.recv(600)) == (ERROR, 1)


def test_busybox_gets_files_by_tftp(server: Server, busybox: str, directory: Path, tmp_path: Path) -> None:
    for name, size in (("big", 512), ("big", 65464), ("small", 1428), ("empty", 512)):
        copy = tmp_path / name
        argv = [busybox, "tftp", "-g", "-b", str(size), "-l", str(copy), "-r", name, "127.0.0.1", str(server.tftp)]
        subprocess.run(argv, check=True, capture_output=True, timeout=100)
        assert copy.read_bytes() == (directory / name).read_bytes(), (name, size)
    server.said("tftp 127.0.0.1 big: sent")


def fetched(server: Server, path: str, **options: int) -> bytes:
    """A file by windows, where every third window loses its second block."""
    with server.ask(read_request(path, **options)) as client:
        packet, peer = client.recvfrom(70000)
        assert packet[:2] == struct.pack(">H", OPTIONS)
        words = packet[2:].decode().split("\0")
        agreed = dict(zip(words[::2], words[1::2], strict=False))
        size, window = int(agreed["blksize"]), int(agreed["windowsize"])
        client.sendto(struct.pack(">HH", ACK, 0), peer)
        data, expected, rounds = b"", 1, 0
        while True:
            rounds += 1
            last = b""
            for place in range(window):
                packet = client.recv(70000)
                kind, number = struct.unpack_from(">HH", packet)
                assert kind == DATA
                if number != expected % 65536 or (rounds % 3 == 0 and place == 1):
                    continue
                data, expected, last = data + packet[4:], expected + 1, packet
                if len(packet) - 4 < size:
                    break
            client.sendto(struct.pack(">HH", ACK, (expected - 1) % 65536), peer)
            if last and len(last) - 4 < size:
                assert int(agreed["tsize"]) == len(data)
                return data


def test_windows_of_blocks_survive_losses(server: Server, directory: Path) -> None:
    assert fetched(server, "small", blksize=100, windowsize=4, tsize=0) == (directory / "small").read_bytes()


def test_several_clients_at_once(server: Server, curl: str, busybox: str, directory: Path, tmp_path: Path) -> None:
    wanted = (directory / "big").read_bytes()

    def get(number: int) -> bool:
        copy = tmp_path / str(number)
        argv = [curl, "-sS", "-o", str(copy), f"{server.http}big"]
        if number % 2:
            argv = [busybox, "tftp", "-g", "-b", "8192", "-l", str(copy), "-r", "big", "127.0.0.1", str(server.tftp)]
        subprocess.run(argv, check=True, capture_output=True, timeout=100)
        same = copy.read_bytes() == wanted
        copy.unlink()
        return same

    with ThreadPoolExecutor(8) as clients:
        assert all(clients.map(get, range(8)))


def test_clients_that_go_away_are_forgotten(server: Server, curl: str) -> None:
    web = socket.create_connection(("127.0.0.1", int(server.http.rstrip("/").rpartition(":")[2])), timeout=10)
    web.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
    assert web.recv(1000)
    web.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, as of a machine that was switched off
    web.close()
    server.said("/big: the client gave up")
    with server.ask(read_request("big")) as client:
        assert client.recv(600)[:4] == struct.pack(">HH", DATA, 1)
    server.said("tftp 127.0.0.1 big: the client gave up")
    assert subprocess.run([curl, "-sS", f"{server.http}empty"], check=False).returncode == 0


def test_a_client_that_is_silent_is_asked_again(server: Server) -> None:
    with server.ask(read_request("small")) as client:
        first, peer = client.recvfrom(600)
        assert client.recv(600) == first
        client.sendto(struct.pack(">HH", ACK, 1), peer)
        client.sendto(struct.pack(">HH", ACK, 1), peer)  # once more: the next block comes once all the same
        assert struct.unpack_from(">HH", client.recv(600)) == (DATA, 2)
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.recv(600)


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        (struct.pack(">H", WRITE) + b"small\0octet\0", 2),
        (struct.pack(">H", READ) + b"small\0netascii\0", 0),
        (struct.pack(">H", READ) + b"small", 4),
        (struct.pack(">HH", ACK, 3), 4),
        (b"", 4),
        (b"\0\1" + b"\xff" * 500, 4),
    ],
)
def test_what_is_no_request_is_refused(server: Server, packet: bytes, code: int) -> None:
    with server.ask(packet) as client:
        assert struct.unpack_from(">HH", client.recv(600)) == (ERROR, code)


def test_options_out_of_range_are_not_taken() -> None:
    found = request_of(read_request("a", blksize=7, windowsize=0, timeout=256, multicast=1))
    assert found == Request("a")
    found = request_of(read_request("a", blksize=1 << 17, windowsize=1000, timeout=3, tsize=5))
    expected = (("blksize", "65464"), ("windowsize", "64"), ("timeout", "3"), ("tsize", "0"))
    assert found == Request("a", 65464, 64, 3.0, expected)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, (0, 10)),
        ("bytes=2-3", (2, 2)),
        ("bytes=2-99", (2, 8)),
        ("bytes=-4", (6, 4)),
        ("bytes=-99", (0, 10)),
        ("bytes=10-", None),
        ("bytes=-0", None),
        ("bytes=3-2", (0, 10)),
        ("bytes=0-1,4-5", (0, 10)),
        ("bytes=-", (0, 10)),
        ("lines=1-2", (0, 10)),
        (f"bytes={'9' * 5000}-", (0, 10)),
    ],
)
def test_ranges(header: str | None, found: tuple[int, int] | None) -> None:
    assert range_of(header, 10) == found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_in_the_middle_of_a_transfer(directory: Path, number: int) -> None:
    server = Server(directory)
    with urllib.request.urlopen(f"{server.http}big", timeout=10) as answer, server.ask(read_request("big")) as client:
        assert answer.read(10)
        assert client.recv(600)
        began = time.monotonic()
        assert server.end(number) == 0
        assert time.monotonic() - began < 5
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{server.http}small", timeout=10)


def test_what_cannot_be_served_is_said(micros: Command, directory: Path, server: Server) -> None:
    port = server.http.rstrip("/").rpartition(":")[2]
    done = micros("serve", str(directory), "--http-port", port, "--json")
    assert done.kinds == ["busy"]
    assert f"port {port} of 127.0.0.1: it is taken by python" in done.errors[0]["message"]
    assert f"process {server.process.pid})" in done.errors[0]["message"]
    done = micros("serve", str(directory), "--http-port", "0", "--tftp-port", str(server.tftp), "--json")
    assert done.kinds == ["busy"]
    assert "--tftp-port" in done.errors[0]["hint"]
    assert micros("serve", "nowhere", "--json").kinds == ["bad-file"]
    micros.write("file", "")
    assert micros("serve", "file", "--json").kinds == ["bad-file"]
    assert micros("serve", str(directory), "--address", "192.0.2.1", "--json").kinds == ["usage"]
    assert micros("serve", str(directory), "--address", "no such", "--json").kinds == ["usage"]
    assert micros("serve", str(directory), "--http-port", "70000").status == 2


def test_it_says_what_to_tell_others(tmp_path: Path) -> None:
    (tmp_path / "boot.ipxe").write_text("#!ipxe\n")
    (tmp_path / "undionly.kpxe").write_text("")
    server = Server(tmp_path, "--address", "0.0.0.0")
    server.said("firmware asks port 69")
    assert "dhcp-boot=tag:ipxe,http://" in server.log
    assert f"bootfile=http://10.0.2.2:{server.http.rstrip('/').rpartition(':')[2]}/boot.ipxe" in server.log
    assert "0.0.0.0" not in server.http
    assert server.end() == 0
