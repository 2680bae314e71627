from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from micros.debian.tools import Toolbox


def _tool(toolbox: Toolbox, package: str, directory: Path) -> str:
    """A program of the archive's own package of that name, as a script that starts it with its own loader and libraries."""
    name = {"squashfs-tools": "unsquashfs"}.get(package, package)
    root = toolbox.root([package])
    (loader,) = root.glob("usr/lib/*/ld-linux*.so*")
    script = directory / name
    line = shlex.join([str(loader), "--library-path", str(loader.parent), str(root / "usr/bin" / name)])
    script.write_text(f'#!/bin/sh\nexec {line} "$@"\n')
    script.chmod(0o755)
    return str(script)


@pytest.fixture(scope="session")
def unsquashfs(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    return _tool(toolbox, "squashfs-tools", tmp_path_factory.mktemp("tools"))


@pytest.fixture(scope="session")
def cpio(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    return _tool(toolbox, "cpio", tmp_path_factory.mktemp("tools"))


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
