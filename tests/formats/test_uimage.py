"""RAM disks with U-Boot's header, told apart and checked by its mkimage."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.formats.trees import MemoryBlobs, MemoryJob, noise

from micros.base.errors import Kind, MicrosError
from micros.base.tree import Tree
from micros.formats.uimage import HEADER, header, ramdisk
from micros.machine import MACHINES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Command, Program

ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "armv7l": "arm", "armv6l": "arm", "riscv64": "riscv"}
"""As mkimage takes them."""


@pytest.fixture(scope="session")
def mkimage(program: Program) -> str:
    return program("u-boot-tools", "mkimage")


def listed(mkimage: str, path: Path) -> dict[str, str]:
    """What `mkimage -l` says. It fails for a header whose CRC is wrong."""
    said = subprocess.run([mkimage, "-l", path], capture_output=True, text=True, check=True).stdout
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in said.splitlines())}


def test_a_ramdisk_is_what_mkimage_writes(mkimage: str, tmp_path: Path) -> None:
    content = noise(3_000_001)
    (tmp_path / "initrd").write_bytes(content)
    for machine in MACHINES:
        scratch = tmp_path / machine.name
        scratch.mkdir()
        job = MemoryJob(scratch, Tree.of([]), MemoryBlobs(), {"name": "MicrOS box", "architecture": machine.uboot})
        job.inputs = {"initrd": job.put(content)}
        ours = tmp_path / f"{machine.name}.img"
        ours.write_bytes(job.read(ramdisk(job)))
        assert "Linux RAMDisk Image (uncompressed)" in listed(mkimage, ours)["Image Type"]
        theirs = tmp_path / f"{machine.name}.theirs"
        argv = [mkimage, "-A", ARCHITECTURES[machine.name], "-O", "linux", "-T", "ramdisk", "-C", "none", "-n", "MicrOS box"]
        argv += ["-d", str(tmp_path / "initrd"), str(theirs)]
        subprocess.run(argv, env={"SOURCE_DATE_EPOCH": "0"}, stdout=subprocess.DEVNULL, check=True)
        assert ours.read_bytes() == theirs.read_bytes()


def test_a_header_says_what_it_can_hold() -> None:
    assert HEADER.unpack(header("é" * 40, 2, 5, 7))[-1] == ("é" * 16).encode()
    with pytest.raises(MicrosError) as caught:
        header("large", 2, 1 << 32, 0)
    assert caught.value.kind == Kind.DOES_NOT_FIT
    assert "4294967296 bytes" in str(caught.value)


def test_the_artefact_is_the_initrd_behind_a_header(micros: Command, mkimage: str) -> None:
    micros.write("box.toml", 'system.name = "box"\n')
    for done in (micros("build", "box.toml", "u_ramdisk"), micros("build", "box.toml", "initrd", "-o", "plain")):
        assert done.status == 0, done.err
    image = micros.directory / "result/uRamdisk"
    assert listed(mkimage, image)["Image Name"] == "MicrOS box"
    assert image.read_bytes()[HEADER.size :] == (micros.directory / "plain/initrd").read_bytes()
