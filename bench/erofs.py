"""The example's root as EROFS images beside its squashfs: sizes, and what making them takes: `python -m bench.erofs`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from bench.build import HELLO
from bench.measuring import measured
from bench.trees import HOME, STORE

SETTINGS = {
    "squashfs zstd-19": ("squashfs", ()),
    "squashfs xz-6": ("squashfs", ("storage.root.compression='xz'",)),
    "erofs lzma-9, 128 KiB": ("erofs_image", ("images.erofs.compression='lzma'",)),
    "erofs lzma-9, 1 MiB": ("erofs_image", ("images.erofs.compression='lzma'", "images.erofs.cluster_size=1024")),
    "erofs lz4hc-12, 64 KiB": ("erofs_image", ("images.erofs.compression='lz4hc'", "images.erofs.cluster_size=64")),
    "erofs zstd-9, 128 KiB": ("erofs_image", ("images.erofs.compression='zstd'", "images.erofs.level=9")),
}
"""By name: target and settings."""


def main() -> None:
    HOME.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HOME) as name:
        directory = Path(name)
        shutil.copy(HELLO, directory)
        start = [sys.executable, "-m", "micros", "build", "hello.py"]
        for target in ("erofs_image", "squashfs"):  # packages and tools
            measured([*start, target, "--store", STORE], directory)
        for number, (what, (target, settings)) in enumerate(SETTINGS.items()):
            words = [word for setting in (*settings, f"system.name='bench{number}'") for word in ("--set", setting)]
            seconds = measured([*start, target, "--store", STORE, *words], directory).seconds
            (image,) = (directory / "result").glob("root.*")
            print(f"{what:<24} {image.stat().st_size / 1e6:6.2f} MB   {seconds:5.2f} s", flush=True)


if __name__ == "__main__":
    main()
