"""Writing images onto disks: loop devices where the machine allows them, else plain files and a made-up sysfs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Command, Program
from tests.formats.trees import noise

from micros.base.errors import Kind, MicrosError
from micros.run import flash as flashing
from micros.run.disks import Disks
from micros.run.flash import fits, flash

IMAGE = b"\0" * 512 + b"EFI PART" + noise(5 << 20)
SDA, SDA1, SDB, SDB1, MAPPED = ((8, 0), (8, 1), (8, 16), (8, 17), (254, 0))


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "disk.img"
    path.write_bytes(IMAGE)
    return path


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 MiB."""
    backing = tmp_path / "backing"
    backing.write_bytes(noise(16 << 20, 1))
    done = subprocess.run(["losetup", "-f", "--show", backing], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no loop devices here: {done.stderr.strip()}")
    yield Path(done.stdout.strip())
    subprocess.run(["losetup", "-d", done.stdout.strip()], check=True)


def machine(tmp_path: Path, mounts: str, swaps: str = "") -> Disks:
    """A machine with two disks of a partition each, and a mapped device on the second's."""
    sys, proc = tmp_path / "sys", tmp_path / "proc"
    for name, numbers, partition in (("sda", (SDA, SDA1), "sda1"), ("sdb", (SDB, SDB1), "sdb1")):
        (sys / "block" / name / partition).mkdir(parents=True)
        (sys / "block" / name / partition / "partition").write_text("1\n")
        for number, place in zip(numbers, (name, f"{name}/{partition}"), strict=True):
            link(sys, number, place)
    (sys / "block/dm-0/slaves").mkdir(parents=True)
    (sys / "block/dm-0/slaves/sdb1").symlink_to("../../sdb/sdb1")
    link(sys, MAPPED, "dm-0")
    (proc / "self").mkdir(parents=True)
    (proc / "self/mountinfo").write_text(mounts)
    (proc / "swaps").write_text("Filename Type Size Used Priority\n" + swaps)
    return Disks(sys, proc)


def link(sys: Path, number: tuple[int, int], place: str) -> None:
    (sys / "dev/block").mkdir(parents=True, exist_ok=True)
    (sys / f"dev/block/{number[0]}:{number[1]}").symlink_to(f"../../block/{place}")


def test_uses_of_a_disk_are_those_of_its_partitions_and_what_is_mapped_onto_them(tmp_path: Path) -> None:
    mounts = (
        "20 1 8:1 / / rw - ext4 /dev/root rw\n"
        "21 20 0:5 / /proc rw - proc proc rw\n"
        "22 20 254:0 / /srv/my\\040data rw shared:3 - ext4 none rw\n"
    )
    disks = machine(tmp_path, mounts)
    assert disks.uses(os.makedev(*SDA)) == ["/"]
    assert disks.uses(os.makedev(*SDB)) == ["/srv/my data"]
    assert disks.is_partition(os.makedev(*SDB1))
    assert not disks.is_partition(os.makedev(*SDB))
    assert machine(tmp_path / "other", "").uses(os.makedev(*SDA)) == []


@pytest.mark.parametrize(("mounts", "message"), [("/", "is the disk of this system"), ("/mnt", "is in use")])
def test_disks_in_use_are_refused_with_what_uses_them(
    image: Path, loop: Path, monkeypatch: pytest.MonkeyPatch, mounts: str, message: str
) -> None:
    monkeypatch.setattr(Disks, "uses", lambda self, number: [mounts])
    with pytest.raises(MicrosError) as caught:
        flashing.check(image, loop, Disks())
    assert caught.value.kind == Kind.BUSY
    assert message in str(caught.value)
    assert f"mounted: {mounts}" in str(caught.value)


def test_a_disk_holds_the_image_and_nothing_behind_it_changes(micros: Command, image: Path, loop: Path) -> None:
    done = micros("flash", str(image), str(loop), "--yes")
    assert done.status == 0, done.err
    assert "verified" in done.err
    assert "second copy of the GPT" in done.err
    assert loop.read_bytes() == IMAGE + noise(16 << 20, 1)[len(IMAGE) :]


def test_nothing_is_written_unless_somebody_says_so(micros: Command, image: Path, loop: Path) -> None:
    done = micros("flash", str(image), str(loop))
    assert done.status == 2
    assert "--yes" in done.err
    assert loop.read_bytes() == noise(16 << 20, 1)


def test_a_mounted_disk_is_refused(micros: Command, image: Path, loop: Path, tmp_path: Path, program: Program) -> None:
    subprocess.run([program("e2fsprogs", "mke2fs"), "-q", "-t", "ext4", loop], check=True)
    (tmp_path / "mnt").mkdir()
    if subprocess.run(["mount", loop, tmp_path / "mnt"], capture_output=True, check=False).returncode:
        pytest.skip("no mounts here")
    try:
        before = loop.read_bytes()
        done = micros("flash", str(image), str(loop), "--yes", "--json")
        assert done.kinds == ["busy"]
        assert str(tmp_path / "mnt") in done.out
        assert loop.read_bytes() == before
    finally:
        subprocess.run(["umount", loop], check=True)


def kind_of(image: Path, room: int = 16 << 20, sector_bytes: int = 512) -> Kind:
    with pytest.raises(MicrosError) as caught:
        fits(image, Path("/dev/sdx"), room, sector_bytes)
    return caught.value.kind


def test_what_cannot_be_written(image: Path, tmp_path: Path, micros: Command) -> None:
    assert kind_of(image, room=len(IMAGE) - 1) == Kind.DOES_NOT_FIT
    assert kind_of(image, sector_bytes=4096) == Kind.DOES_NOT_FIT
    assert kind_of(tmp_path) == Kind.BAD_FILE
    assert kind_of(tmp_path / "nothing") == Kind.BAD_FILE
    (tmp_path / "empty").touch()
    assert kind_of(tmp_path / "empty") == Kind.DOES_NOT_FIT
    for magic in (b"QFI\xfb", b"KDMV", b"conectix", b"\x1f\x8b"):
        (tmp_path / "other").write_bytes(magic + bytes(10_000))
        assert kind_of(tmp_path / "other") == Kind.BAD_FILE
    assert fits(image, Path("/dev/sdx"), len(IMAGE), 512) == []
    assert micros("flash", str(image), str(tmp_path / "other"), "--yes", "--json").kinds == ["bad-file"]


def test_a_disk_that_lies_is_found_out(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(16 << 20))
    told: list[tuple[Any, ...]] = []
    flash(image, disk, lambda *words: told.append(words))
    assert disk.read_bytes()[: len(IMAGE)] == IMAGE
    assert told[-1] == ("verify", len(IMAGE), len(IMAGE))
    write = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, at: write(file, bytes(data)[:-1] + b"?", at))
    with pytest.raises(MicrosError) as caught:
        flash(image, disk, lambda *_: None)
    assert caught.value.kind == Kind.DAMAGED


def test_a_disk_whose_writing_was_cut_has_no_table(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = tmp_path / "disk"
    disk.write_bytes(noise(16 << 20))
    write = os.pwrite

    def failing(file: int, data: memoryview, at: int) -> int:
        if at > 3 << 20:
            raise OSError(5, "Input/output error")
        return write(file, data, at)

    monkeypatch.setattr(os, "pwrite", failing)
    with pytest.raises(MicrosError) as caught:
        flash(image, disk, lambda *_: None)
    assert caught.value.kind == Kind.SYSTEM
    assert not any(disk.read_bytes()[: 1 << 20])
