"""A container: no kernel and no initrd, one archive of the root, which boots without any container engine."""

from __future__ import annotations

import json
import lzma
import signal
import tarfile
from pathlib import Path

import pytest

from micros.debian.tools import Toolbox
from tests.conftest import Command
from tests.vm.containers import boxed

BOX = """\
images.tarball.compression = "xz"
[profiles.container]
enable = true
[security.wrappers.ping]
source = "/bin/busybox"
capabilities = "cap_net_raw+ep"
[micros.services.hello]
start_script = "echo hello from $(hostname), process $$; exec sleep infinity"
"""


@pytest.fixture(scope="module")
def result(store_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artefacts of a container."""
    micros = Command(store_root, tmp_path_factory.mktemp("container"))
    micros.write("box.toml", BOX)
    done = micros("build", "box.toml")
    assert done.status == 0, done.err
    return micros.directory / "result"


def test_it_is_an_archive_without_kernel_modules_and_initrd(result: Path) -> None:
    assert {path.name for path in result.iterdir()} == {".micros", "manifest.json", "rootfs.tar.xz"}
    names = {package["name"] for package in json.loads((result / "manifest.json").read_text())["packages"]}
    assert "busybox" in names
    assert not {name for name in names if name.startswith(("linux", "busybox-static", "firmware"))}
    with tarfile.open(result / "rootfs.tar.xz") as archive:
        members = {member.name: member for member in archive}
    assert not [name for name in members if "lib/modules" in name or name.startswith("boot/")]
    assert members["usr/lib/micros/wrappers/ping"].pax_headers["SCHILY.xattr.security.capability"].startswith("\x01\0\0\x02")
    assert members["etc/shadow"].mode == 0o600
    assert members["bin"].linkname == "usr/bin"


def test_everything_of_a_system_is_one_archive_and_the_same_twice(store_root: Path, tmp_path: Path) -> None:
    micros = Command(store_root, tmp_path)
    micros.write("box.toml", BOX)
    assert micros("build", "box.toml", "toplevel").status == 0
    first = (tmp_path / "result/toplevel.tar").read_bytes()
    assert micros("build", "box.toml", "tarball", "-o", "second").status == 0
    with tarfile.open(tmp_path / "second/rootfs.tar.xz") as archive, tarfile.open(tmp_path / "result/toplevel.tar") as other:
        assert archive.getnames() == other.getnames()
    assert lzma.decompress((tmp_path / "second/rootfs.tar.xz").read_bytes()) == first


@pytest.mark.parametrize("backend", ["busybox", "s6"])
def test_other_init_systems_end_at_sigterm(backend: str, store_root: Path, toolbox: Toolbox, tmp_path: Path) -> None:
    micros = Command(store_root, tmp_path)
    micros.write("box.toml", BOX.replace("exec sleep", "trap 'echo bye; exit' TERM; while :; do sleep 0.1; done #"))
    done = micros("build", "box.toml", "toplevel", "--set", f"boot.init.backend={backend}")
    assert done.status == 0, done.err
    with tarfile.open(tmp_path / "result/toplevel.tar") as archive:
        archive.extractall(tmp_path / "root", filter="fully_trusted")
    with boxed(toolbox, tmp_path / "root") as running:
        running.expect("hello from crate")
        running.signal(signal.SIGTERM)
        running.status()
    assert "bye" in running.lines, running.lines


def test_a_service_runs_in_the_unpacked_tree(result: Path, toolbox: Toolbox, tmp_path: Path) -> None:
    root = tmp_path / "root"
    with tarfile.open(result / "rootfs.tar.xz") as archive:
        archive.extractall(root, filter="fully_trusted")
    with boxed(toolbox, root) as running:
        running.expect("hello from")
    assert running.lines[-1].startswith("hello from crate"), running.lines
    assert not [line for line in running.lines if "failed" in line], running.lines
