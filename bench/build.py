"""How long `micros build` takes for the example, and how small it is: `python -m bench.build`.

Each time is one process of the command, Python's start included. The first build has an empty store but for the
downloads; "changed" edits one line of a service's script, another one each time.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
from pathlib import Path

from bench.measuring import Run, figure, measured, middle

HELLO = Path(__file__).parents[1] / "examples/hello.py"
REPEATS = 7


def _without_results(store: Path) -> None:
    """Leave the downloads (blobs of packages and indices), drop what was computed from them."""
    for path in (store / "results").glob("??/*"):
        path.unlink()
    shutil.rmtree(store / "blocks")
    (store / "blocks").mkdir()


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        directory, store = Path(name, "work"), Path(name, "store")
        directory.mkdir()
        shutil.copy(HELLO, directory)
        numbers = itertools.count()

        def built() -> Run:
            return measured([sys.executable, "-m", "micros", "build", "hello.py", "--store", store], directory)

        def changed() -> Run:
            text = HELLO.read_text().replace("Hello from MicrOS!", f"Hello number {next(numbers)}!")
            (directory / "hello.py").write_text(text)
            return built()

        figure("first build, downloads included", built().seconds, "s")
        _without_results(store)
        (directory / "micros.lock").unlink()
        figure("first build, downloads cached, no lock", built().seconds, "s", 15)
        figure(f"nothing changed (median of {REPEATS})", middle([built() for _ in range(REPEATS)]).seconds, "s", 0.4)
        figure(f"one line changed (median of {REPEATS})", middle([changed() for _ in range(REPEATS)]).seconds, "s", 1)
        sizes = {path.name: path.stat().st_size for path in (directory / "result").iterdir()}
        figure("hello without its kernel (initrd + root.squashfs)", (sizes["initrd"] + sizes["root.squashfs"]) / 1e6, "MB", 6)
        figure("its kernel", sizes["kernel"] / 1e6, "MB")


if __name__ == "__main__":
    main()
