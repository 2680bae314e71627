"""A changed file in a large package, against mksquashfs: `python -m bench.squashfs [small] [large] [full]`.

Random bytes change inside one file of the largest package of a system. Timed of ours, each in a fresh process:
- image: Python's start, composing the tree of all packages, writing the image, made durable and hashed in the store;
- command: all of `micros build`: besides that evaluation, lock, the package's slimming, manifest, the copy in ./result.
Timed of theirs: mksquashfs of the same archive on the tree that our image holds; it syncs and hashes nothing. All inputs are
in the page cache, and rounds of ours and theirs alternate. Marks, for the image: 1/20 of its time at zstd-19 and xz, 1/2 at
zstd-1, no larger an image, 250 MB of memory.

Without `full`, what would take mksquashfs minutes (the large tree at zstd-19 and xz) is left out.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from bench.measuring import Run, measured, middle, reached
from bench.trees import HOME, STORE, SYSTEMS, change_largest_package, describe

from micros.debian.tools import Toolbox
from micros.debian.universe import Settings
from micros.plan.artefacts import squashfs
from micros.plan.builder import Builder
from micros.store.scheduler import Scheduler
from micros.store.step import Step
from micros.store.store import Store
from micros.system import load

ROUNDS = 5
LONG_SECONDS = 5
"""What takes mksquashfs longer than this is measured once."""
MEMORY_MARK_MB = 250


class Codec(NamedTuple):
    """A compression, the options that choose it, and how many times less than mksquashfs a rebuild shall need."""

    compression: str
    level: int
    theirs: tuple[str, ...]
    mark: float

    def __str__(self) -> str:
        return f"{self.compression}-{self.level}"


CODECS = (
    Codec("zstd", 1, ("-comp", "zstd", "-Xcompression-level", "1"), 2),
    Codec("zstd", 19, ("-comp", "zstd", "-Xcompression-level", "19"), 20),
    Codec("xz", 6, ("-comp", "xz"), 20),
)
QUICK = {"small": CODECS, "large": CODECS[:1]}


def tool(name: str) -> list[str | Path]:
    """The command line that begins a program of squashfs-tools of the archive, without a sandbox's start."""
    with closing(Store(STORE)) as store, closing(Scheduler(store)) as scheduler:
        root = Toolbox(scheduler, Settings()).root(["squashfs-tools"])
    loader = next(root.glob("usr/lib/*/ld-linux*.so*"))
    return [loader, "--library-path", loader.parent, root / "usr/bin" / name]


def command(directory: Path, codec: Codec) -> Run:
    """One `micros build`."""
    argv: list[str | Path] = [sys.executable, "-m", "micros", "build", "system.toml", "--store", STORE]
    argv += ["--set", f"storage.root.compression={codec.compression}", "--set", f"storage.root.level={codec.level}"]
    return measured(argv, directory)


def image(directory: Path, codec: Codec) -> Run:
    """Composing and writing alone; what comes before them is done here."""
    described, path = load(str(directory / "system.toml"))
    with closing(Store(STORE)) as store, closing(Scheduler(store)) as scheduler:
        build = Builder(described.plan("squashfs"), scheduler, path.with_name("micros.lock"), Settings())
        tree = squashfs.tree(build)
        steps = {role: value for role, value in tree.inputs.items() if isinstance(value, Step)}
        inputs = {**tree.inputs, **dict(zip(steps, scheduler.run_all(steps.values()), strict=True))}
    options = {"compression": codec.compression, "level": codec.level}
    job = directory / "job.json"
    job.write_text(json.dumps({"store": str(STORE), "inputs": inputs, "parameters": tree.parameters, "options": options}))
    return measured([sys.executable, "-m", "bench.image", job], Path(__file__).parents[1])


def compare(directory: Path, codec: Codec) -> None:
    """Measure all three and print one line."""
    command(directory, codec)
    tree, other = directory / "tree", directory / "theirs.squashfs"
    options = ["-all-root", "-no-xattrs", "-no-progress", "-quiet", "-all-time", "0", "-noappend"]
    mksquashfs = [*tool("mksquashfs"), tree, other, *codec.theirs, *options]
    unsquashfs = [*tool("unsquashfs"), "-quiet", "-no-progress", "-force", "-dest", tree]
    images: list[Run] = []
    commands: list[Run] = []
    theirs: list[Run] = []
    ours = Path()
    try:
        for _ in range(ROUNDS):
            change_largest_package(directory, time.time_ns())
            commands.append(command(directory, codec))
            change_largest_package(directory, time.time_ns())
            images.append(image(directory, codec))
            if not theirs or theirs[0].seconds < LONG_SECONDS:
                ours = Path(images[-1].output.decode().strip())
                measured([*unsquashfs, ours])
                theirs.append(measured(mksquashfs))
        sizes = ours.stat().st_size, other.stat().st_size
        entries = sum(1 for _ in tree.rglob("*"))
    finally:
        shutil.rmtree(tree, ignore_errors=True)
        other.unlink(missing_ok=True)
    report(f"{directory.name} ({entries} entries) {codec}", codec, (middle(images), middle(commands), middle(theirs)), sizes)


def report(what: str, codec: Codec, runs: tuple[Run, Run, Run], sizes: tuple[int, int]) -> None:
    """Print ratios and marks: of the image, of the command, sizes, memory."""
    mine, whole, theirs = runs
    ratios = theirs.seconds / mine.seconds, theirs.seconds / whole.seconds
    memory = max(mine.peak_mb, whole.peak_mb)
    print(
        f"{what}\n"
        f"  image    {mine.seconds:6.2f} s of mksquashfs' {theirs.seconds:6.2f} s = 1/{ratios[0]:<6.1f} "
        f"mark 1/{codec.mark:g}: {reached(ratios[0] >= codec.mark)}\n"
        f"  command  {whole.seconds:6.2f} s of mksquashfs' {theirs.seconds:6.2f} s = 1/{ratios[1]:<6.1f}\n"
        f"  size     {sizes[0] / 1e6:6.2f} MB of {sizes[1] / 1e6:.2f} MB = {sizes[0] / sizes[1]:.4f}   "
        f"mark 1: {reached(sizes[0] <= sizes[1])}\n"
        f"  memory   {memory:6.0f} MB of mksquashfs' {theirs.peak_mb:.0f} MB   "
        f"mark {MEMORY_MARK_MB} MB: {reached(memory <= MEMORY_MARK_MB)}",
        flush=True,
    )


def main(arguments: list[str]) -> None:
    HOME.mkdir(parents=True, exist_ok=True)
    for name in [name for name in SYSTEMS if name in arguments] or list(SYSTEMS):
        for codec in CODECS if "full" in arguments else QUICK[name]:
            compare(describe(name), codec)


if __name__ == "__main__":
    main(sys.argv[1:])
