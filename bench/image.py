"""What the squashfs bench times: compose a tree and write its image, in a process of its own: `python -m bench.image JOB`.

JOB is a JSON file: the store, and inputs and parameters of the two steps.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path

from micros.store.scheduler import Scheduler
from micros.store.step import Step
from micros.store.store import Store


def main(job: Path) -> None:
    given = json.loads(job.read_bytes())
    tree = Step("micros.formats.compose:compose", given["inputs"], given["parameters"], "root tree", "tree")
    with closing(Store(Path(given["store"]))) as store, closing(Scheduler(store)) as scheduler:
        image = scheduler.run(Step("micros.formats.squashfs:write", {"tree": tree}, given["options"], "root.squashfs"))
        print(store.path(image))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
