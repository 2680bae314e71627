"""Fixtures of all tests: a store, tools of the archive, the command itself.

The store is the user's own unless MICROS_TEST_STORE names one, so that packages are downloaded once; tests that damage
a store make their own.
"""

from __future__ import annotations

import json
import os
import pty
import select
import shlex
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from micros.debian.tools import Toolbox
from micros.debian.universe import Settings
from micros.store.scheduler import Scheduler
from micros.store.store import Store, default_root

TIMEOUT_SECONDS = 300


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="rewrite golden texts with what is printed today")


@pytest.fixture
def accept(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--accept"))


@pytest.fixture(scope="session")
def store_root() -> Path:
    named = os.environ.get("MICROS_TEST_STORE")
    return Path(named) if named else default_root()


@pytest.fixture(scope="session")
def scheduler(store_root: Path) -> Iterator[Scheduler]:
    store = Store(store_root)
    scheduler = Scheduler(store)
    yield scheduler
    scheduler.close()
    store.close()


@pytest.fixture(scope="session")
def toolbox(scheduler: Scheduler) -> Toolbox:
    return Toolbox(scheduler, Settings())


Program = Callable[[str, str], str]
"""Package and name of a program -> the path of a script that starts it."""


@pytest.fixture(scope="session")
def program(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Programs of the archive's own packages, started with their own loader and libraries."""
    directory = tmp_path_factory.mktemp("programs")

    def bring(package: str, name: str) -> str:
        root = toolbox.root([package])
        (loader,) = root.glob("usr/lib/*/ld-linux*.so*")
        (path,) = (root / place / name for place in ("usr/bin", "usr/sbin") if (root / place / name).exists())
        line = shlex.join([str(loader), "--library-path", str(loader.parent), str(path)])
        script = directory / name
        script.write_text(f'#!/bin/sh\nexec {line} "$@"\n')
        script.chmod(0o755)
        return str(script)

    return bring


# VmHWM (proc(5)) counts from exec on, unlike what wait4(2) says, which knows of the parent too.
_PRELUDE = """
import sys, time
from micros.cli import main
with open("/proc/self/status") as lines, open(sys.argv[2], "w") as peak:
    exec(sys.argv[1])
    status = main(sys.argv[3:])
    peak.write(next(line.split()[1] for line in lines if line.startswith("VmHWM")) + f" {time.process_time()}")
sys.exit(status)
"""


@dataclass
class Outcome:
    """What a command did."""

    status: int
    out: str
    err: str
    """What it said to people."""
    events: list[dict[str, Any]]
    """What it said to a program, with `--json`."""
    peak_bytes: int = 0
    """The most memory it ever had, where that was measured."""
    cpu_seconds: float = 0.0
    """The time it computed, where that was measured: unlike the time it took, it hardly depends on what else runs."""

    @property
    def kinds(self) -> list[str]:
        """Kinds of the errors it reported, with `--json`."""
        return [record["kind"] for record in json.loads(self.out)["errors"]]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The errors it reported, with `--json`."""
        records: list[dict[str, Any]] = json.loads(self.out)["errors"]
        return records


def outcome(done: subprocess.CompletedProcess[str]) -> Outcome:
    """What a command did that ran to its end; it must not have shown a traceback."""
    assert "Traceback" not in done.stderr, done.stderr
    is_json = done.returncode in (0, 1) or done.stdout  # not what argparse says, nor what was killed
    if "--json" not in done.args or not is_json:
        return Outcome(done.returncode, done.stdout, done.stderr, [])
    events = [json.loads(line) for line in done.stderr.splitlines()]
    said = "\n".join(event["text"] for event in events if event["event"] == "message")
    return Outcome(done.returncode, done.stdout, said, events)


class Command:
    """Runs `micros` as a user does: a process of its own."""

    def __init__(self, store: Path, directory: Path) -> None:
        self.store = store
        self.directory = directory

    def __call__(self, *arguments: str, **environment: str) -> Outcome:
        return self._run(["-m", "micros"], arguments, environment)

    def after(self, prelude: str, *arguments: str, **environment: str) -> Outcome:
        """The command in a process that ran some Python first, with the memory it needed."""
        peak = self.directory / "peak"
        done = self._run(["-c", _PRELUDE, prelude, str(peak)], arguments, environment)
        kibibytes, seconds = peak.read_text().split()
        done.peak_bytes, done.cpu_seconds = int(kibibytes) << 10, float(seconds)
        peak.unlink()
        return done

    def _run(self, program: Sequence[str], arguments: Sequence[str], environment: Mapping[str, str]) -> Outcome:
        done = subprocess.run(
            [sys.executable, *program, arguments[0], "--store", str(self.store), *arguments[1:]],
            cwd=self.directory,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return outcome(done)

    def write(self, name: str, text: str) -> str:
        """A file beside which the lock will lie."""
        (self.directory / name).write_text(text)
        return name


class Terminal:
    """A pseudo-terminal of 24 rows and 80 columns with a `micros` on it, as a context manager."""

    def __init__(self, micros: Command, verb: str, *arguments: str) -> None:
        self.end, child = pty.openpty()
        termios.tcsetwinsize(child, (24, 80))
        self.modes = termios.tcgetattr(child)
        argv = [sys.executable, "-m", "micros", verb, "--store", str(micros.store), *arguments]
        self.process = subprocess.Popen(
            argv, cwd=micros.directory, stdin=child, stdout=child, stderr=child, start_new_session=True
        )
        self.child = child
        self.seen = b""

    def __enter__(self) -> Self:
        return self

    def read_until(self, text: bytes) -> bytes:
        """What the terminal shows up to a text, from where the last reading ended."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen.decode(errors="replace")
            if select.select([self.end], [], [], 0.5)[0]:
                self.seen += os.read(self.end, 4096)
        shown, _, self.seen = self.seen.partition(text)
        return shown

    def type(self, text: bytes) -> None:
        os.write(self.end, text)

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.end)
        os.close(self.child)


@pytest.fixture
def micros(store_root: Path, tmp_path: Path) -> Command:
    return Command(store_root, tmp_path)
