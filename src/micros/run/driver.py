"""A guest as a test sees it: verbs that do something in it, wait for something, or fail with all that a person wants to know.

    guest.wait_for_service("web")
    with guest.subtest("pages are served"):
        assert "hello" in guest.succeed("wget -qO- http://localhost/")

The verbs are those of the NixOS test driver, as far as they have a meaning without systemd. A verb that fails raises an
error whose notes are the lines of the test that led to it, the command's output, and the end of the console's log.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from micros.base.errors import Kind, MicrosError, Note, error
from micros.base.where import Where
from micros.run.vm import Vm, booted, last_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import FrameType, TracebackType

    from micros.run.qemu import Emulator, Guest
    from micros.run.steps import Steps

TIMEOUT_SECONDS = 120.0
"""How long a boot, a command or a wait may take, unless a verb is told otherwise."""
SHORTEST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
"""Pauses between two tries grow from one to the other."""
CHUNK_BYTES = 1 << 20
"""Files are copied in pieces of this size."""
NO_SUCH_SERVICE = (2, 127)
"""What `micros-service status` says of a name it does not know, and the shell of a guest without that command."""
LONGEST_NAME = 70
"""Characters of a command that a step shows."""

P = ParamSpec("P")
T = TypeVar("T")


def _verb(function: Callable[Concatenate[Driver, P], T]) -> Callable[Concatenate[Driver, P], T]:
    """Make a method a verb: a timed step, whose errors say where in the test it was used.

    The one frame that a failure adds to the test's own is hidden from pytest.
    """

    @functools.wraps(function)
    def verb(self: Driver, /, *args: P.args, **kwargs: P.kwargs) -> T:
        __tracebackhide__ = True
        words = " ".join([function.__name__, *map(str, args)]).splitlines() or [""]
        name = words[0] if len(words) == 1 and len(words[0]) <= LONGEST_NAME else words[0][:LONGEST_NAME] + " ..."
        with self.steps.step(f"{self.name}: {name}"):
            try:
                return function(self, *args, **kwargs)
            except MicrosError as problem:
                raise _placed(problem, function.__name__, self.name) from None

    return verb


class Driver:
    """A guest with verbs, as a context manager: entering it boots the guest, leaving it ends QEMU.

    Times are in seconds. Every verb raises an error of kind `timeout` when its time is over, `boot-failed` or
    `early-panic` when the guest is gone.
    """

    def __init__(
        self,
        guest: Guest,
        emulator: Emulator,
        *,
        steps: Steps,
        name: str = "guest",
        timeout: float = TIMEOUT_SECONDS,
        echo: Callable[[bytes], object] | None = None,
    ) -> None:
        self.name = name
        self.steps = steps
        self._boot = functools.partial(Vm, guest, emulator, echo=echo)
        self._timeout = timeout
        self._vm: Vm | None = None
        self._is_up = False

    def __enter__(self) -> Driver:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.crash()

    @property
    def is_running(self) -> bool:
        """Whether the guest was started and has not ended."""
        return self._vm is not None and self._vm.is_running

    @property
    def vm(self) -> Vm:
        """The running guest."""
        if self._vm is None:
            raise error(Kind.USAGE, f"{self.name} is not running", hint="`start()` boots it")
        return self._vm

    @property
    def console(self) -> str:
        """What the console has shown since the last start."""
        return self.vm.log.decode(errors="replace").replace("\r\n", "\n")

    # start and end

    @_verb
    def start(self) -> None:
        """Boot the guest, unless it runs, until it takes commands. A kernel that dies before user space, as happens by
        itself under emulation, rarely, is tried once more."""
        if self._is_up and self.is_running:
            return
        booted(self._come_up)

    def power_on(self) -> None:
        """Start the guest, unless it runs, and do not wait: `start` does. So several boot at the same time."""
        if not self.is_running:
            self._ended()
            self._vm = self._boot().__enter__()

    def _come_up(self) -> None:
        self.power_on()
        try:
            self.vm.wait_for_agent(timeout=self._timeout)
        except BaseException:
            self._ended()
            raise
        self._is_up = True

    def _ended(self) -> None:
        if self._vm is not None:
            self._vm.__exit__(None, None, None)
        self._vm = None
        self._is_up = False

    @_verb
    def shutdown(self, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Have the guest power itself off, and wait until it has."""
        self.vm.power_off(timeout=timeout)
        self._ended()

    @_verb
    def reboot(self, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Have the guest reboot, and wait until it takes commands again. Its memory is new, its writable disks are not."""
        self.vm.power_off(timeout=timeout, command="reboot")
        self._ended()
        self._come_up()

    def crash(self) -> None:
        """Take the power away, now."""
        self._ended()

    # commands

    @_verb
    def execute(self, command: str, *, stdin: bytes = b"", timeout: float = TIMEOUT_SECONDS) -> tuple[int, str]:
        """Run a shell command as root: its exit status, and its output with its errors in it.

        One that takes too long is killed, with what it started. What it leaves in the background goes on.
        """
        return self._run(command, timeout, stdin)

    @_verb
    def succeed(self, *commands: str, timeout: float = TIMEOUT_SECONDS) -> str:
        """Run commands that must succeed, one after the other: what they print. Error of kind `command-failed`."""
        outputs = []
        for command in commands:
            status, output = self._run(command, timeout)
            if status != 0:
                raise self._failed(command, status, output)
            outputs.append(output)
        return "".join(outputs)

    @_verb
    def fail(self, *commands: str, timeout: float = TIMEOUT_SECONDS) -> str:
        """Run commands that must fail, one after the other: what they print. Error of kind `command-failed`."""
        outputs = []
        for command in commands:
            status, output = self._run(command, timeout)
            if status == 0:
                raise self._failed(command, status, output)
            outputs.append(output)
        return "".join(outputs)

    # waiting

    @_verb
    def wait_until_succeeds(self, command: str, *, timeout: float = TIMEOUT_SECONDS) -> str:
        """Run a command again and again until it succeeds: what it printed then."""
        return self._repeat(command, lambda status: status == 0, timeout)

    @_verb
    def wait_until_fails(self, command: str, *, timeout: float = TIMEOUT_SECONDS) -> str:
        """Run a command again and again until it fails: what it printed then."""
        return self._repeat(command, lambda status: status != 0, timeout)

    @_verb
    def wait_for_service(self, name: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until a service of `micros.services` is up and ready, or done where it runs once. Error of kind
        `command-failed` where there is no such service."""
        command = f"micros-service status {shlex.quote(name)}"
        self._repeat(command, lambda status: status == 0, timeout, is_hopeless=NO_SUCH_SERVICE.__contains__)

    @_verb
    def wait_for_open_port(self, port: int, address: str = "localhost", *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until a TCP port takes connections from the guest."""
        self._repeat(_connection(address, port), lambda status: status == 0, timeout)

    @_verb
    def wait_for_closed_port(self, port: int, address: str = "localhost", *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until a TCP port takes no connections from the guest."""
        self._repeat(_connection(address, port), lambda status: status != 0, timeout)

    @_verb
    def wait_for_file(self, path: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until there is a file, or whatever else has a path."""
        self._repeat(f"test -e {shlex.quote(path)}", lambda status: status == 0, timeout)

    @_verb
    def wait_for_console_text(self, pattern: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until the console has shown, since the last start, what a regular expression (`re`) matches."""
        searched = re.compile(pattern, re.MULTILINE)
        self.vm.wait_for(
            lambda: searched.search(self.console) is not None, f"the console did not show {pattern!r}", timeout=timeout
        )

    # files

    @_verb
    def copy_to_guest(self, source: str | Path, target: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Copy a file of the host to a path in the guest, with its permissions."""
        path, quoted = Path(source), shlex.quote(target)
        self._must(f": >{quoted} && chmod {path.stat().st_mode & 0o777:o} {quoted}", timeout)
        with path.open("rb") as file:
            while data := file.read(CHUNK_BYTES):
                self._must(f"cat >>{quoted}", timeout, data)

    @_verb
    def copy_from_guest(self, source: str, target: str | Path, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Copy a file of the guest to a path of the host."""
        with Path(target).open("wb") as file:
            piece = 0
            while data := self._must(f"dd if={shlex.quote(source)} bs={CHUNK_BYTES} skip={piece} count=1 2>/dev/null", timeout):
                file.write(data)
                piece += 1

    # people

    def shell(self) -> None:
        """Give the terminal to a root shell in the guest, until it ends."""
        self.vm.shell()

    def subtest(self, name: str) -> AbstractContextManager[None]:
        """A part of a test, with a name and a time."""
        return self.steps.step(name, holds_others=True)

    # what the verbs share

    def _run(self, command: str, timeout: float, stdin: bytes = b"") -> tuple[int, str]:
        status, output = self.vm.run(command, stdin=stdin, timeout=timeout)
        return status, output.decode(errors="replace")

    def _must(self, command: str, timeout: float, stdin: bytes = b"") -> bytes:
        status, output = self.vm.run(command, stdin=stdin, timeout=timeout)
        if status != 0:
            raise self._failed(command, status, output.decode(errors="replace"))
        return output

    def _repeat(
        self,
        command: str,
        is_wanted: Callable[[int], bool],
        timeout: float,
        is_hopeless: Callable[[int], bool] = lambda _: False,
    ) -> str:
        """Try until the exit status is as wanted; each try has the time that is left."""
        deadline = time.monotonic() + timeout
        pause = SHORTEST_PAUSE_SECONDS
        status, output = self._run(command, timeout)
        while not is_wanted(status):
            left = deadline - time.monotonic()
            if is_hopeless(status):
                raise self._failed(command, status, output)
            if left <= 0:
                raise self._failed(command, status, output, Kind.TIMEOUT, f" after {timeout:g} s still")
            time.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            status, output = self._run(command, max(left, SHORTEST_PAUSE_SECONDS))
        return output

    def _failed(self, command: str, status: int, output: str, kind: Kind = Kind.COMMAND_FAILED, when: str = "") -> MicrosError:
        said = ["its output:", *("  " + line for line in last_lines(output))] if output else ["it printed nothing"]
        message = f"{command!r}{when} ended with exit status {status}"
        return error(kind, message, notes=[*said, *self.vm.console_notes()])


def _connection(address: str, port: int) -> str:
    return f"nc -w 5 {shlex.quote(address)} {port} -e true"


def _placed(problem: MicrosError, verb: str, name: str) -> MicrosError:
    """The error of a verb, with the lines of the test that led to it, the innermost last."""
    lines = tuple(Note(where) for where in users_lines(sys._getframe(2)))
    first, *others = problem.problems
    return MicrosError(replace(first, message=f"`{verb}` in {name}: {first.message}", notes=(*lines, *first.notes)), *others)


_OURS = str(Path(__file__).parents[1]) + os.sep
_PROGRAMS = os.path.dirname(sys.executable) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep


def users_lines(frame: FrameType | None) -> list[Where]:
    """The lines that led to a frame and are neither ours nor a library's: those of the user's files, the outermost first."""
    found: list[Where] = []
    while frame is not None:
        if is_users(frame.f_code.co_filename):
            found.append(Where(frame.f_code.co_filename, frame.f_lineno))
        frame = frame.f_back
    return found[::-1]


def is_users(file: str) -> bool:
    """Whether source text is the user's own."""
    return not (file.startswith(("<", _OURS, _PROGRAMS, _LIBRARY)) or "-packages" + os.sep in file)
