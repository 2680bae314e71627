"""Places that take no result: the error names them, nothing is left beside them, and another place takes it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.faults.conftest import small_disk

TEXT = 'networking.host_name = "box"\n'


def _locked(micros: Command) -> None:
    micros.write("box.toml", TEXT)
    assert micros("lock", "box.toml").status == 0


def _refused(micros: Command, output: str, status: int, kind: str) -> str:
    """A build into a place that cannot be: what it said. What lay there before is all that lies there after."""
    before = sorted(micros.directory.rglob("*"))
    done = micros("build", "box.toml", "cmdline", "--json", "-o", output)
    assert (done.status, done.kinds) == (status, [kind]), done.err
    assert output in done.err
    assert sorted(micros.directory.rglob("*")) == before
    return done.err


def _taken(micros: Command) -> None:
    done = micros("build", "box.toml", "cmdline")
    assert done.status == 0, done.err
    assert (micros.directory / "result" / "cmdline").read_text().startswith("console=")


def test_an_output_that_cannot_be(micros: Command) -> None:
    (micros.directory / "loop").symlink_to("loop")
    (micros.directory / "file").write_text("precious")
    _locked(micros)
    for output in ("loop", "file"):
        _refused(micros, output, 2, "usage")
    for output in ("file/below", "/proc/nowhere", "x" * 300):
        _refused(micros, output, 1, "bad-file")
    assert (micros.directory / "file").read_text() == "precious"
    _taken(micros)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small file system")
def test_an_output_on_a_full_disk(micros: Command) -> None:
    _locked(micros)
    with small_disk(micros.directory) as remount:
        disk = Path(micros.directory, "disk")
        remount("size=8k")
        (disk / "taken").write_bytes(bytes(8192))
        said = _refused(micros, "disk/result", 1, "no-space")
        assert "needed: " in said
        assert "free: 0 B" in said
        remount("size=1m")
        done = micros("build", "box.toml", "cmdline", "-o", "disk/result")
        assert done.status == 0, done.err
    _taken(micros)
