"""Disk images in other formats against qemu-img itself, for the same image in one run: `python -m bench.virtual_disks`.

Ours is the step: qemu-img in the sandbox, for VMDK and VHD a second step that makes times and random numbers fixed, the result
synced, hashed and moved into the store. Theirs is the same program, started without a sandbox, which does none of that.
"""

from __future__ import annotations

import random
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bench.measuring import measured
from bench.trees import HOME, STORE

from micros.debian.tools import Toolbox
from micros.debian.universe import Settings
from micros.plan.artefacts.disk import QEMU_FORMATS, converted
from micros.store.scheduler import Scheduler
from micros.store.store import Store

ROUNDS = 5
DATA_MB, DISK_MB = 100, 1000


def main() -> None:
    HOME.mkdir(parents=True, exist_ok=True)
    with closing(Store(STORE)) as store, closing(Scheduler(store)) as scheduler, tempfile.TemporaryDirectory(dir=HOME) as name:
        directory = Path(name)
        raw = directory / "raw"
        with raw.open("xb") as stream:
            stream.write(random.Random(1).randbytes(DATA_MB * 1_000_000))
            stream.truncate(DISK_MB << 20)
        toolbox = Toolbox(scheduler, Settings())
        tools, root = toolbox.tree(["qemu-utils"]), toolbox.root(["qemu-utils"])
        scheduler.run(tools)
        loader = next(root.glob("usr/lib/*/ld-linux*.so*"))
        program: list[str | Path] = [loader, "--library-path", loader.parent, root / "usr/bin/qemu-img", "convert", "-f", "raw"]
        digest = store.add_bytes(raw.read_bytes())
        for kind, (theirs, options) in QEMU_FORMATS.items():
            runs = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                scheduler.run(converted(tools, digest, kind, {"RUN": str(time.time_ns())}))
                ours = time.perf_counter() - began
                out = directory / "out"
                out.unlink(missing_ok=True)
                runs.append((ours, measured([*program, "-O", theirs, *options, raw, out]).seconds))
            mine, other = (sorted(seconds)[ROUNDS // 2] for seconds in zip(*runs, strict=True))
            print(f"{kind:<6} {mine:.3f} s of {other:.3f} s = 1/{other / mine:.2f}", flush=True)


if __name__ == "__main__":
    main()
