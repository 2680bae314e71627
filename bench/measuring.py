"""Running a command and saying what it took; comparing a figure with its mark."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Run:
    """What one process took, its children's processor time included."""

    seconds: float
    cpu: float
    peak_mb: float
    """Largest resident size (MB)."""


def measured(argv: Sequence[str | Path], directory: Path | None = None) -> Run:
    """Run a command to its end. Raises `CalledProcessError` with its output where it fails."""
    # A user's Python keeps bytecode; where this one is told not to, compiling would be half of what is measured.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    child = subprocess.Popen(
        argv, cwd=directory, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert child.stdout is not None
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        print(output.decode(errors="replace"))
        raise subprocess.CalledProcessError(child.returncode, [str(word) for word in argv], output)
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def median(once: Callable[[], Run], repeats: int) -> Run:
    """The median of each figure over some runs; of memory the largest."""
    runs = [once() for _ in range(repeats)]
    return Run(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.cpu for run in runs),
        max(run.peak_mb for run in runs),
    )


def figure(what: str, value: float, unit: str, mark: float | None = None) -> None:
    """Print one figure, and whether it reaches its mark (at most)."""
    verdict = "" if mark is None else f"   mark {mark:g} {unit}: {'reached' if value <= mark else 'MISSED'}"
    print(f"{what:<52} {value:8.2f} {unit}{verdict}", flush=True)
