"""Two builds give the same bytes, whoever makes them, where, when, on what machine and with which Python."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import micros as package
from micros.debian.lock import read_lock
from micros.debian.tools import Toolbox
from micros.store.store import Store
from tests.conftest import Command

ROOT = Path(__file__).parents[2]
LIBRARIES = ("cramjam", "pysequoia", "zlib-ng", "zstandard")
ANOTHER_ID = 54321
"""A user and group no host has."""
ANOTHER_TIME = 1_927_850_706  # in 2031
ANOTHER_WORLD = {"TZ": "Asia/Tokyo", "LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8", "PYTHONHASHSEED": "7"}
MINORS = range(11, 20)


class Elsewhere:
    """Another place to build at: directory and store, environment, clock, one processor and, if we are root, user."""

    def __init__(self, place: Path, toolbox: Toolbox, user: int | None) -> None:
        self.place = place
        self.user = user
        self.directory = place / "odd characters: ' ü %s"
        self.directory.mkdir()
        self.store = self.directory / "store"
        tools = shutil.copytree(toolbox.root(["libfaketime"]), place / "tools", symlinks=True)
        # Through the loader that comes with it: the library may be younger than the host's own C library.
        self.clock = [next(tools.glob("usr/lib/*/ld-linux*.so*")), next(tools.glob("usr/lib/*/faketime/libfaketime.so.1"))]
        self.environment = ANOTHER_WORLD | {
            "HOME": str(self.directory), "PATH": os.defpath, "FAKETIME": f"@{ANOTHER_TIME}", "FAKETIME_FMT": "%s",
        }  # fmt: skip

    def run(self, argv: Sequence[str | Path], **environment: str) -> str:
        """The output of a program of the host, run there."""
        loader, clock = self.clock
        done = subprocess.run(
            [loader, "--library-path", loader.parent, "--preload", clock, *argv],
            cwd=self.directory,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            umask=0o077,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def give(self) -> None:
        """Hand everything to the other user."""
        if self.user is not None:
            for path in (self.place, *self.place.rglob("*")):
                os.chown(path, self.user, self.user, follow_symlinks=False)

    def build(self, python: Path | str, **environment: str) -> dict[str, str]:
        """The artefacts of the example, built there."""
        self.give()
        facts = self.run([python, "-c", "import os, time; print(time.time(), len(os.sched_getaffinity(0)), os.getuid())"])
        now, processors, user = facts.split()
        assert 0 <= float(now) - ANOTHER_TIME < 3600, "the other clock does not work"
        assert (int(processors), int(user)) == (1, os.getuid() if self.user is None else self.user)
        command = [python, "-m", "micros", "build", "hello.py", "--json", "--store", self.store]
        artefacts: dict[str, str] = json.loads(self.run(command, **environment))["artefacts"]
        return artefacts


@pytest.fixture(scope="module")
def first(store_root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The example's directory, with its lock, and its artefacts as built here and now."""
    command = Command(store_root, tmp_path_factory.mktemp("first"))
    shutil.copy(ROOT / "examples/hello.py", command.directory)
    done = command("build", "hello.py", "--json")
    assert done.status == 0, done.err
    return command.directory, json.loads(done.out)["artefacts"]


def elsewhere(first: Path, store_root: Path, toolbox: Toolbox, place: Path, user: int | None) -> Elsewhere:
    """Another place with the example, its lock, and a store that has the downloads only."""
    made = Elsewhere(place, toolbox, user)
    for name in ("hello.py", "micros.lock"):
        shutil.copy(first / name, made.directory)
    here, there = Store(store_root), Store(made.store)
    for pins in read_lock(first / "micros.lock").values():
        for offer in pins.packages.values():
            if here.has(offer.sha256):  # not those that slimming never looked into
                shutil.copyfile(here.path(offer.sha256), there.blob_path(offer.sha256))
    there.close()
    here.close()
    return made


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that another user can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="micros-elsewhere-") as name:
        yield Path(name)


def test_another_user_path_store_environment_clock_and_processor_count(
    first: tuple[Path, dict[str, str]], store_root: Path, toolbox: Toolbox, place: Path
) -> None:
    directory, artefacts = first
    user = ANOTHER_ID if os.getuid() == 0 else None
    there = elsewhere(directory, store_root, toolbox, place, user)
    code = place / "code"
    shutil.copytree(Path(package.__file__).parent, code / "micros", ignore=shutil.ignore_patterns("__pycache__"))
    for name in LIBRARIES:
        _copy_distribution(name, code)
    there.give()
    assert there.build(_python_for(there), PYTHONPATH=str(code)) == artefacts


@pytest.mark.slow
def test_another_minor_version_of_python(
    first: tuple[Path, dict[str, str]], store_root: Path, toolbox: Toolbox, place: Path
) -> None:
    directory, artefacts = first
    python = next((path for path in _pythons() if _minor(path) not in (0, sys.version_info.minor)), None)
    if python is None:
        pytest.skip("no other Python of 3.11 or later on PATH or in pyenv's place")
    subprocess.run([python, "-m", "venv", place / "venv"], check=True)
    install: list[str | Path] = [
        place / "venv/bin/python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        ROOT,
    ]
    subprocess.run(install, check=True)
    there = elsewhere(directory, store_root, toolbox, place, None)
    assert there.build(place / "venv/bin/python") == artefacts


def _copy_distribution(name: str, target: Path) -> None:
    """An installed library, its metadata among it: their names are part of what a step depends on."""
    for file in importlib.metadata.distribution(name).files or ():
        if ".." not in file.parts and file.suffix != ".pyc":
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.locate(), target / file)


def _python_for(there: Elsewhere) -> Path:
    """A Python of this version that the other user may run: this one may lie in somebody's home."""
    for python in (Path(sys.executable), *_pythons()):
        try:
            version = there.run([python, "-c", "import sys; print(sys.version_info.minor)"])
        except AssertionError:
            continue
        if int(version) == sys.version_info.minor:
            return python
    pytest.skip("the other user can run no Python of this version")


def _pythons() -> list[Path]:
    """Other Pythons of this host: on PATH, and of pyenv."""
    names = [f"python3.{minor}" for minor in MINORS]
    on_path = [Path(part, name) for part in os.get_exec_path() for name in names]
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    return [path for path in (*on_path, *sorted(versions.glob("3.*/bin/python3"))) if os.access(path, os.X_OK)]


def _minor(python: Path) -> int:
    """The minor version of a Python 3 that works and is one of ours; else 0."""
    code = "import sys, venv; print(sys.version_info.minor)"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return int(done.stdout) if done.returncode == 0 and int(done.stdout) in MINORS else 0
