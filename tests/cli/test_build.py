"""`micros build`: what a user gets, and that it is the same for everybody."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from tests.conftest import Command

HELLO = Path(__file__).parents[2] / "examples/hello.py"


def _artefacts(micros: Command, **environment: str) -> dict[str, str]:
    done = micros("build", "hello.py", "--json", **environment)
    assert done.status == 0, done.err
    artefacts: dict[str, str] = json.loads(done.out)["artefacts"]
    return artefacts


def test_dist_has_all_artefacts_and_a_manifest_of_every_package(micros: Command) -> None:
    shutil.copy(HELLO, micros.directory)
    done = micros("build", "hello.py")
    assert done.status == 0, done.err
    result = micros.directory / "result"
    assert {path.name for path in result.iterdir()} == {
        ".micros", "kernel", "initrd", "root.squashfs", "cmdline", "manifest.json",
    }  # fmt: skip
    manifest = json.loads((result / "manifest.json").read_text())
    packages = {record["name"]: record for record in manifest["packages"]}
    assert {"busybox", "runit", "libc6", "busybox-static"} <= packages.keys()
    assert all(len(record["sha256"]) == 64 and record["version"] for record in packages.values())
    small = sum((result / name).stat().st_size for name in ("initrd", "root.squashfs"))
    assert small < 6_000_000
    assert (micros.directory / "micros.lock").exists()


def test_a_changed_script_changes_the_root_and_nothing_else(micros: Command) -> None:
    shutil.copy(HELLO, micros.directory)
    first = _artefacts(micros)
    text = (micros.directory / "hello.py").read_text()
    stat = (micros.directory / "hello.py").stat()
    (micros.directory / "hello.py").write_text(text.replace("Hello from", "Hullo from"))
    os.utime(micros.directory / "hello.py", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = _artefacts(micros)
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {"root.squashfs", "manifest.json"}


def test_offline_works_once_everything_is_there(micros: Command) -> None:
    shutil.copy(HELLO, micros.directory)
    first = _artefacts(micros)
    done = micros("build", "hello.py", "--offline", "--json", MICROS_MIRROR="http://127.0.0.1:9/none")
    assert done.status == 0, done.err
    assert json.loads(done.out)["artefacts"] == first


def test_list_names_the_targets_those_of_the_users_modules_too(micros: Command) -> None:
    micros.write(
        "mine.py",
        "from micros import system\nfrom micros.lang import Module, option\nfrom micros.modules.system import Artefact\n"
        'class Mine(Module, at="system.build"):\n'
        '    copy: Artefact = option(default=Artefact("micros.plan.artefacts.kernel:image"), doc="the kernel again")\n'
        "box = system(Mine)\n",
    )
    done = micros("build", "mine.py", "--list", "--json")
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert {"dist", "kernel", "initrd", "squashfs"} <= found.keys()
    assert found["copy"] == "the kernel again"
    done = micros("build", "mine.py", "copy", "-o", "out")
    assert done.status == 0, done.err
    assert (micros.directory / "out/kernel").stat().st_size > 1_000_000


def test_a_target_by_its_nixos_name_and_one_that_is_not_there(micros: Command) -> None:
    shutil.copy(HELLO, micros.directory)
    done = micros("build", "hello.py", "initialRamdisk", "--json")
    assert done.status == 0, done.err
    assert list(json.loads(done.out)["artefacts"]) == ["initrd"]
    done = micros("build", "hello.py", "initramfs", "--json")
    assert (done.status, done.kinds) == (2, ["usage"])
    assert "squashfs" in done.err


def test_a_link_to_a_result_is_replaced_where_it_leads(micros: Command) -> None:
    shutil.copy(HELLO, micros.directory)
    assert micros("build", "hello.py", "cmdline", "-o", "real").status == 0
    (micros.directory / "link").symlink_to("real")
    (micros.directory / "real/.micros").write_bytes(b"\xff")
    done = micros("build", "hello.py", "manifest", "-o", "link")
    assert (done.status, done.out) == (0, "link\n"), done.err
    assert (micros.directory / "link").is_symlink()
    assert (micros.directory / "real/manifest.json").exists()
