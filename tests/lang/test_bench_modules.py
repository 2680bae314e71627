"""The synthetic systems give what the reference gives."""

from __future__ import annotations

import lzma
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INPUTS = ROOT / "bench" / "modules"


@pytest.mark.parametrize("size", ["small", "medium"])
def test_canonical_output(size: str) -> None:
    command = [sys.executable, "-m", "bench.modules", str(INPUTS / f"{size}.json.xz")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert result.stdout == lzma.decompress((INPUTS / f"expected-{size}.json.xz").read_bytes())
