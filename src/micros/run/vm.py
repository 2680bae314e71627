"""A booted guest: its console as text, and commands run in it through the agent's serial channel.

The agent (modules/virtualisation/agent.py) speaks lines on the second serial port:

    host  -> RUN <command in base64>
    guest -> BEGIN, then the command's output in base64 lines, then END <exit status>

It says READY when it starts, and again to a PING.
"""

from __future__ import annotations

import base64
import contextlib
import os
import selectors
import socket
import subprocess
import time
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.run.qemu import Emulator, Guest, accelerator_for, arguments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

LOG_TAIL_LINES = 25
PANIC_SECONDS = 5.0
"""How long the lines of a panic may take."""
_POLL_SECONDS = 0.2


class Vm:
    """One run of a guest, as a context manager; leaving it ends QEMU.

    `echo` receives the console's bytes as they come; `keyboard` is a file descriptor whose bytes go to the console.
    Waiting raises errors of kind `timeout`, `early-panic` where the kernel died before it ran anything, or `boot-failed`
    where QEMU ended or the kernel panicked later, with the end of the console's log in their notes.
    """

    def __init__(
        self,
        guest: Guest,
        emulator: Emulator,
        *,
        echo: Callable[[bytes], object] | None = None,
        keyboard: int | None = None,
    ) -> None:
        self.guest = guest
        self.accelerator, self.reason = accelerator_for(guest, emulator)
        self.log = bytearray()
        self.started = time.monotonic()
        self._emulator = emulator
        self._echo = echo
        self._keyboard = keyboard

    def __enter__(self) -> Vm:
        path = self._emulator.directory / "agent"
        argv = [*self._emulator.argv, *arguments(self.guest, self.accelerator, agent_socket=path)]
        typed = subprocess.DEVNULL if self._keyboard is None else subprocess.PIPE
        self._process = subprocess.Popen(
            argv, stdin=typed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            self._attach(path)
        except BaseException:  # nobody will leave what was not entered
            self._process.kill()
            self._process.wait()
            raise
        return self

    def _attach(self, path: Path) -> None:
        """Take hold of the console, the agent's channel and the keyboard."""
        assert self._process.stdout is not None
        self._console = self._process.stdout
        os.set_blocking(self._console.fileno(), False)
        self._agent = _connect(path, self._process)
        self._received = bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._console, selectors.EVENT_READ)
        if self._agent is not None:
            self._selector.register(self._agent, selectors.EVENT_READ)
        if self._keyboard is not None:
            self._selector.register(self._keyboard, selectors.EVENT_READ)

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._selector.close()
        self._console.close()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # a key typed as QEMU ended
                self._process.stdin.close()
        if self._agent is not None:
            self._agent.close()

    @property
    def seconds(self) -> float:
        """Seconds since the guest started."""
        return time.monotonic() - self.started

    def wait_for_console(self, text: bytes, *, timeout: float) -> None:
        """Wait until the console has shown this text."""
        self._wait(lambda: text in self.log, f"the console did not show {text.decode()!r}", timeout)

    def wait_for_agent(self, *, timeout: float) -> None:
        """Wait until the guest's agent takes commands."""
        self._wait(lambda: b"READY" in self._received, "the guest's agent did not come up", timeout)

    def wait_for_end(self, *, timeout: float) -> int:
        """Wait until QEMU has ended, as it does when the guest powers off; its exit status."""
        deadline = time.monotonic() + timeout
        while self._pump() or self._process.poll() is None:
            if time.monotonic() > deadline:
                raise self._failure(Kind.TIMEOUT, f"the guest did not power off within {timeout:g} s")
        return self._process.wait()

    def run(self, command: str, *, timeout: float = 60.0) -> tuple[int, bytes]:
        """Run a shell command as root in the guest: its exit status, and its output with the errors in it."""
        self._ask(command)
        self._wait(self._answered, f"the guest did not finish {command!r}", timeout)
        body = bytes(self._received).replace(b"\r", b"").partition(b"BEGIN\n")[2]
        output, _, status = body.rpartition(b"END ")
        return int(status.split()[0]), base64.b64decode(output)

    def power_off(self, *, timeout: float) -> None:
        """Ask the guest to power off, and wait until QEMU has ended; the guest may be gone before it can answer."""
        self._ask("poweroff")
        self.wait_for_end(timeout=timeout)

    def _ask(self, command: str) -> None:
        assert self._agent is not None
        self._received.clear()
        self._agent.sendall(b"RUN " + base64.b64encode(command.encode()) + b"\n")

    def _answered(self) -> bool:
        tail = bytes(self._received).replace(b"\r", b"").rpartition(b"END ")
        return bool(tail[1]) and tail[2].endswith(b"\n")

    def _wait(self, done: Callable[[], bool], what: str, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not done():
            ended = self._process.poll() is not None
            came = self._pump()
            if b"Kernel panic" in self.log:
                raise self._panic(what)
            if not came and ended and not done():
                raise self._failure(Kind.BOOT_FAILED, f"QEMU ended: {what}")
            if time.monotonic() > deadline:
                raise self._failure(Kind.TIMEOUT, f"{what} within {timeout:g} s")

    def _panic(self, what: str) -> Exception:
        """The error of a panic; the lines that follow its first one tell whether anything of user space ran yet."""
        until = time.monotonic() + PANIC_SECONDS
        while (self._pump() or self._process.poll() is None) and time.monotonic() < until:
            pass
        if b"Comm: swapper" in self.log.partition(b"Kernel panic")[2]:  # the name of the kernel's own first process
            return self._failure(Kind.EARLY_PANIC, f"the guest's kernel panicked before user space: {what}")
        return self._failure(Kind.BOOT_FAILED, f"the guest's kernel panicked: {what}")

    def _pump(self) -> bool:
        """Take what console, agent and keyboard have sent; whether anything came."""
        came = False
        for key, _ in self._selector.select(_POLL_SECONDS):
            if key.fileobj is self._console:
                data = self._console.read() or b""
                self.log += data
                if self._echo is not None:
                    self._echo(data)
            elif self._agent is not None and key.fileobj is self._agent:
                data = self._agent.recv(65536)
                self._received += data
            else:
                data = self._typed(key.fd)
            if not data:
                self._selector.unregister(key.fileobj)
            came = came or bool(data)
        return came

    def _typed(self, keyboard: int) -> bytes:
        """Hand over what was typed. A keyboard that is gone took its user along: QEMU ends."""
        assert self._process.stdin is not None
        try:
            data = os.read(keyboard, 4096)
        except OSError:  # Linux' word on a terminal that nobody has open any more
            data = b""
        if not data:
            self._process.kill()
            return b""
        with contextlib.suppress(BrokenPipeError):  # a key typed as QEMU ended
            self._process.stdin.write(data)
            self._process.stdin.flush()
        return data

    def _failure(self, kind: Kind, message: str) -> Exception:
        tail = self.log.decode(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return error(kind, message, notes=["the console's last lines:", *("  " + line for line in tail)])


def _connect(path: Path, process: subprocess.Popen[bytes]) -> socket.socket | None:
    """The agent's channel; QEMU makes its socket as it starts. None where QEMU ended at once."""
    channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        try:
            channel.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            time.sleep(0.02)
        else:
            return channel
    channel.close()
    return None
