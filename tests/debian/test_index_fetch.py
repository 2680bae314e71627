"""The index of a mirror that is not as its signed release says: used where the digest fits, refused where not."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from tests.debian.small_mirror import SmallMirror

from micros.base.errors import Kind, MicrosError
from micros.debian.universe import Settings, Universe
from micros.machine import machine_named
from micros.store.scheduler import Scheduler
from micros.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallMirror:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    made = SmallMirror(tmp_path)
    made.add("tool", {"usr/bin/tool": b"x"})
    made.publish()
    return made


@pytest.fixture
def packages(mirror: SmallMirror, tmp_path: Path) -> Iterator[Universe]:
    store = Store(tmp_path / "store")
    scheduler = Scheduler(store)
    with mirror.served() as url:
        settings = Settings(mirror=url, suites=("trixie",), keyring=mirror.keyring)
        yield Universe(scheduler, machine_named("amd64"), settings=settings)
    scheduler.close()
    store.close()


def test_a_mirror_without_the_directory_of_digests(mirror: SmallMirror, packages: Universe) -> None:
    shutil.rmtree(mirror.root / "dists/trixie/main/binary-amd64/by-hash")
    assert [offer.name for offer in packages.closure(["tool"]).packages] == ["tool"]


def test_an_index_that_its_release_does_not_name(mirror: SmallMirror, packages: Universe) -> None:
    directory = mirror.root / "dists/trixie/main/binary-amd64"
    shutil.rmtree(directory / "by-hash")
    data = (directory / "Packages.xz").read_bytes()
    (directory / "Packages.xz").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(MicrosError) as caught:
        packages.closure(["tool"])
    assert caught.value.kind is Kind.DIGEST_MISMATCH
    assert f"{len(data)} bytes" in str(caught.value)


def test_no_index_at_all(mirror: SmallMirror, packages: Universe) -> None:
    shutil.rmtree(mirror.root / "dists/trixie/main")
    with pytest.raises(MicrosError) as caught:
        packages.closure(["tool"])
    assert caught.value.kind is Kind.DOWNLOAD
