"""A booted guest: its console as text, and commands run in it through its agent (see agent.py)."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import math
import os
import selectors
import shlex
import socket
import subprocess
import time
from typing import TYPE_CHECKING, TypeVar

from micros.base.errors import Kind, MicrosError, error
from micros.run import agent, terminal
from micros.run.qemu import Emulator, Guest, accelerator_for, arguments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

LOG_TAIL_LINES = 25
PANIC_SECONDS = 5.0
"""How long the lines of a panic may take."""
KILL_SECONDS = 10.0
"""How long a guest may take to end a command that takes too long."""
CONSOLE_BYTES = 1 << 20
"""What a guest can say on its console while nobody waits for it, before it stands still: what Linux allows everybody."""
_POLL_SECONDS = 0.2


SHELL = """\
exec </dev/hvc0 >/dev/hvc0 2>&1
stty sane rows {rows} cols {columns}
export TERM={term}
sh -l
"""
"""The agent starts it as the leader of a session, whose terminal becomes the one that is opened first."""


T = TypeVar("T")


def booted(boot: Callable[[], T], say: Callable[[MicrosError], object] = lambda _: None) -> T:
    """What booting gives; once more, after it was said, where the kernel died before user space: under emulation that happens
    by itself, rarely."""
    try:
        return boot()
    except MicrosError as problem:
        if problem.kind != Kind.EARLY_PANIC:
            raise
        say(problem)
    return boot()


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
        argv = [*self._emulator.argv, *arguments(self.guest, self.accelerator, sockets=self._emulator.directory)]
        for name in ("agent", "shell"):  # of an earlier guest, whose QEMU may not be quite gone
            (self._emulator.directory / name).unlink(missing_ok=True)
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
        with contextlib.suppress(PermissionError):  # a user with very many pipes gets small ones (pipe(7))
            fcntl.fcntl(self._console, fcntl.F_SETPIPE_SZ, CONSOLE_BYTES)
        self._agent = _connect(path, self._process) if self.guest.agent else None
        self._received = bytearray()
        self._outgoing = b""
        self._requests = 0
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._console, selectors.EVENT_READ, self._console_said)
        if self._agent is not None:
            self._agent.setblocking(False)
            self._selector.register(self._agent, selectors.EVENT_READ, self._agent_said)
        if self._keyboard is not None:
            self._selector.register(self._keyboard, selectors.EVENT_READ, functools.partial(self._typed, self._keyboard))

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
    def is_running(self) -> bool:
        """Whether QEMU runs."""
        return self._process.poll() is None

    @property
    def seconds(self) -> float:
        """Seconds since the guest started."""
        return time.monotonic() - self.started

    def wait_for_console(self, text: bytes, *, timeout: float) -> None:
        """Wait until the console has shown this text."""
        self.wait_for(lambda: text in self.log, f"the console did not show {text.decode()!r}", timeout=timeout)

    def wait_for_agent(self, *, timeout: float) -> None:
        """Wait until the guest's agent takes commands."""
        self.wait_for(lambda: agent.READY in self._received, "the guest's agent did not come up", timeout=timeout)

    def wait_for_end(self, *, timeout: float) -> int:
        """Wait until QEMU has ended, as it does when the guest powers off; its exit status."""
        deadline = time.monotonic() + timeout
        while self._pump() or self._process.poll() is None:
            if time.monotonic() > deadline:
                raise self._failure(Kind.TIMEOUT, f"the guest did not power off within {timeout:g} s")
        return self._process.wait()

    def run(self, command: str, *, stdin: bytes = b"", timeout: float = 60.0) -> tuple[int, bytes]:
        """Run a shell command as root in the guest: its exit status, and its output with the errors in it.

        One that takes too long is killed with all it started: the guest takes the next. What it leaves in the background
        by itself goes on.
        """
        number = self._ask(command, stdin)
        if self._until(lambda: self._answered(number), f"the guest did not finish {command!r}", timeout):
            found = agent.answer(self._received, number)
            assert found is not None
            return found
        raise self._failure(
            Kind.TIMEOUT, f"the guest did not finish {command!r} within {timeout:g} s", output=self._killed(number)
        )

    def shell(self) -> None:
        """Give this program's terminal to a root shell in the guest, until it ends. Its own virtio console is its terminal."""
        channel = _connect(self._emulator.directory / "shell", self._process)
        if channel is None:
            raise self._failure(Kind.BOOT_FAILED, "QEMU has ended: there is no shell")
        size = os.get_terminal_size(0)
        number = self._ask(SHELL.format(rows=size.lines, columns=size.columns, term=shlex.quote(os.environ.get("TERM", "vt100"))))
        with channel, terminal.raw(0):
            typed = functools.partial(_passed, functools.partial(os.read, 0), channel.sendall)
            shown = functools.partial(_passed, channel.recv, terminal.show)
            self._selector.register(0, selectors.EVENT_READ, typed)
            self._selector.register(channel, selectors.EVENT_READ, shown)
            try:
                self.wait_for(lambda: self._answered(number), "the shell did not end", timeout=math.inf)
            finally:
                for source in (0, channel):
                    if source in self._selector.get_map():
                        self._selector.unregister(source)

    def power_off(self, *, timeout: float, command: str = "poweroff") -> None:
        """Run a command after which the guest is no more, and wait until QEMU has ended. It may be gone before it can answer."""
        self._ask(command)
        self.wait_for_end(timeout=timeout)

    def _ask(self, command: str, stdin: bytes = b"") -> int:
        """Send a request; its number."""
        self._received.clear()
        self._requests += 1
        self._send(agent.request(self._requests, command, stdin))
        return self._requests

    def _send(self, data: bytes) -> None:
        """Have `_pump` send this, which goes on reading meanwhile: a guest whose console nobody reads stands still."""
        if self._agent is None or self._agent not in self._selector.get_map():
            raise self._failure(Kind.BOOT_FAILED, "QEMU has ended: the guest takes no commands")
        self._outgoing += data
        self._selector.modify(self._agent, selectors.EVENT_READ | selectors.EVENT_WRITE, self._agent_said)

    def _answered(self, number: int) -> bool:
        if agent.has_restarted(self._received):
            raise self._failure(Kind.COMMAND_FAILED, "the guest's agent was ended while it ran a command")
        return agent.answer(self._received, number) is not None

    def _killed(self, number: int) -> bytes:
        """End a command; what it had said. Nothing where the guest does not even do that."""
        deadline = time.monotonic() + KILL_SECONDS
        while time.monotonic() < deadline:
            self._send(agent.kill(number))
            if self._until(lambda: self._answered(number), "the guest could not end a command", 1.0):
                found = agent.answer(self._received, number)
                return found[1] if found is not None else b""
        return b""

    def wait_for(self, done: Callable[[], bool], what: str, *, timeout: float) -> None:
        """Wait until something is so, while the guest runs; `what` says what was not, for the error."""
        if not self._until(done, what, timeout):
            raise self._failure(Kind.TIMEOUT, f"{what} within {timeout:g} s")

    def _until(self, done: Callable[[], bool], what: str, timeout: float) -> bool:
        """Wait; whether it is done in time. Raises where the guest has ended before."""
        deadline = time.monotonic() + timeout
        while not done():
            ended = self._process.poll() is not None
            came = self._pump()
            if b"Kernel panic" in self.log:
                raise self._panic(what)
            if not came and ended and not done():
                raise self._failure(Kind.BOOT_FAILED, f"QEMU ended: {what}")
            if time.monotonic() > deadline:
                return False
        return True

    def _panic(self, what: str) -> MicrosError:
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
        for key, events in self._selector.select(_POLL_SECONDS):
            if key.fileobj is self._agent and events & selectors.EVENT_WRITE:
                self._push()
            if events & selectors.EVENT_READ:
                data = key.data()
                if not data:
                    self._selector.unregister(key.fileobj)
                came = came or bool(data)
        return came

    def _console_said(self) -> bytes:
        data: bytes = self._console.read() or b""
        self.log += data
        if self._echo is not None:
            self._echo(data)
        return data

    def _agent_said(self) -> bytes:
        assert self._agent is not None
        try:
            data = self._agent.recv(1 << 16)
        except ConnectionResetError:  # QEMU has ended
            return b""
        self._received += data
        return data

    def _push(self) -> None:
        """Send what the agent's channel takes of what is to be sent."""
        assert self._agent is not None
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # QEMU has ended, as reading will tell
            self._outgoing = self._outgoing[self._agent.send(self._outgoing) :]
        if not self._outgoing:
            self._selector.modify(self._agent, selectors.EVENT_READ, self._agent_said)

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

    def console_notes(self) -> list[str]:
        """The end of the console's log, for an error."""
        tail = self.log.decode(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return ["the console's last lines:", *("  " + line for line in tail)]

    def _failure(self, kind: Kind, message: str, *, output: bytes = b"") -> MicrosError:
        said = ["its output:", *("  " + line for line in last_lines(output))] if output else []
        return error(kind, message, notes=[*said, *self.console_notes()])


def last_lines(output: bytes | str) -> list[str]:
    """The end of a command's output, for people."""
    text = output if isinstance(output, str) else output.decode(errors="replace")
    return text.splitlines()[-LOG_TAIL_LINES:]


def _passed(read: Callable[[int], bytes], write: Callable[[bytes], object]) -> bytes:
    """Hand bytes over."""
    data = read(4096)
    write(data)
    return data


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
