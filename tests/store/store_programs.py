"""Step programs that the store's tests run, some of them in processes of their own."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.tree import File, Tree

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.base.step import Job
    from micros.store.step import Step


def joined(job: Job) -> Digest:
    """The inputs, then a text; leaves a line in `log` for each time it ran."""
    if log := job.parameters.get("log"):
        with Path(log).open("a") as stream:
            stream.write("ran\n")
    time.sleep(job.parameters.get("seconds", 0))
    inputs = b"".join(job.read(digest) for _, digest in sorted(job.inputs.items()))
    return job.put(inputs + str(job.parameters["text"]).encode())


def files(job: Job) -> Digest:
    """A tree of `count` small files."""
    entries = []
    for number in range(job.parameters["count"]):
        data = f"{job.parameters.get('salt', '')}{number}".encode()
        entries.append((f"dir/{number}", File(job.put(data), len(data))))
    return job.put_tree(Tree.of(entries))


def failing(job: Job) -> Digest:
    """Never gives anything."""
    raise ValueError(job.parameters["text"])


def many_steps(salt: str) -> list[Step]:
    """Trees and a few blobs, as a builder process makes them."""
    from micros.store.step import Step

    trees = [Step("store_programs:files", parameters={"count": 40, "salt": f"{salt}{n}"}, output="tree") for n in range(6)]
    blobs = [Step("store_programs:joined", {"a": tree}, {"text": n}) for n, tree in enumerate(trees)]
    return [*trees, *blobs]


def main() -> None:
    """Build `many_steps` in the store given: `store_programs.py ROOT SALT [LOG]`."""
    from micros.store.scheduler import Scheduler
    from micros.store.step import Step
    from micros.store.store import Store

    store = Store(Path(sys.argv[1]))
    scheduler = Scheduler(store)
    steps = many_steps(sys.argv[2])
    if len(sys.argv) > 3:
        steps.append(Step("store_programs:joined", {}, {"text": "once", "log": sys.argv[3], "seconds": 0.3}))
    scheduler.run_all(steps)
    scheduler.close()
    store.close()


if __name__ == "__main__":
    main()
