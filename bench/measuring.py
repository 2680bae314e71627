"""Running a command and saying what it took; comparing a figure with its mark."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Run:
    """What one process took, its children's processor time included."""

    seconds: float
    cpu: float
    peak_mb: float
    """Largest resident size (MB)."""
    output: bytes


def measured(argv: Sequence[str | Path], directory: Path | None = None) -> Run:
    """Run a command to its end. Raises `CalledProcessError` where it fails; its messages are on standard error."""
    # A user's Python keeps bytecode; where this one is told not to, compiling would be half of what is measured.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    os.sync()  # what others left to write would be waited for by whoever syncs first
    began = time.perf_counter()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as messages:
        child = subprocess.Popen(argv, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=messages)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        messages.seek(0)
        if child.returncode:
            print(messages.read().decode(errors="replace"), file=sys.stderr)
            raise subprocess.CalledProcessError(child.returncode, [str(word) for word in argv])
        return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6, output.read())


def middle(runs: Sequence[Run]) -> Run:
    """The run with the median time; its memory the largest of all."""
    chosen = sorted(runs, key=lambda run: run.seconds)[len(runs) // 2]
    return replace(chosen, peak_mb=max(run.peak_mb for run in runs))


def figure(what: str, value: float, unit: str, mark: float | None = None) -> None:
    """Print one figure, and whether it reaches its mark (at most)."""
    verdict = "" if mark is None else f"   mark {mark:g} {unit}: {reached(value <= mark)}"
    print(f"{what:<52} {value:8.2f} {unit}{verdict}", flush=True)


def reached(good: bool) -> str:
    """The word for it."""
    return "reached" if good else "MISSED"
