"""Assembling squashfs from cached blocks against mksquashfs, both in one run: `python -m bench.squashfs [small|large]`.

The trees are real files of this machine, up to the sizes of MicrOS's two reference trees. After a first build, random
bytes change inside one file of the largest package-like directory; then a fresh Python process builds again, and
mksquashfs builds the same tree. Targets: 1/20 of its time at zstd-19 and xz, 1/2 at zstd-1, and no larger an image.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import BinaryIO

from micros.base.digest import Digest, digest_of
from micros.base.tree import Directory, Entry, File, Symlink, Tree

SOURCES = ("/usr/lib", "/usr/share", "/usr/bin", "/usr/include", "/usr/local")
SIZES = {"small": (124_000_000, 6_500), "large": (503_000_000, 39_000)}
MKSQUASHFS_OPTIONS = ("-b", "131072", "-all-root", "-no-xattrs", "-no-progress", "-quiet", "-all-time", "0")
CODECS = (("zstd", 1, 2.0), ("zstd", 19, 20.0), ("xz", 6, 20.0))


class Directories:
    """Contents by digest below a directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, digest: str) -> Path:
        return self._root / digest[:2] / digest

    def read(self, digest: Digest) -> bytes:
        return self.path(digest).read_bytes()

    def open(self, digest: Digest) -> BinaryIO:
        return self.path(digest).open("rb")

    def put(self, data: bytes) -> Digest:
        digest = digest_of(data)
        path = self.path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return digest


def packages() -> list[list[tuple[Path, int]]]:
    """Files and sizes, grouped by directories such as /usr/share/doc, in an order that mixes all kinds."""
    groups: dict[str, list[tuple[Path, int]]] = {}
    for source in SOURCES:
        for directory, names, files in os.walk(source):
            names.sort()
            for name in sorted(files):
                path = Path(directory, name)
                status = path.lstat()
                if stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                    groups.setdefault("/".join(path.parts[:5]), []).append((path, status.st_size))
    order = sorted(groups)
    random.Random(0).shuffle(order)
    return [groups[name] for name in order]


def make_tree(target: Path, size: int, count: int) -> None:
    """Copy real files until both limits are near, a directory at a time."""
    files = sizes = 0
    for group in packages():
        more, bytes_more = len(group), sum(length for _, length in group)
        if files + more > count or sizes + bytes_more > size or (sizes + bytes_more) / size > (files + more) / count + 0.15:
            continue
        files, sizes = files + more, sizes + bytes_more
        for path, _ in group:
            there = target / str(path).lstrip("/")
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, there, follow_symlinks=False)


def scan(root: Path, blobs: Directories) -> Tree:
    entries: list[tuple[str, Entry]] = []
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = Path(directory, name)
            status = path.lstat()
            relative = str(path.relative_to(root))
            if path.is_symlink():
                entries.append((relative, Symlink(os.readlink(path))))
            elif path.is_dir():
                entries.append((relative, Directory(status.st_mode & 0o7777)))
            else:
                entries.append((relative, File(blobs.put(path.read_bytes()), status.st_size, status.st_mode & 0o7777)))
    return Tree.of(entries)


def change(root: Path, seed: int) -> None:
    """Overwrite 64 random bytes in the middle of one middling file of the directory with the most in it."""
    package = max((path for path in (root / "usr").glob("*/*") if path.is_dir()), key=lambda path: len(list(path.rglob("*"))))
    files = sorted(path for path in package.rglob("*") if path.is_file() and not path.is_symlink())
    chosen = random.Random(seed).choice([path for path in files if path.stat().st_size > 10_000])
    mode = chosen.stat().st_mode
    chosen.chmod(0o644)
    with chosen.open("r+b") as stream:
        stream.seek(chosen.stat().st_size // 2)
        stream.write(random.Random(seed).randbytes(64))
    chosen.chmod(mode)


def build_in_this_process(work: Path, manifest: str, out: str, compression: str, level: int) -> None:
    """What the timed process does: read the manifest, write the image, hash it, tell its memory."""
    from micros.base.digest import digest_of_stream
    from micros.formats.squashfs import Options, build
    from micros.store.blocks import Blocks

    (work / "cache").mkdir(exist_ok=True)
    tree = Tree.from_manifest(Path(manifest).read_bytes())
    image = Path(out)
    options = Options(compression, level)  # type: ignore[arg-type]
    build(tree, Directories(work / "blobs"), image, options, Blocks(work / "cache"))
    with image.open("rb") as stream:
        digest_of_stream(stream)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def timed(command: list[str]) -> tuple[float, str]:
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - started, done.stdout


def measure(work: Path, root: Path, codec: tuple[str, int, float], mksquashfs: str, seed: int) -> None:
    compression, level, target = codec
    blobs = Directories(work / "blobs")
    manifest, out, theirs = work / "manifest", work / "ours", work / "theirs"
    ours = [sys.executable, "-m", "bench.squashfs", "--build", str(work), str(manifest), str(out), compression, str(level)]
    tree = scan(root, blobs)
    manifest.write_bytes(tree.manifest())
    out.unlink(missing_ok=True)
    cold, _ = timed(ours)
    out.unlink()
    warm: list[float] = []
    their_times: list[float] = []
    memory = "0"
    options = ["-Xcompression-level", str(level)] if compression != "xz" else []
    mk = [mksquashfs, str(root), str(theirs), "-comp", compression, *options, *MKSQUASHFS_OPTIONS]
    for number in range(3):
        change(root, seed + number)
        manifest.write_bytes(scan(root, blobs).manifest())
        out.unlink(missing_ok=True)
        seconds, memory = timed(ours)
        warm.append(seconds)
        if not number or their_times[0] < 10:
            theirs.unlink(missing_ok=True)
            their_times.append(timed(mk)[0])
    best, their_time = sorted(warm)[1], sorted(their_times)[len(their_times) // 2]
    sizes = out.stat().st_size, theirs.stat().st_size
    print(
        f"{len(tree):6} entries {tree.size / 1e6:6.1f} MB  {compression:>4}-{level:<2}  cold {cold:6.2f} s  rebuilt {best:5.2f} s"
        f"  mksquashfs {their_time:6.2f} s  1/{their_time / best:<5.1f} (target 1/{target:g})"
        f"  {sizes[0] / 1e6:6.2f} / {sizes[1] / 1e6:6.2f} MB = {sizes[0] / sizes[1]:.4f}  {memory.strip()} MB memory",
        flush=True,
    )


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--build"]:
        _, directory, manifest, out, compression, level = arguments
        build_in_this_process(Path(directory), manifest, out, compression, int(level))
        return
    mksquashfs = os.environ.get("MICROS_MKSQUASHFS") or shutil.which("mksquashfs")
    if mksquashfs is None:
        raise SystemExit("no mksquashfs here: set MICROS_MKSQUASHFS or install it")
    for name in arguments or list(SIZES):
        with tempfile.TemporaryDirectory(prefix="micros-bench-") as directory:
            work = Path(directory)
            root = work / "root"
            make_tree(root, *SIZES[name])
            for seed, codec in enumerate(CODECS):
                measure(work, root, codec, mksquashfs, 10 * seed)


if __name__ == "__main__":
    main(sys.argv[1:])
