"""What a command says while it works, on standard error: for a person at a terminal, for a log, or for a program.

At a terminal one line is kept up to date and vanishes; a log gets a line now and then; a program (`--json`) gets one JSON
object a line: `{"event": "message" | "step" | "download", ...}`.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from typing import Protocol

from micros.base.units import human_bytes

LONG_SECONDS = 1.0
"""A step that takes longer is worth a line of a log."""


class Progress(Protocol):
    """Told what happens. Observes the scheduler and downloads, from any thread."""

    def say(self, text: str) -> None:
        """A line that stays."""

    def started(self, label: str) -> None:
        """A step begins."""

    def finished(self, label: str, seconds: float) -> None:
        """A step has run."""

    def expected(self, count: int) -> None:
        """So many more bytes will be downloaded."""

    def received(self, count: int) -> None:
        """So many bytes have come."""

    def pause(self) -> None:
        """Nothing more will happen for now."""


def progress_for(*, as_json: bool, verbose: bool) -> Progress:
    """The way to say things that suits who reads."""
    if as_json:
        return JsonLines()
    return Terminal() if sys.stderr.isatty() and not verbose else Log(verbose=verbose)


_whole_lines = threading.Lock()


def _write_line(text: str) -> None:
    """A line in one piece, whatever other threads say."""
    with _whole_lines:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


class _Downloads:
    """Bytes expected and received, and when it is time to say so again."""

    def __init__(self, every_seconds: float) -> None:
        self.wanted = self.came = self._said = 0
        self._every = every_seconds
        self._next = time.monotonic() + every_seconds
        self._guard = threading.Lock()

    def expect(self, count: int) -> None:
        """So many more bytes will be downloaded."""
        with self._guard:
            self.wanted += count

    def receive(self, count: int) -> bool:
        """So many bytes have come; whether to say so now."""
        with self._guard:
            self.came += count
            now = time.monotonic()
            if now < self._next:
                return False
            self._next, self._said = now + self._every, self.came
            return True

    def settle(self) -> bool:
        """Whether more had come than was said until now."""
        with self._guard:
            before, self._said = self._said, self.came
            return self.came > before

    def __str__(self) -> str:
        return f"downloaded {human_bytes(self.came)} of {human_bytes(self.wanted)}"


class Log:
    """Lines for a log: what takes long, downloads every few seconds; every step where the user wants to know."""

    def __init__(self, *, verbose: bool) -> None:
        self._verbose = verbose
        self._downloads = _Downloads(3.0)

    def say(self, text: str) -> None:
        """A line that stays."""
        _write_line(text)

    def started(self, label: str) -> None:
        """A step begins."""
        if self._verbose:
            self.say(f"  {label} ...")

    def finished(self, label: str, seconds: float) -> None:
        """A step has run."""
        if self._verbose or seconds > LONG_SECONDS:
            self.say(f"  {label}: {seconds:.1f} s")

    def expected(self, count: int) -> None:
        """So many more bytes will be downloaded."""
        self._downloads.expect(count)

    def received(self, count: int) -> None:
        """So many bytes have come."""
        if self._downloads.receive(count):
            self.say(f"  {self._downloads}")

    def pause(self) -> None:
        """Nothing more will happen for now."""
        if self._downloads.settle():
            self.say(f"  {self._downloads}")


class Terminal:
    """One line that is rewritten in place: what is being downloaded and made at this moment."""

    def __init__(self) -> None:
        self._downloads = _Downloads(0.2)
        self._running: dict[str, float] = {}
        self._shown = False
        self._guard = threading.RLock()

    def say(self, text: str) -> None:
        """A line that stays."""
        with self._guard:
            self.pause()
            _write_line(text)

    def started(self, label: str) -> None:
        """A step begins."""
        with self._guard:
            self._running[label] = time.monotonic()
            self._show()

    def finished(self, label: str, seconds: float) -> None:
        """A step has run."""
        with self._guard:
            self._running.pop(label, None)
            if seconds > LONG_SECONDS:
                self.say(f"  {label}: {seconds:.1f} s")
            self._show()

    def expected(self, count: int) -> None:
        """So many more bytes will be downloaded."""
        self._downloads.expect(count)

    def received(self, count: int) -> None:
        """So many bytes have come."""
        if self._downloads.receive(count):
            with self._guard:
                self._show()

    def pause(self) -> None:
        """Take the line away (erase in line: ECMA-48, 8.3.41)."""
        with self._guard:
            if self._shown:
                sys.stderr.write("\r\x1b[K")
                sys.stderr.flush()
                self._shown = False

    def _show(self) -> None:
        parts = [str(self._downloads)] if self._downloads.came < self._downloads.wanted else []
        parts += list(self._running)
        if not parts:
            self.pause()
            return
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write("\r\x1b[K" + f"  {', '.join(parts)}"[:width])
        sys.stderr.flush()
        self._shown = True


class JsonLines:
    """One object a line, for a program."""

    def __init__(self) -> None:
        self._downloads = _Downloads(0.5)

    def say(self, text: str) -> None:
        """A line that stays."""
        self._event("message", text=text)

    def started(self, label: str) -> None:
        """A step begins."""
        self._event("step", name=label)

    def finished(self, label: str, seconds: float) -> None:
        """A step has run."""
        self._event("step", name=label, seconds=round(seconds, 3))

    def expected(self, count: int) -> None:
        """So many more bytes will be downloaded."""
        self._downloads.expect(count)

    def received(self, count: int) -> None:
        """So many bytes have come."""
        if self._downloads.receive(count):
            self._downloaded()

    def pause(self) -> None:
        """Nothing more will happen for now."""
        if self._downloads.settle():
            self._downloaded()

    def _downloaded(self) -> None:
        self._event("download", received_bytes=self._downloads.came, expected_bytes=self._downloads.wanted)

    def _event(self, kind: str, **fields: object) -> None:
        _write_line(json.dumps({"event": kind, **fields}, ensure_ascii=False))
