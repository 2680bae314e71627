"""`micros run` on a terminal: a person logs in, looks around, powers off, and has their shell back."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import TIMEOUT_SECONDS, Command, Terminal

HELLO = Path(__file__).parents[2] / "examples/hello.py"


@pytest.fixture
def terminal(micros: Command) -> Iterator[Terminal]:
    shutil.copy(HELLO, micros.directory)
    with Terminal(micros, "run", "hello.py") as opened:
        yield opened


def test_login_status_poweroff(terminal: Terminal) -> None:
    assert b"times: evaluate" in terminal.read_until(b"Ctrl-A X leaves QEMU")
    terminal.read_until(b"Hello from MicrOS!")
    terminal.read_until(b"hello login:")
    terminal.type(b"root\r")
    terminal.read_until(b"# ")
    terminal.type(b"sv status /etc/service/*; echo done\r")
    terminal.read_until(b"echo done")
    shown = terminal.read_until(b"done")
    for name in (b"dhcp", b"getty", b"hello"):
        assert b"run: /etc/service/" + name in shown
    terminal.type(b"poweroff\r")
    assert b"boot" in terminal.read_until(b"guest")
    assert terminal.process.wait(TIMEOUT_SECONDS) == 0
    assert termios.tcgetattr(terminal.child) == terminal.modes


def test_ctrl_a_x_leaves(terminal: Terminal) -> None:
    terminal.read_until(b"MicrOS: stage 2 done")
    terminal.type(b"\x01x")
    terminal.read_until(b"times:")
    assert terminal.process.wait(TIMEOUT_SECONDS) == 0
    assert termios.tcgetattr(terminal.child) == terminal.modes


def test_a_terminated_run_takes_its_guest_along(terminal: Terminal) -> None:
    terminal.read_until(b"MicrOS: stage 2 done")
    process = terminal.process.pid
    (guest,) = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    terminal.process.terminate()
    assert terminal.process.wait(TIMEOUT_SECONDS) == 128 + signal.SIGTERM
    assert not Path(f"/proc/{guest}").exists()
    assert termios.tcgetattr(terminal.child) == terminal.modes


def test_a_terminal_that_vanishes_takes_the_guest_along(terminal: Terminal) -> None:
    terminal.read_until(b"MicrOS: stage 2 done")
    process = terminal.process.pid
    (guest,) = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    os.close(terminal.child)
    os.close(terminal.end)
    terminal.process.wait(TIMEOUT_SECONDS)
    assert not Path(f"/proc/{guest}").exists()
    terminal.end, terminal.child = pty.openpty()  # for its end
