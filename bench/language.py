"""What evaluation costs: `python -m bench.language`.

The synthetic systems of `bench/modules` (large: 10,000 options, 1,000 modules, 30,000 definitions) and the example. Each is
one process of one thread, its output compared with the expected one; times are of the processor, so that other work on the
machine does not count, with Python's start and the reading of the input. Where `nix-instantiate` is installed and NIX_PATH
leads it to a nixpkgs (its `lib` is enough), the reference implementation evaluates the large one beside ours.
"""

from __future__ import annotations

import json
import lzma
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measuring import Run, figure, measured, middle

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[1]
INPUTS = ROOT / "bench/modules"
REPEATS = 5
READING = "import json, lzma, sys; json.load(lzma.open(sys.argv[1]))"
HELLO = "from micros.system import load; load('examples/hello.py')[0].plan()"


def evaluated(size: str, *path: str) -> Run:
    """The median of some evaluations of a synthetic system, or of one option of it."""
    with lzma.open(INPUTS / f"expected-{size}.json.xz") as stream:
        expected = json.load(stream)
    for name in path[0].split(".") if path else ():
        expected = expected[name]
    run = repeated([sys.executable, "-m", "bench.modules", INPUTS / f"{size}.json.xz", *path])
    assert json.loads(run.output) == expected, f"{size} {path}: not the expected values"
    return run


def repeated(argv: Sequence[str | Path]) -> Run:
    """The median of some runs."""
    return middle([measured(argv, ROOT) for _ in range(REPEATS)])


def an_option(size: str) -> str:
    """The last option of the last module."""
    with lzma.open(INPUTS / f"{size}.json.xz") as stream:
        return ".".join(json.load(stream)["modules"][-1]["options"][-1]["path"])


def reference(size: str) -> Run | None:
    """The median of some evaluations by the reference implementation; None where it is not installed."""
    program = shutil.which("nix-instantiate")
    if program is None or subprocess.run([program, "--eval", "-E", "<nixpkgs/lib>"], capture_output=True, check=False).returncode:
        return None
    with tempfile.NamedTemporaryFile(suffix=".json") as file, lzma.open(INPUTS / f"{size}.json.xz") as stream:
        shutil.copyfileobj(stream, file)
        file.flush()
        run = repeated([program, "--eval", "--strict", "--json", "--arg", "file", file.name, ROOT / "bench/reference.nix"])
    with lzma.open(INPUTS / f"expected-{size}.json.xz") as stream:
        assert json.loads(run.output) == json.load(stream), f"{size}: the reference gives other values"
    return run


def main() -> None:
    large = evaluated("large")
    theirs = reference("large")
    if theirs is None:
        print("the reference implementation is not installed (nix-instantiate, and a nixpkgs on NIX_PATH)")
    else:
        figure("large: by the reference implementation", theirs.cpu, "s")
        figure("large: its memory", theirs.peak_mb, "MB")
        print(
            f"large: ours needs 1/{theirs.cpu / large.cpu:.1f} of the time, 1/{theirs.peak_mb / large.peak_mb:.1f} of the memory"
        )
    figure("large: all of it", large.cpu, "s", 1.2)
    figure("large: memory", large.peak_mb, "MB", 120)
    figure("large: one option", evaluated("large", an_option("large")).cpu, "s", 0.3)
    reading: list[str | Path] = [sys.executable, "-c", READING, INPUTS / "large.json.xz"]
    figure("large: of that, Python's start and reading the input", repeated(reading).cpu, "s")
    figure("medium (2,000 options)", evaluated("medium").cpu, "s")
    figure("small (200 options)", evaluated("small").cpu, "s", 0.1)
    figure("the example, all of it", repeated([sys.executable, "-c", HELLO]).cpu, "s", 0.15)


if __name__ == "__main__":
    main()
