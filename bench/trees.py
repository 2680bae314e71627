"""Systems of real packages for the squashfs comparison, and a package of theirs that changes.

They and their store lie beside the user's store and stay for the next run: packages are downloaded once, and the lock
is kept. Remove the directory at will.
"""

from __future__ import annotations

import json
import random
from contextlib import closing
from typing import TYPE_CHECKING

from micros.base.tree import File, Tree
from micros.debian.lock import read_lock
from micros.debian.universe import Universe
from micros.machine import machine_named
from micros.store.scheduler import Scheduler
from micros.store.store import Store, default_root

if TYPE_CHECKING:
    from pathlib import Path

HOME = default_root().with_name("micros-bench")
STORE = HOME / "store"
SYSTEMS = {
    "small": ("slim", "python3 git perl nginx curl ca-certificates qemu-utils"),
    "large": ("full", "git libboost-dev"),
}
"""How packages are installed, and which: about 120 MB and 500 MB."""
_CHANGED_BYTES = 64
_LEAST_FILE_BYTES = 10_000


def describe(name: str) -> Path:
    """The directory of a system, with its file `system.toml`."""
    directory = HOME / name
    directory.mkdir(parents=True, exist_ok=True)
    install, packages = SYSTEMS[name]
    text = f'[environment]\ninstall = "{install}"\nsystem_packages = {json.dumps(packages.split())}\n'
    (directory / "system.toml").write_text(text)
    return directory


def change_largest_package(directory: Path, seed: int) -> str:
    """Overwrite random bytes in the middle of one file of the system's largest package; returns the file's path.

    To the next build the package is one that unpacks to other contents: its recorded tree is replaced, in this store.
    """
    manifest = json.loads((directory / "result/manifest.json").read_bytes())
    packages = [record for record in manifest["packages"] if not record["name"].startswith("linux-image")]
    largest = max(packages, key=lambda record: record["installed_bytes"])["name"]
    machine = machine_named(manifest["machine"])
    with closing(Store(STORE)) as store, closing(Scheduler(store)) as scheduler:
        pins = read_lock(directory / "micros.lock")[machine.debian]
        step = Universe(scheduler, machine, pins).unpacked(pins.packages[largest])
        tree = store.tree(scheduler.run(step))
        chosen = random.Random(seed)
        files = {path: entry for path, entry in tree.items() if isinstance(entry, File) and entry.size > _LEAST_FILE_BYTES}
        path = chosen.choice([path for path in files if not path.startswith(("DEBIAN/", "usr/share/"))])
        data = bytearray(store.read(files[path].digest))
        middle = len(data) // 2
        data[middle : middle + _CHANGED_BYTES] = random.SystemRandom().randbytes(_CHANGED_BYTES)
        changed = Tree({**tree, path: files[path]._replace(digest=store.add_bytes(bytes(data)))})
        key = scheduler.key(step)
        (STORE / "results" / key[:2] / key).write_text(f"tree {store.add_tree(changed)}\n")
    return path
