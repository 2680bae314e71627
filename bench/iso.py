"""ISO images against xorriso and genisoimage, for the same content in one run: `python -m bench.iso`.

Ours writes the file from contents in a store, checking each, in a process of its own whose start is left out, as it is a part of
a longer one; theirs are the archive's tools, without a sandbox, that read the same content from a directory. Neither syncs.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measuring import measured, reached
from bench.trees import HOME, STORE

from micros.base.digest import Digest
from micros.base.tree import File, Tree
from micros.debian.tools import Toolbox
from micros.debian.universe import Settings
from micros.formats.iso9660 import Volume, write_iso
from micros.store.scheduler import Scheduler, StoreJob
from micros.store.step import Step
from micros.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS = 5
MARK = 1.0
CONTENTS = {
    "system": [12_000_000, 8_000_000, 60_000_000],
    "large": [200_000_000],
    "small files": [30 * number for number in range(1, 2001)],
}
"""By name: sizes of files."""
TOOLS = {
    "xorriso": ("xorriso", ["-as", "mkisofs", "-quiet", "-R", "-iso-level", "3", "-V", "TRIAL", "-o"]),
    "genisoimage": ("genisoimage", ["-quiet", "-R", "-iso-level", "3", "-V", "TRIAL", "-o"]),
}
"""By name of the program: its package, and how it is called."""


def programs(store: Store) -> dict[str, list[str | Path]]:
    """The command lines that begin each of the tools."""
    found: dict[str, list[str | Path]] = {}
    with closing(Scheduler(store)) as scheduler:
        for name, (package, words) in TOOLS.items():
            root = Toolbox(scheduler, Settings()).root([package])
            loader = next(root.glob("usr/lib/*/ld-linux*.so*"))
            found[name] = [loader, "--library-path", loader.parent, root / "usr/bin" / name, *words]
    return found


def compare(name: str, sizes: Sequence[int], directory: Path) -> None:
    """Measure all and print a line for each tool."""
    content = directory / "content"
    entries: list[tuple[str, File]] = []
    with closing(Store(STORE)) as store:
        tools = programs(store)
        for number, size in enumerate(sizes):
            data = random.Random(number).randbytes(size)
            path = f"directory{number % 20}/a file with number {number}.bin"
            (content / path).parent.mkdir(parents=True, exist_ok=True)
            (content / path).write_bytes(data)
            entries.append((path, File(store.add_bytes(data), size)))
        tree = store.add_tree(Tree.of(entries))
    out = directory / "image.iso"
    seconds: dict[str, list[float]] = {"ours": [], **{tool: [] for tool in tools}}
    for _ in range(ROUNDS):
        mine = measured([sys.executable, "-m", "bench.iso", tree, out], Path(__file__).parents[1])
        seconds["ours"].append(float(mine.output))
        for tool, argv in tools.items():
            out.unlink(missing_ok=True)
            seconds[tool].append(measured([*argv, out, content]).seconds)
        out.unlink()
    middle = {tool: sorted(times)[ROUNDS // 2] for tool, times in seconds.items()}
    for tool in tools:
        ratio = middle[tool] / middle["ours"]
        what = f"{name:<12} {len(sizes):>5} files, {sum(sizes) / 1e6:5.1f} MB"
        verdict = f"1/{ratio:.1f}   mark 1/{MARK:g}: {reached(ratio >= MARK)}"
        print(f"{what}: {middle['ours']:.3f} s of {tool}'s {middle[tool]:.3f} s = {verdict}", flush=True)


def write(tree: str, path: Path) -> None:
    """What is timed of ours."""
    with closing(Store(STORE)) as store, tempfile.TemporaryDirectory(dir=HOME) as scratch, path.open("xb") as out:
        inputs = {"tree": Digest(tree), "identity": store.add_bytes(b"bench")}
        job = StoreJob(store, inputs, Step("micros.formats.iso9660:write", inputs), Path(scratch))
        began = time.perf_counter()
        write_iso(job, out, Volume("TRIAL"))
        print(time.perf_counter() - began)


def main() -> None:
    HOME.mkdir(parents=True, exist_ok=True)
    for name, sizes in CONTENTS.items():
        with tempfile.TemporaryDirectory(dir=HOME) as directory:
            compare(name, sizes, Path(directory))


if __name__ == "__main__":
    if len(sys.argv) == 3:
        write(sys.argv[1], Path(sys.argv[2]))
    else:
        main()
