"""Tools that MicrOS brings for itself go on working when the mirror has moved on, or their lock is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.debian.small_mirror import SmallMirror

from micros.debian.tools import Toolbox
from micros.debian.universe import Settings
from micros.machine import host_machine
from micros.store.scheduler import Scheduler
from micros.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def mirror(tmp_path: Path) -> SmallMirror:
    made = SmallMirror(tmp_path)
    made.add("bubblewrap", {"usr/bin/bwrap": b"x"})
    made.add("tool", {"usr/bin/tool": b"old"})
    made.publish()
    return made


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[Scheduler]:
    made = Scheduler(Store(tmp_path / "store"))
    yield made
    made.close()
    made.store.close()


@pytest.mark.skipif(host_machine().debian != "amd64", reason="the small mirror has amd64 only")
@pytest.mark.parametrize("damaged", [False, True])
def test_pins_that_are_of_no_use_are_made_anew(mirror: SmallMirror, scheduler: Scheduler, damaged: bool) -> None:
    with mirror.served() as url:
        settings = Settings(mirror=url, suites=("trixie",), keyring=mirror.keyring)
        root = Toolbox(scheduler, settings).root(["tool"])
        assert (root / "usr/bin/tool").read_bytes() == b"old"
        mirror.add("tool", {"usr/bin/tool": b"new"}, version="2")
        mirror.publish(age_seconds=60)
        (mirror.root / "pool/tool_1_amd64.deb").unlink()
        for path in scheduler.store.root.glob("blobs/??/*"):
            path.unlink()
        if damaged:
            (scheduler.store.root / "tools.lock").write_text("{")
        root = Toolbox(Scheduler(scheduler.store), settings).root(["tool"])
    assert (root / "usr/bin/tool").read_bytes() == b"new"


@pytest.mark.skipif(host_machine().debian != "amd64", reason="the small mirror has amd64 only")
def test_pins_of_other_suites_are_made_anew(mirror: SmallMirror, scheduler: Scheduler) -> None:
    mirror.publish(suites=("trixie", "bookworm"))
    with mirror.served() as url:
        for suite in ("trixie", "bookworm"):
            settings = Settings(mirror=url, suites=(suite,), keyring=mirror.keyring)
            assert (Toolbox(scheduler, settings).root(["tool"]) / "usr/bin/tool").is_file()
            assert f'"{suite}"' in (scheduler.store.root / "tools.lock").read_text()
