"""A store whose disk fails, whose builders are killed, and whose files somebody changes (faults 37 to 44)."""

from __future__ import annotations

import contextlib
import json
import lzma
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from micros.machine import host_machine
from micros.store.keeping import verify
from micros.store.store import Store
from tests.conftest import Command, Outcome, outcome
from tests.faults.conftest import SUITES, SYSTEM, Box, direct, small_disk
from tests.formats.handmade_archives import CONTROL, END, deb_of, tar_member

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from micros.debian.tools import Toolbox

Trace = list[str]
"""The start of a command line: strace of the archive, whatever this host has."""

WRITING = ("rename", "fsync", "syncfs", "mkdir", "unlink", "rmdir", "fchmod", "chmod", "ftruncate", "flock")
"""System calls that change a store, or decide who may."""


@pytest.fixture(scope="session")
def strace(toolbox: Toolbox) -> Trace:
    root = toolbox.root(["strace"])
    (loader,) = root.glob("usr/lib*/ld-linux*.so.*")
    libraries = root / "usr/lib" / host_machine().gnu
    return [str(loader), "--library-path", str(libraries), str(root / "usr/bin/strace"), "-f", "-qq", "-o", "/dev/null"]


def traced(box: Box, strace: Trace, call: str, injection: str) -> Outcome:
    """`lock` with something injected into a system call of it."""
    verb, *rest = box.arguments()
    argv = [*strace, "-e", f"trace={call}", "-e", f"inject={call}:{injection}"]
    argv += [sys.executable, "-m", "micros", verb, "--store", str(box.command.store), *rest]
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(box.command.store)
    (box.root / "micros.lock").unlink(missing_ok=True)
    done = subprocess.run(
        argv,
        cwd=box.root,
        env=os.environ | direct({}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return outcome(done)


def _large(mebibytes: int) -> bytes:
    """A package of one file that takes a while to unpack."""
    control = CONTROL.replace(b"Installed-Size: 10\n", b"Installed-Size: 100000\n")
    data = tar_member("./usr/bin/runit", os.urandom(mebibytes << 20)) + END
    return deb_of(lzma.compress(tar_member("./control", control) + END), b"data.tar", data)


def whole(store: Path) -> bool:
    """Whether everything in a store, if there is one, is what its name says."""
    if not (store / "version").exists():
        return True
    opened = Store(store)
    try:
        return verify(opened, repair=False)[1] == []
    finally:
        opened.close()


def _kill_points(count: int, chance: random.Random) -> Iterator[tuple[str, int]]:
    for number in range(count):
        call = WRITING[number % len(WRITING)] if number % 3 else chance.choice(["openat", "write", "close"])
        most = 900 if call in ("openat", "close") else 60 if call == "write" else 20
        yield call, chance.randint(1, most)


@pytest.mark.parametrize("points", [14, pytest.param(150, marks=pytest.mark.slow)])
def test_a_command_killed_at_any_system_call(box: Box, strace: Trace, points: int) -> None:
    seed = int(os.environ.get("MICROS_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    sys.stdout.write(f"MICROS_TEST_SEED={seed}\n")
    killed = 0
    for call, number in _kill_points(points, random.Random(seed)):
        done = traced(box, strace, call, f"signal=KILL:when={number}")
        killed += done.status != 0
        where = f"seed {seed}, killed at {call} {number}"
        assert done.status in (0, 137, -9), (where, done.err)
        assert whole(box.command.store), where
        lock = box.root / "micros.lock"
        assert not lock.exists() or json.loads(lock.read_text())["architectures"], where
        done = box.lock()
        assert done.status == 0, (where, done.err)
        assert box.command("gc").status == 0, where
        assert list((box.command.store / "scratch").iterdir()) == [], where
    assert killed >= points // 3
    box.heals()


@pytest.mark.parametrize(
    ("call", "injection", "kinds"),
    [
        ("fsync", "error=EIO:when=1+", {"store"}),
        ("fsync", "error=EIO:when=4+3", {"store", "bad-file"}),
        ("fsync", "error=EDQUOT:when=2+", {"no-space"}),
        ("fsync", "error=ENOSPC:when=5+", {"no-space"}),
        ("syncfs", "error=EIO:when=1+", {"store"}),
        ("rename", "error=ENOSPC:when=1+", {"no-space"}),
        ("rename", "error=EDQUOT:when=6+", {"no-space"}),
        ("rename", "error=EROFS:when=3+", {"store"}),
        ("mkdir", "error=ENOSPC:when=1+", {"no-space"}),
        ("mkdir", "error=EDQUOT:when=300+", {"no-space"}),
        ("fchmod", "error=EPERM:when=1+", {"store"}),
        ("flock", "error=ENOLCK:when=1+", {"store"}),
        ("unlink", "error=EIO:when=1+", {"store"}),
    ],
)
def test_a_disk_that_fails(box: Box, strace: Trace, call: str, injection: str, kinds: set[str]) -> None:
    box.mirror.add("runit", {f"usr/bin/{number}": str(number).encode() for number in range(40)})  # enough for a syncfs
    box.mirror.publish(suites=SUITES)
    done = traced(box, strace, call, injection)
    assert (done.status, {*done.kinds} <= kinds) == (1, True), done.err
    assert str(box.root) in done.err
    assert "hint" in done.err
    assert whole(box.command.store)
    box.heals()


def test_a_file_size_limit(box: Box) -> None:
    done = box.lock_after("import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200, 200))")
    box.failed(done, "store")
    box.heals()


def test_too_few_open_files(box: Box) -> None:
    refused = 0
    for files in (4, 8, 12, 16, 24):
        limit = f"import resource, micros.cli.lock; resource.setrlimit(resource.RLIMIT_NOFILE, ({files}, 4096))"
        done = box.lock_after(limit)
        if done.status:
            refused += 1
            assert "Too many open files" in box.failed(done, "bad-file", "store", "download", "system")
    assert refused
    box.heals()


def test_too_little_memory(box: Box) -> None:
    box.mirror.add("runit", data=_large(60))
    box.mirror.publish(suites=SUITES)
    refused = 0
    for mebibytes in (120, 160, 200):
        limit = f"import resource, micros.cli.lock; resource.setrlimit(resource.RLIMIT_AS, ({mebibytes} << 20,) * 2)"
        done = box.lock_after(limit)
        if done.status:
            refused += 1
            box.failed(done, "no-memory")
    assert refused
    box.heals()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small file system")
@pytest.mark.parametrize("unit", ["size", "nr_inodes"])
def test_a_disk_that_is_full_at_every_point(box: Box, unit: str) -> None:
    """From no room at all up to just enough: each time the same error, a whole store, and room heals it."""
    steps = [f"{count}k" for count in (4, 16, 32, 48, 64, 96, 128, 160, 192, 256, 384, 512)]
    if unit == "nr_inodes":
        steps = [str(count) for count in (2, 9, 40, 300, 521, 524, 527, 530, 534, 538, 544, 550, 560, 570, 580, 600)]
    with small_disk(box.root) as remount:
        box.command.store = box.root / "disk" / "store"
        refused = 0
        for step in steps:
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(box.command.store)
            (box.root / "micros.lock").unlink(missing_ok=True)
            remount(f"{unit}={step}")
            done = box.lock()
            remount(f"{unit}={'1g' if unit == 'size' else '1m'}")
            if done.status == 0:
                continue
            refused += 1
            box.failed(done, "no-space")
            assert "free: " in done.err
            assert "inodes" in done.err
            assert "micros gc" in done.err
            box.heals()
        assert refused >= 5
        assert box.lock().status == 0, "the last step has room enough"


class Builder:
    """A `lock` that runs beside others and says which step it begins."""

    def __init__(self, box: Box, directory: Path) -> None:
        directory.mkdir()
        shutil.copy(box.root / "box.toml", directory)
        verb, *rest = box.arguments()
        argv = [sys.executable, "-m", "micros", verb, "--store", str(box.command.store), *rest]
        self.said: list[str] = []
        self.process = subprocess.Popen(
            argv, cwd=directory, env=os.environ | direct({}), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )

    def until(self, text: str) -> None:
        """Wait until it says something."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line)
            if text in line:
                return
        pytest.fail(f"it never said {text!r}: {self.said}")

    def end(self) -> int:
        """Wait for its end; its exit status."""
        assert self.process.stderr is not None
        self.said += list(self.process.stderr)
        return self.process.wait(60)

    def began(self, step: str) -> bool:
        """Whether it has begun a step."""
        return {"event": "step", "name": step} in [json.loads(line) for line in self.said]


@pytest.mark.parametrize("first_dies", [False, True])
def test_of_two_builders_one_works_and_the_other_waits(box: Box, first_dies: bool) -> None:
    box.mirror.add("runit", data=_large(40))
    box.mirror.publish(suites=SUITES)
    step = "unpack runit"
    first = Builder(box, box.root / "first")
    first.until(step)
    first.process.send_signal(signal.SIGSTOP)
    second = Builder(box, box.root / "second")
    time.sleep(2)
    assert second.process.poll() is None, "it waits for what the first builds"
    first.process.send_signal(signal.SIGKILL if first_dies else signal.SIGCONT)
    assert second.end() == 0
    assert second.began(step) == first_dies, second.said
    assert first.end() == (-signal.SIGKILL if first_dies else 0)
    assert whole(box.command.store)
    box.heals()


def test_eight_builders_and_a_collector(box: Box) -> None:
    for number in range(8):
        box.mirror.add(f"own{number}", {f"usr/bin/own{number}": os.urandom(1 << 20)}, fields="Installed-Size: 9000\n")
    box.mirror.publish(suites=SUITES)
    began = time.monotonic()
    builders = []
    for number in range(8):
        directory = box.root / f"user{number}"
        text = f'{SYSTEM}environment.system_packages = ["own{number}"]\n'
        box.command.write("box.toml", text)
        builders.append(Builder(box, directory))
    collections = 0
    while any(builder.process.poll() is None for builder in builders):
        assert box.command("gc", "--keep-days", "0").status == 0
        collections += 1
    assert [builder.end() for builder in builders] == [0] * 8, [builder.said for builder in builders]
    assert time.monotonic() - began < 60
    assert collections
    for number in range(8):
        lock = json.loads((box.root / f"user{number}" / "micros.lock").read_text())
        assert f"own{number}" in lock["architectures"]["amd64"]["packages"]
    assert whole(box.command.store)
    box.heals()


def _flip(blob: Path) -> None:
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    _write(blob, bytes(data))


def _write(blob: Path, data: bytes) -> None:
    os.chmod(blob, 0o644)
    blob.write_bytes(data)
    os.chmod(blob, 0o444)


def _link(blob: Path) -> None:
    moved = blob.parents[3] / "moved"
    blob.rename(moved)
    blob.symlink_to(moved)


def _directory(blob: Path) -> None:
    blob.unlink()
    (blob / "inside").mkdir(parents=True)


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (_flip, True),
        (lambda blob: _write(blob, blob.read_bytes()[:-1]), True),
        (lambda blob: _write(blob, bytes(blob.stat().st_size)), True),
        (lambda blob: _write(blob, b""), True),
        (lambda blob: os.chmod(blob, 0o666), True),
        (lambda blob: blob.with_name("surprise").write_bytes(b"x"), True),
        (_link, True),
        (_directory, True),
        (lambda blob: blob.unlink(), True),
        (lambda blob: os.utime(blob, (1, 1)), False),
    ],
    ids=["flip", "cut", "zeroed", "emptied", "chmod", "extra", "link", "directory", "missing", "time"],
)
def test_an_entry_that_somebody_changed(box: Box, damage: Callable[[Path], object], found: bool) -> None:
    """A content that results name: found by name, repaired by command, made again by the next build."""
    assert box.lock().status == 0
    blob = max((box.command.store / "blobs").glob("??/*"), key=lambda path: path.stat().st_size)
    damage(blob)
    done = box.command("store", "verify", "--json")
    damaged = json.loads(done.out)["damaged"]
    assert (done.status, bool(damaged)) == (int(found), found)
    if found:
        named = [Path(path) for path in damaged]
        assert any(path.parent == blob.parent or path.parents[1].name == "results" for path in named)
        assert box.command("store", "verify", "--repair").status == 0
    assert box.lock().status == 0
    box.heals()


def test_entries_that_nothing_lists_are_kept_until_collected(box: Box) -> None:
    assert box.lock().status == 0
    shutil.rmtree(box.command.store / "results" / "00", ignore_errors=True)
    for record in (box.command.store / "results").glob("??/*"):
        record.unlink()
    assert box.command("store", "verify").status == 0
    assert box.lock("--offline").status == 0
    assert box.command("gc", "--keep-days", "0").status == 0
    box.heals()


@pytest.mark.parametrize("content", [b"99\n", b"", bytes(8), b"\xff\xfe"], ids=["future", "emptied", "zeroed", "nonsense"])
def test_a_store_of_another_layout(box: Box, content: bytes) -> None:
    assert box.lock().status == 0
    version = box.command.store / "version"
    good = version.read_bytes()
    version.write_bytes(content)
    for verb in (box.arguments(), ["gc", "--json"], ["store", "verify", "--json"]):
        done = box.command(*verb, **direct({}))
        assert (done.status, done.kinds) == (1, ["store"])
        assert str(box.command.store) in done.err
    version.write_bytes(good)
    box.heals()


@pytest.mark.parametrize("content", [b"", bytes(100), b"blob nonsense\n", b"\xff" * 80], ids=["empty", "zeroed", "text", "bytes"])
def test_records_that_cannot_be_read_are_made_again(box: Box, content: bytes) -> None:
    assert box.lock().status == 0
    for record in (box.command.store / "results").glob("??/*"):
        record.write_bytes(content)
    assert box.command("store", "verify").status == 1
    assert box.lock().status == 0
    box.heals()


def test_pins_that_cannot_be_read(tmp_path: Path) -> None:
    command = Command(tmp_path / "store", tmp_path)
    assert command("gc").status == 0
    (command.store / "pins" / "x.json").write_bytes(bytes(40))
    done = command("gc", "--json")
    assert (done.status, done.kinds) == (1, ["damaged"])
    assert "x.json" in done.err
    assert command("store", "verify").status == 1
    assert command("store", "verify", "--repair").status == 0
    assert command("gc").status == 0
