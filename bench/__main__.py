"""All benchmarks, one after another: `make bench`. Ratios are of two things in one run."""

from __future__ import annotations

import subprocess
import sys

for arguments in (["bench.build"], ["bench.squashfs", "small"]):
    print("==", " ".join(arguments), flush=True)
    subprocess.run([sys.executable, "-m", *arguments], check=True)
