"""FAT file systems against mkfs.vfat and mcopy, for the same content in one run: `python -m bench.fat`.

Ours writes the file from contents in a store, checking each, in a process of its own whose start is left out, as it is a part of
a longer one; theirs are two processes of the archive's tools, without a sandbox, that read the same content from a directory.
Neither syncs.
"""

from __future__ import annotations

import hashlib
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
from micros.formats.fat import Volume, write_fat
from micros.store.scheduler import Scheduler
from micros.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS = 5
MARK = 1.0
CONTENTS = {
    "esp": ([20_000_000, 4_000_000], 400),
    "card": ([8_000_000, 8_000_000, 16_000_000, 60_000_000], 900),
    "small files": ([30 * number for number in range(1, 2001)], 128),
}
"""By name: sizes of files, and the size of the file system in MiB."""


def tools(store: Store) -> tuple[list[str | Path], list[str | Path]]:
    """The command lines that begin mkfs.vfat and mcopy."""
    found: list[list[str | Path]] = []
    with closing(Scheduler(store)) as scheduler:
        for package, name in (("dosfstools", "usr/sbin/mkfs.vfat"), ("mtools", "usr/bin/mcopy")):
            root = Toolbox(scheduler, Settings()).root([package])
            loader = next(root.glob("usr/lib/*/ld-linux*.so*"))
            found.append([loader, "--library-path", loader.parent, root / name])
    return found[0], found[1]


def compare(name: str, sizes: Sequence[int], mib: int, directory: Path) -> None:
    """Measure both and print one line."""
    content = directory / "content"
    entries: list[tuple[str, File]] = []
    with closing(Store(STORE)) as store:
        mkfs, mcopy = tools(store)
        for number, size in enumerate(sizes):
            data = random.Random(number).randbytes(size)
            path = f"directory{number % 20}/a file with number {number}.bin"
            (content / path).parent.mkdir(parents=True, exist_ok=True)
            (content / path).write_bytes(data)
            entries.append((path, File(store.add_bytes(data), size)))
        tree = store.add_tree(Tree.of(entries))
    ours, theirs = directory / "ours", directory / "theirs"
    runs = []
    for _ in range(ROUNDS):
        mine = measured([sys.executable, "-m", "bench.fat", tree, ours, str(mib)], Path(__file__).parents[1])
        theirs.unlink(missing_ok=True)
        with theirs.open("xb") as stream:
            stream.truncate(mib << 20)
        made = measured([*mkfs, "-F", "32" if mib >= 512 else "16", theirs])
        copied = measured([*mcopy, "-s", "-i", theirs, *sorted(content.iterdir()), "::"])
        runs.append((*map(float, mine.output.split()), made.seconds + copied.seconds))
    mine_seconds, digests, other = (sorted(seconds)[ROUNDS // 2] for seconds in zip(*runs, strict=True))
    print(
        f"{name:<12} {len(sizes):>5} files, {sum(sizes) / 1e6:5.1f} MB: {mine_seconds:.3f} s of {other:.3f} s = "
        f"1/{other / mine_seconds:.1f}   mark 1/{MARK:g}: {reached(other / mine_seconds >= MARK)}   "
        f"reading and hashing alone {digests:.3f} s",
        flush=True,
    )


def write(tree: str, path: Path, mib: int) -> None:
    """What is timed of ours, and for comparison reading every content and computing its digest."""
    with closing(Store(STORE)) as store, path.open("w+b") as out:
        entries = store.tree(Digest(tree))
        began = time.perf_counter()
        write_fat(entries, store, out, Volume(size_bytes=mib << 20))
        wrote = time.perf_counter()
        for _, entry in entries.items():
            if isinstance(entry, File):
                hashlib.sha256(store.path(entry.digest).read_bytes()).digest()
        print(wrote - began, time.perf_counter() - wrote)


def main() -> None:
    HOME.mkdir(parents=True, exist_ok=True)
    for name, (sizes, mib) in CONTENTS.items():
        with tempfile.TemporaryDirectory(dir=HOME) as directory:
            compare(name, sizes, mib, Path(directory))


if __name__ == "__main__":
    if len(sys.argv) == 4:
        write(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
