"""Container images: packing all layers against `tar | gzip` on the same files, and a build after a change in /etc.

The system is the small one of the squashfs comparison, as a container. Medians of five rounds.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from contextlib import closing
from pathlib import Path

from bench.measuring import Run, figure, measured, middle, reached
from bench.trees import HOME, STORE, SYSTEMS

from micros.debian.universe import Settings
from micros.plan.artefacts import oci
from micros.plan.builder import Builder
from micros.store.scheduler import Scheduler
from micros.store.step import Step
from micros.store.store import Store
from micros.system import load

ROUNDS = 5
SYSTEM = """\
[profiles.container]
enable = true
[environment]
install = "{install}"
system_packages = {packages}
[environment.etc.motd]
text = "{text}"
"""


def describe(text: str) -> Path:
    """The directory of the system, with its file `system.toml`."""
    directory = HOME / "container"
    directory.mkdir(parents=True, exist_ok=True)
    install, packages = SYSTEMS["small"]
    system = SYSTEM.format(install=install, packages=json.dumps(packages.split()), text=text)
    (directory / "system.toml").write_text(system)
    return directory


def pack(job: Path) -> None:
    """What the comparison times: pack layers that no store has, in a process of its own: `python -m bench.oci JOB`."""
    given = json.loads(job.read_bytes())
    with closing(Store(STORE)) as store, closing(Scheduler(store)) as scheduler:
        made = scheduler.run_all(
            [Step("micros.formats.oci:layer", {"tree": tree}, given["options"], "layer", "tree") for tree in given["trees"]]
        )
        print(json.dumps([entry.digest for digest in made for entry in [store.tree(digest)["layer"]]]))  # type: ignore[union-attr]


def job_of(directory: Path, number: int) -> Path:
    """A job whose layers were never packed: the number is no parameter of the program, but part of the step."""
    described, path = load(str(directory / "system.toml"))
    with closing(Store(STORE)) as store, closing(Scheduler(store)) as scheduler:
        build = Builder(described.plan("oci_image"), scheduler, path.with_name("micros.lock"), Settings())
        steps = [layer.step for layer in sorted(oci.layers(build), key=lambda layer: -layer.size)]
    options = {**steps[0].parameters, "round": number}
    job = directory / "job.json"
    job.write_text(json.dumps({"trees": [step.inputs["tree"] for step in steps], "options": options}))
    return job


def main() -> None:
    """Measure and print."""
    build: list[str | Path] = [sys.executable, "-m", "micros", "build", "--store", STORE, "system.toml"]
    directory = describe("first")
    measured([*build, "oci_image"], directory)
    measured([*build, "toplevel", "-o", "plain"], directory)
    tree = directory / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir()
    try:
        measured(["tar", "-xf", directory / "plain/toplevel.tar", "-C", tree])
        compare(directory, tree)
    finally:
        shutil.rmtree(tree)
    runs = []
    for _ in range(ROUNDS):
        describe(str(time.time_ns()))
        runs.append(measured([*build, "oci_image"], directory))
    figure("oci_image, one line below /etc changed", middle(runs).seconds, "s", 1)


def compare(directory: Path, tree: Path) -> None:
    """Pack the same files both ways."""
    ours: list[Run] = []
    theirs: dict[int, list[Run]] = {6: [], 9: []}
    other = directory / "theirs.tar.gz"
    sizes: dict[int, int] = {}
    for _ in range(ROUNDS):
        job = job_of(directory, time.time_ns())
        ours.append(measured([sys.executable, "-m", "bench.oci", job], Path(__file__).parents[1]))
        layers = [STORE / "blobs" / digest[:2] / digest for digest in json.loads(ours[-1].output)]
        sizes[0] = sum(layer.stat().st_size for layer in layers)
        for level, runs in theirs.items():
            script = f'tar --sort=name --mtime=@0 --numeric-owner -cf - -C "$1" . | gzip -n -{level} >"$2" && sync "$2"'
            runs.append(measured(["sh", "-c", script, "sh", tree, other]))
            sizes[level] = other.stat().st_size
    other.unlink()
    mine = middle(ours)
    print(f"packing all layers: {mine.seconds:.2f} s, {mine.cpu:.2f} s of processor time, {sizes[0] / 1e6:.2f} MB")
    for level, runs in theirs.items():
        run = middle(runs)
        ratio = run.seconds / mine.seconds
        print(
            f"tar and gzip -{level}: {run.seconds:.2f} s, {run.cpu:.2f} s of processor time, {sizes[level] / 1e6:.2f} MB: "
            f"ours needs 1/{ratio:.1f}   mark 1/1: {reached(ratio >= 1)}",
            flush=True,
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        pack(Path(sys.argv[1]))
    else:
        main()
