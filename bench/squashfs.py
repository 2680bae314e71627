"""A changed file in a large package: `micros build` against mksquashfs alone: `python -m bench.squashfs [small] [large] [full]`.

Timed of ours: the whole command in a fresh process after random bytes changed inside one file of the largest package.
That is Python's start, evaluation, lock, the package's slimming, composing the tree, the image (made durable and hashed),
its copy in ./result. Timed of theirs: mksquashfs of the same archive on the tree that our image holds, all in the page
cache. Marks: 1/20 of its time at zstd-19 and xz, 1/2 at zstd-1, no larger an image, 250 MB of memory.

Without `full`, what would take mksquashfs minutes (the large tree at zstd-19 and xz) is left out.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from bench.measuring import Run, measured, median
from bench.trees import HOME, STORE, SYSTEMS, change_largest_package, describe
from micros.debian.tools import Toolbox
from micros.debian.universe import Settings
from micros.store.scheduler import Scheduler
from micros.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

REPEATS = 5
LONG_SECONDS = 5
"""What takes longer than this is measured once."""


class Codec(NamedTuple):
    """A compression, the options that choose it, and how many times less than mksquashfs a rebuild shall need."""

    compression: str
    level: int
    theirs: tuple[str, ...]
    mark: float


CODECS = (
    Codec("zstd", 1, ("-comp", "zstd", "-Xcompression-level", "1"), 2),
    Codec("zstd", 19, ("-comp", "zstd", "-Xcompression-level", "19"), 20),
    Codec("xz", 6, ("-comp", "xz"), 20),
)
QUICK = {"small": CODECS, "large": CODECS[:1]}
MEMORY_MARK_MB = 250


def tools() -> list[list[str | Path]]:
    """Command lines that begin mksquashfs and unsquashfs of the archive, without a sandbox's start."""
    with closing(Store(STORE)) as store, closing(Scheduler(store)) as scheduler:
        root = Toolbox(scheduler, Settings()).root(["squashfs-tools"])
    loader = next(root.glob("usr/lib/*/ld-linux*.so*"))
    return [[loader, "--library-path", loader.parent, root / "usr/bin" / name] for name in ("mksquashfs", "unsquashfs")]


def ours(directory: Path, codec: Codec) -> Run:
    """One `micros build`."""
    settings = [f"storage.root.compression={codec.compression}", f"storage.root.level={codec.level}"]
    argv = [sys.executable, "-m", "micros", "build", "system.toml", "--store", STORE]
    return measured([*argv, *itertools.chain.from_iterable(("--set", text) for text in settings)], directory)


def compare(directory: Path, codec: Codec) -> None:
    """Measure both and print one line."""
    mksquashfs, unsquashfs = tools()
    ours(directory, codec)
    seeds = itertools.count(time.time_ns())

    def rebuilt() -> Run:
        change_largest_package(directory, next(seeds))
        return ours(directory, codec)

    mine = median(rebuilt, REPEATS)
    image, tree, other = directory / "result/root.squashfs", directory / "tree", directory / "theirs.squashfs"
    measured([*unsquashfs, "-q", "-n", "-d", tree, image])
    options = ["-all-root", "-no-xattrs", "-no-progress", "-quiet", "-all-time", "0", "-noappend"]
    once = [*mksquashfs, tree, other, *codec.theirs, *options]
    try:
        theirs = measured(once)
        if theirs.seconds < LONG_SECONDS:
            theirs = median(lambda: measured(once), REPEATS)
        sizes = image.stat().st_size, other.stat().st_size
        entries = sum(1 for _ in tree.rglob("*"))
    finally:
        shutil.rmtree(tree)
        other.unlink(missing_ok=True)
    ratio, larger = theirs.seconds / mine.seconds, sizes[0] / sizes[1]
    good = ratio >= codec.mark and larger <= 1 and mine.peak_mb <= MEMORY_MARK_MB
    print(
        f"{directory.name}, {entries} entries, {codec.compression}-{codec.level}: "
        f"{mine.seconds:.2f} s of {theirs.seconds:.2f} s = 1/{ratio:.1f} (mark 1/{codec.mark:g})  "
        f"image {sizes[0] / 1e6:.2f} of {sizes[1] / 1e6:.2f} MB = {larger:.4f} (1)  "
        f"memory {mine.peak_mb:.0f} MB ({MEMORY_MARK_MB}): {'reached' if good else 'MISSED'}",
        flush=True,
    )


def main(arguments: list[str]) -> None:
    HOME.mkdir(parents=True, exist_ok=True)
    for name in [name for name in SYSTEMS if name in arguments] or list(SYSTEMS):
        for codec in CODECS if "full" in arguments else QUICK[name]:
            compare(describe(name), codec)


if __name__ == "__main__":
    main(sys.argv[1:])
