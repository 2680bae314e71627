"""ISO images, read back by xorriso and isoinfo, their tables by sgdisk."""

from __future__ import annotations

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.conftest import Program
from tests.formats.trees import MemoryBlobs, MemoryJob, noise, trees

from micros.base.errors import Kind, MicrosError
from micros.base.tree import Device, Directory, Entry, File, Symlink, Tree
from micros.debian.tools import Toolbox
from micros.formats import fat, iso_tree
from micros.formats.iso9660 import write

ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"


@pytest.fixture(scope="session")
def xorriso(program: Program) -> str:
    return program("xorriso", "xorriso")


@pytest.fixture(scope="session")
def isoinfo(program: Program) -> str:
    return program("genisoimage", "isoinfo")


@pytest.fixture(scope="session")
def sgdisk(program: Program) -> str:
    return program("gdisk", "sgdisk")


@pytest.fixture(scope="session")
def isolinux(toolbox: Toolbox) -> Path:
    return toolbox.root(["isolinux"]) / "usr/lib/ISOLINUX"


def image(
    directory: Path,
    tree: Tree,
    blobs: MemoryBlobs,
    inner: Tree | None = None,
    mbr: bytes = b"",
    identity: str = "one",
    **parameters: Any,
) -> Path:
    """An ISO, and its path."""
    directory.mkdir()
    path = directory / "image.iso"
    job = MemoryJob(directory, tree, blobs, {"label": "TRIAL_1", **parameters})
    job.inputs["identity"] = job.put(identity.encode())
    if inner is not None:
        (directory / "fat").mkdir()
        fat_job = MemoryJob(directory / "fat", inner, blobs, parameters.get("esp", {}))
        job.inputs["esp"] = job.put(fat_job.read(fat.write(fat_job)))
        job.inputs["esp-tree"] = job.put_tree(inner)
    if mbr:
        job.inputs["mbr"] = job.put(mbr)
    path.write_bytes(job.read(write(job)))
    return path


def said(*argv: str | Path) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def extracted(xorriso: str, path: Path, target: Path) -> None:
    said(xorriso, "-indev", path, "-osirrox", "on:auto_chmod_off", "-extract", "/", target)


SMALL = MemoryBlobs()
_ENTRIES: dict[str, Entry] = {
    "root.squashfs": SMALL.file(noise(300_000)),
    "boot/kernel": SMALL.file(noise(50_000, 1)),
    "boot/again": SMALL.file(noise(50_000, 1)),
    "boot/empty": SMALL.file(b""),
    "boot/" + "x" * 200: SMALL.file(b"a name as long as this"),
    "boot/" + "x" * 201: SMALL.file(b"another one"),
    "owned": SMALL.file(b"secret", 0o4750, uid=1000, gid=2000),
    "shared": Directory(0o1777, 5, 6),
    "link": Symlink("../somewhere/else/./that is " + "long/" * 100 + "x" * 255),
    "device": Device("b", 8, 17, 0o660),
    "pipe": Device("p", mode=0o600),
    "a/b/c/d/e/f/g/h/i/j/deep": SMALL.file(b"deep"),
}
TREE = Tree.of(_ENTRIES.items())


def test_everything_is_read_back(xorriso: str, isoinfo: str, tmp_path: Path) -> None:
    path = image(tmp_path / "one", TREE, SMALL)
    extracted(xorriso, path, tmp_path / "out")
    for name, entry in TREE.items():
        there = tmp_path / "out" / name
        if isinstance(entry, File):
            assert there.read_bytes() == SMALL.read(entry.digest)
        if isinstance(entry, Symlink):
            assert os.readlink(there) == entry.target
        elif not isinstance(entry, Device):
            assert stat.S_IMODE(there.stat().st_mode) == entry.mode
    listing = said(isoinfo, "-i", path, "-l", "-R")
    assert re.search(r"-rwxr-x--- +1 +1750 +3720 .* owned", listing), "owners, in octal"
    assert re.search(r"brw-rw---- .*device", listing)
    assert re.search(r"frw------- .*pipe", listing)
    assert "link -> ../somewhere/else/./that is long" in listing
    about = said(isoinfo, "-d", "-i", path)
    assert "Volume id: TRIAL_1" in about
    assert "Rock Ridge signatures version 1 found" in about
    assert path.stat().st_size < 480_000, "equal contents lie there twice"
    assert path.read_bytes() == image(tmp_path / "two", TREE, SMALL).read_bytes()


def is_readable(path: str, entry: Entry) -> bool:
    """Whether a second reader shows it as it is: links are kept as paths, without doubled slashes."""
    return not isinstance(entry, Symlink) or os.path.normpath(entry.target) == entry.target


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=trees())
def test_any_tree_is_read_back(xorriso: str, tmp_path_factory: pytest.TempPathFactory, made: tuple[Tree, MemoryBlobs]) -> None:
    tree, blobs = made
    directory = tmp_path_factory.mktemp("isos")
    tree = tree.only(lambda path, entry: path.isprintable() and path.isascii() and is_readable(path, entry))
    path = image(directory / "one", tree, blobs)
    extracted(xorriso, path, directory / "out")
    found = {str(one.relative_to(directory / "out")): one for one in (directory / "out").rglob("*")}
    devices = {name for name, entry in tree.items() if isinstance(entry, Device)}  # not all of which xorriso can make
    assert set(found) - devices == set(tree) - devices
    for name, entry in tree.items():
        if isinstance(entry, File):
            assert found[name].read_bytes() == blobs.read(entry.digest)
            assert stat.S_IMODE(found[name].stat().st_mode) == entry.mode
        elif isinstance(entry, Symlink):
            assert os.readlink(found[name]) == entry.target


