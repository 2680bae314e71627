"""How long `micros build` takes for the example: `python -m bench.build`.

Each figure is one process of the command, Python's start included. The first build has an empty store but for the
downloads; "changed" edits one line of a service's script.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HELLO = Path(__file__).parents[1] / "examples/hello.py"
REPEATS = 5


def _build(directory: Path, store: Path) -> float:
    argv = [sys.executable, "-m", "micros", "build", "hello.py", "--store", str(store)]
    began = time.monotonic()
    subprocess.run(argv, cwd=directory, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


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
        print(f"first, downloads included        {_build(directory, store):6.2f} s")
        _without_results(store)
        os.unlink(directory / "micros.lock")
        print(f"first, downloads cached, no lock {_build(directory, store):6.2f} s")
        same = sorted(_build(directory, store) for _ in range(REPEATS))[REPEATS // 2]
        print(f"nothing changed (median of {REPEATS})    {same:6.2f} s")
        changed = []
        for number in range(REPEATS):
            text = HELLO.read_text().replace("Hello from MicrOS!", f"Hello number {number}!")
            (directory / "hello.py").write_text(text)
            changed.append(_build(directory, store))
        print(f"one line changed (median of {REPEATS})   {sorted(changed)[REPEATS // 2]:6.2f} s")
        sizes = {path.name: path.stat().st_size for path in (directory / "result").iterdir()}
        print(f"initrd + root.squashfs           {(sizes['initrd'] + sizes['root.squashfs']) / 1e6:6.2f} MB")
        print(f"kernel                           {sizes['kernel'] / 1e6:6.2f} MB")


if __name__ == "__main__":
    main()
