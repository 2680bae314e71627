"""Mirrors that serve other bytes, break off, refuse, mislead or crawl (faults 6, 19, 21 to 23)."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults import faulty_mirror as faulty
from tests.faults.conftest import SUITES, Box, direct

if TYPE_CHECKING:
    from tests.faults.faulty_mirror import Fault

DEB = "pool/runit_1_amd64.deb"
BY_HASH = "trixie/main/binary-amd64/by-hash"
PLAIN = "trixie/main/binary-amd64/Packages.xz"


@pytest.mark.parametrize("fault", [faulty.flipped, faulty.shorter, faulty.longer, faulty.page, faulty.endless])
def test_a_package_of_other_bytes(box: Box, fault: Fault) -> None:
    good = (box.mirror.root / DEB).read_bytes()
    box.server.faults[DEB] = fault
    said = box.fails("digest-mismatch")
    assert box.server.asked_for(DEB) == 2, "asked for once more, then never again"
    assert f"{box.server.url}/{DEB}" in said
    assert f"expected  sha256 {hashlib.sha256(good).hexdigest()}, {len(good)} bytes" in said
    (kept,) = (box.command.store / "quarantine").iterdir()
    assert f"got       sha256 {kept.name}" in said
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == kept.name
    assert kept.stat().st_size <= len(good) + 1
    box.heals()
    assert box.command("gc", "--keep-days", "0").status == 0
    assert list((box.command.store / "quarantine").iterdir()) == []


@pytest.mark.parametrize("fault", [faulty.flipped, faulty.shorter, faulty.page, faulty.status(404)])
def test_an_index_comes_by_its_digest_or_by_its_name(box: Box, fault: Fault) -> None:
    """The one in the directory of digests is bad, the other is as the release says."""
    index = next((box.mirror.root / "dists/trixie/main/binary-amd64/by-hash/SHA256").iterdir())
    box.server.faults["trixie/main/binary-amd64/by-hash/SHA256/" + index.name] = fault
    assert box.lock().status == 0
    box.heals()


@pytest.mark.parametrize("fault", [faulty.flipped, faulty.shorter])
def test_an_index_that_its_release_does_not_name(box: Box, fault: Fault) -> None:
    directory = box.mirror.root / "dists/trixie/main/binary-amd64"
    (index,) = (directory / "by-hash/SHA256").iterdir()
    name, size = index.name, index.stat().st_size
    box.server.faults |= {f"{BY_HASH}/SHA256/{name}": fault, PLAIN: fault}
    said = box.fails("digest-mismatch")
    assert f"expected  sha256 {name}, {size} bytes" in said
    assert f"{box.server.url}/dists/{PLAIN}" in said
    assert not (box.root / "micros.lock").exists()
    box.heals()


@pytest.mark.parametrize("tenth", range(10))
def test_a_connection_that_breaks_is_resumed(box: Box, tenth: int) -> None:
    box.server.faults[DEB] = faulty.cut_at(tenth)
    assert box.lock().status == 0
    assert box.server.asked_for(DEB) == 2
    box.heals()


def test_a_connection_that_always_breaks(box: Box) -> None:
    box.server.faults[DEB] = faulty.cut_at(1, always=True)
    said = box.fails("download")
    assert box.server.url.removeprefix("http://") in said
    assert DEB in said
    box.heals()


def test_a_content_length_that_lies(box: Box) -> None:
    box.server.faults[DEB] = faulty.lying
    assert box.lock().status == 0
    box.heals()


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (faulty.status(404), "404"),
        (faulty.status(403), "403"),
        (faulty.status(500), "500"),
        (faulty.redirect(), "302"),
        (faulty.redirect("file:///etc/passwd"), "file:///etc/passwd"),
        (faulty.redirect("ftp://127.0.0.1/x"), "ftp://127.0.0.1/x"),
    ],
    ids=["404", "403", "500", "loop", "file", "ftp"],
)
@pytest.mark.parametrize("path", ["dists/trixie/InRelease", DEB])
def test_an_answer_that_is_no_file(box: Box, path: str, fault: Fault, word: str) -> None:
    box.server.faults[path] = fault
    said = box.fails("vanished" if word == "404" and path == DEB else "download")
    assert path in said or "runit" in said
    assert word in said or "vanished" in said or "no longer has" in said
    box.heals()


@pytest.mark.parametrize("suite", SUITES)
def test_a_login_page_in_place_of_a_release(box: Box, suite: str) -> None:
    box.server.faults[f"{suite}/InRelease"] = faulty.page
    assert f"{box.server.url}/dists/{suite}/InRelease" in box.fails("bad-signature")
    box.heals()


@pytest.mark.parametrize("fault", [faulty.endless, faulty.cut_at(5, always=True)], ids=["endless", "cut"])
def test_a_release_without_end_or_without_its_end(box: Box, fault: Fault) -> None:
    box.server.faults["trixie/InRelease"] = fault
    assert "InRelease" in box.fails("download")
    box.heals()


@pytest.mark.parametrize("path", ["trixie/InRelease", DEB])
@pytest.mark.parametrize("fault", [faulty.dripping, faulty.silent])
def test_a_mirror_that_crawls_or_says_nothing(box: Box, path: str, fault: Fault) -> None:
    box.server.faults[path] = fault
    began = time.monotonic()
    said = box.fails("download", MICROS_NETWORK_TIMEOUT="0.2")
    assert time.monotonic() - began < 30
    assert box.server.url.removeprefix("http://") in said
    box.heals()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("fault", [faulty.dripping, faulty.silent])
def test_an_interrupt_ends_a_download_soon(box: Box, fault: Fault, number: signal.Signals, status: int) -> None:
    box.server.faults[DEB] = fault
    verb, *rest = box.arguments()
    argv = [sys.executable, "-m", "micros", verb, "--store", str(box.command.store), *rest]
    process = subprocess.Popen(argv, cwd=box.root, env=os.environ | direct({}), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while not box.server.asked_for(DEB):
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(number)
    began = time.monotonic()
    said = process.communicate(timeout=60)[1].decode()
    assert time.monotonic() - began < 10
    assert (process.returncode, "Traceback" in said) == (status, False), said
    assert list((box.command.store / "scratch").iterdir()) == []
    box.heals()


@pytest.mark.parametrize("patience", ["nan", "-1", "0", "soon", "inf"])
def test_a_time_limit_that_is_none(box: Box, patience: str) -> None:
    done = box.lock(MICROS_NETWORK_TIMEOUT=patience)
    assert (done.status, done.kinds) == (2, ["usage"])
    assert patience in done.err
    box.heals()


def test_a_name_nobody_resolves_and_a_port_nobody_listens_on(box: Box) -> None:
    assert "mirror.invalid" in box.fails("download", url="http://mirror.invalid/debian")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        assert f"127.0.0.1:{port}" in box.fails("download", url=f"http://127.0.0.1:{port}")
    box.heals()


def test_offline_needs_nothing_once_everything_is_there(box: Box) -> None:
    assert "--offline" in box.fails("offline", more=("--offline",))
    assert box.lock().status == 0
    asked = len(box.server.seen)
    assert box.lock("--offline").status == 0
    shutil.rmtree(box.command.store)
    said = box.fails("offline", more=("--offline",))
    assert all(name in said for name in ("busybox", "runit"))
    assert len(box.server.seen) == asked
    assert box.lock().status == 0
    box.heals()


def test_locked_packages_that_the_mirror_dropped(box: Box) -> None:
    assert box.lock().status == 0
    shutil.rmtree(box.command.store)
    for name in ("runit", "busybox"):
        box.server.faults[f"pool/{name}_1_amd64.deb"] = faulty.status(404)
    said = box.fails("vanished")
    assert "busybox" in said
    assert "runit" in said
    assert "--update" in said
    box.heals()


@pytest.mark.parametrize("offline", [False, True])
def test_a_package_of_another_architecture(box: Box, offline: bool) -> None:
    for architecture in ("arm64", "riscv64", "armhf"):
        box.mirror.add("blinker", {"usr/bin/blinker": b"x"} if architecture != "armhf" else {}, architecture=architecture)
    box.mirror.add("runit", {"usr/bin/runit": b"x"}, architecture="armel")
    box.mirror.publish(suites=SUITES)
    wanted = ["--set", 'environment.system_packages=["blinker", "runitt"]']
    if offline:
        assert box.lock().status == 0
        wanted.append("--offline")
    done = box.lock(*wanted)
    box.failed(done, "unknown-package")
    by_name = {record["message"].split("'")[1]: record for record in done.errors}
    assert by_name.keys() == {"blinker", "runitt"}
    for record in by_name.values():
        assert "amd64" in record["message"]
        assert "trixie" in record["message"]
    notes = {name: " ".join(record["notes"]) for name, record in by_name.items()}
    if offline:
        assert notes["blinker"] == "other architectures could not be looked at"
    else:
        assert notes["blinker"] == "it is there for arm64, armhf, riscv64"
        assert notes["runitt"] == "nor is it there for arm64, armhf, armel, riscv64"
    assert "runit" in by_name["runitt"]["hint"]
    box.heals()


def test_dependencies_nobody_can_meet(box: Box) -> None:
    box.mirror.add("runit", {"usr/bin/runit": b"x"}, fields="Depends: nowhere (>= 3)\n")
    box.mirror.publish(suites=SUITES)
    assert "nowhere (>= 3)" in box.fails("unsatisfiable")
    box.mirror.add("runit", {"usr/bin/runit": b"x"})
    box.heals()