def test_what_starts_is_where_firmware_looks(xorriso: str, sgdisk: str, program: Program, isolinux: Path, tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    kernel = blobs.file(noise(3_000_000, 7))
    esp = Tree.of({"EFI/BOOT/BOOTX64.EFI": blobs.file(noise(100_000)), "micros/kernel": kernel}.items())
    loader = blobs.file((isolinux / "isolinux.bin").read_bytes())
    tree = Tree.of({"isolinux/isolinux.bin": loader, "boot/kernel": kernel, "root": blobs.file(noise(50_000, 2))}.items())
    mbr = (isolinux / "isohdpfx.bin").read_bytes()
    path = image(tmp_path / "one", tree, blobs, esp, mbr, bios="isolinux/isolinux.bin", esp={"label": "EFI"})
    report = said(xorriso, "-indev", path, "-report_el_torito", "plain", "-report_system_area", "plain")
    assert re.search(r"El Torito boot img : +1 +BIOS +y +none", report), report
    assert re.search(r"El Torito boot img : +2 +UEFI +y +none", report), report
    assert "El Torito img path :   1  /isolinux/isolinux.bin" in report
    assert "boot-info-table" in report
    assert "isohybrid-suitable" in report
    assert re.search(r"Boot record +: El Torito , MBR isohybrid .*GPT", report), report
    assert "No problems found" in said(sgdisk, "-v", path)
    listed = said(sgdisk, "-i", "2", path)
    assert ESP in listed.lower()
    first = int(re.search(r"First sector: (\d+)", listed)[1])  # type: ignore[index]
    count = int(re.search(r"Partition size: (\d+)", listed)[1])  # type: ignore[index]
    (tmp_path / "esp").write_bytes(path.read_bytes()[first * 512 : (first + count) * 512])
    said(program("dosfstools", "fsck.fat"), "-n", tmp_path / "esp")
    extracted(xorriso, path, tmp_path / "out")
    assert (tmp_path / "out/boot/kernel").read_bytes() == blobs.read(kernel.digest)
    assert path.stat().st_size < 6_000_000, "the kernel lies there twice"


def test_uefi_alone(xorriso: str, sgdisk: str, tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    esp = Tree.of({"EFI/BOOT/BOOTX64.EFI": blobs.file(noise(100_000))}.items())
    path = image(tmp_path / "one", Tree.of({"root": blobs.file(b"x")}.items()), blobs, esp)
    report = said(xorriso, "-indev", path, "-report_el_torito", "plain")
    assert re.search(r"El Torito boot img : +1 +UEFI +y +none", report), report
    assert "No problems found" in said(sgdisk, "-v", path)
    plain = image(tmp_path / "two", Tree.of({"root": blobs.file(b"x")}.items()), blobs, esp, as_disk=False)
    assert not any(plain.read_bytes()[: 16 * 2048])


def test_a_file_of_several_extents(xorriso: str, isoinfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(iso_tree, "EXTENT_BYTES", 1 << 16)
    blobs = MemoryBlobs()
    tree = Tree.of({f"large{number}": blobs.file(noise((1 << 20) + 5, number)) for number in range(3)}.items())
    path = image(tmp_path / "one", tree, blobs)
    extracted(xorriso, path, tmp_path / "out")
    for name, entry in tree.items():
        assert isinstance(entry, File)
        assert (tmp_path / "out" / name).read_bytes() == blobs.read(entry.digest)


def test_volumes_of_one_label_have_their_own_uuid(program: Program, sgdisk: str, tmp_path: Path) -> None:
    blkid = program("util-linux", "blkid")
    found = set()
    for identity in ("one", "two"):
        path = image(tmp_path / identity, TREE, SMALL, identity=identity)
        about = said(blkid, "-p", "-o", "export", path)
        assert "LABEL=TRIAL_1" in about
        found.add(re.search(r"^UUID=(.*)$", about, re.MULTILINE)[1])  # type: ignore[index]
        found.add(re.search(r"GUID\): (\S+)", said(sgdisk, "-p", path))[1])  # type: ignore[index]
    assert len(found) == 4


def refused(tmp_path: Path, tree: Tree, **parameters: Any) -> MicrosError:
    with pytest.raises(MicrosError) as caught:
        image(tmp_path / "refused", tree, SMALL, **parameters)
    return caught.value


@pytest.mark.parametrize("label", ["", "small", "A-B", "A" * 33, "É"])
def test_labels_that_cannot_be(tmp_path: Path, label: str) -> None:
    found = refused(tmp_path, TREE, label=label)
    assert found.kind == Kind.USAGE
    assert str(len(label)) in str(found)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    found = refused(tmp_path, TREE, most_bytes=300_000)
    assert found.kind == Kind.DOES_NOT_FIT
    assert "300000 bytes  /root.squashfs" in str(found)


def test_what_has_no_place(tmp_path: Path) -> None:
    tree = Tree.of({"file": SMALL.file(b"", xattrs=(("user.x", b"1"),))}.items())
    assert refused(tmp_path, tree).kind == Kind.BAD_TREE


def test_a_program_that_is_not_there_or_another(tmp_path: Path) -> None:
    assert refused(tmp_path, TREE, bios="isolinux/isolinux.bin").kind == Kind.MISSING_FILE
    with pytest.raises(MicrosError) as caught:
        image(tmp_path / "other", TREE, SMALL, bios="boot/kernel")
    assert caught.value.kind == Kind.BAD_FILE
