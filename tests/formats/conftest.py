from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import Program


@pytest.fixture(scope="session")
def unsquashfs(program: Program) -> str:
    return program("squashfs-tools", "unsquashfs")


@pytest.fixture(scope="session")
def cpio(program: Program) -> str:
    return program("cpio", "cpio")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """A function that mounts a squashfs image, where the machine allows it."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    points: list[Path] = []

    def mount(image: Path) -> Path:
        point = tmp_path / f"mount{len(points)}"
        point.mkdir()
        done = subprocess.run(
            ["mount", "-t", "squashfs", "-o", "loop,ro", image, point], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"no loop mounts of squashfs here: {done.stderr.strip()}")
        points.append(point)
        return point

    yield mount
    for point in points:
        subprocess.run(["umount", point], check=True)
