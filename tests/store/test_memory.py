"""How much memory the largest file of a package takes."""

from __future__ import annotations

import lzma
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.formats.handmade_archives import CONTROL, END, deb_of, tar_member

from micros.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 64_000_000

# VmHWM (proc(5)) counts from exec on.
_UNPACK = """
import sys
from pathlib import Path
import micros.debian.slim, micros.formats.deb
from micros.store.scheduler import Scheduler
from micros.store.step import Step
from micros.store.store import Store

def peak():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM"))

scheduler = Scheduler(Store(Path(sys.argv[1])))
before = peak()
tree = scheduler.run(Step("micros.formats.deb:unpack", {"deb": sys.argv[2]}, {"name": "large"}, output="tree"))
unpacked = peak()
scheduler.run(Step("micros.debian.slim:summary", {"package": tree}))
print(unpacked - before, peak() - before)
"""


def test_unpacking_and_looking_into_a_package_hold_its_largest_file_once(tmp_path: Path) -> None:
    program = b"\x7fELF" + bytes(60) + b"0123456789abcdef" * (SIZE // 16)
    control = CONTROL.replace(b"Installed-Size: 10", b"Installed-Size: %d" % (SIZE >> 10))
    data = lzma.compress(tar_member("./usr/bin/x", program, mode=0o755) + END, preset=1)
    store = Store(tmp_path / "store")
    digest = store.add_bytes(deb_of(lzma.compress(tar_member("./control", control) + END), b"data.tar.xz", data))
    line = [sys.executable, "-c", _UNPACK, str(store.root), digest]
    peaks = subprocess.run(line, capture_output=True, check=True).stdout.split()
    assert max(map(int, peaks)) < 1.4 * SIZE
