"""Unified kernel images, their sections listed by objdump."""

from __future__ import annotations

import struct
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tests.formats.trees import MemoryBlobs, MemoryJob, noise

from micros.base.errors import Kind, MicrosError
from micros.base.tree import Tree
from micros.formats.pe import with_sections
from micros.formats.uki import write
from micros.machine import host_machine

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Program

    from micros.debian.tools import Toolbox


@pytest.fixture(scope="session")
def stub(toolbox: Toolbox) -> bytes:
    name = f"usr/lib/systemd/boot/efi/linux{host_machine().efi.lower()}.efi.stub"
    return (toolbox.root(["systemd-boot-efi"]) / name).read_bytes()


@pytest.fixture(scope="session")
def objdump(program: Program) -> str:
    return program(f"binutils-{host_machine().gnu.replace('_', '-')}", f"{host_machine().gnu}-objdump")


def test_sections_hold_what_they_were_given(stub: bytes, objdump: str, tmp_path: Path) -> None:
    release = {"os_release": "ID=micros\n", "release": "6.12.1-test"}
    job = MemoryJob(tmp_path, Tree.of([]), MemoryBlobs(), release)
    kernel, initrd = noise(3_000_001), noise(70_000, 1)
    job.inputs = {"stub": job.put(stub), "kernel": job.put(kernel), "initrd": job.put(initrd), "cmdline": job.put(b"a b=c\n")}
    made = job.read(write(job))
    (tmp_path / "uki").write_bytes(made)
    (tmp_path / "stub").write_bytes(stub)
    before, found = sections(objdump, tmp_path / "stub"), sections(objdump, tmp_path / "uki")
    expected = {".osrel": b"ID=micros\n", ".uname": b"6.12.1-test", ".cmdline": b"a b=c", ".initrd": initrd, ".linux": kernel}
    assert list(found) == [*before, *expected]
    assert {name: place for name, place in found.items() if name in before} == before
    for name, content in expected.items():
        size, _, at = found[name]
        assert size == len(content)
        assert made[at : at + size] == content
    addresses = [(start, start + size) for size, start, _ in found.values()]
    assert all(one[1] <= another[0] for one, another in pairwise(addresses))
    assert all(start % 4096 == 0 for start, _ in addresses)


def sections(objdump: str, path: Path) -> dict[str, tuple[int, int, int]]:
    """Size, address in memory and offset in the file of each section, by name, in order."""
    done = subprocess.run([objdump, "-h", path], capture_output=True, text=True, check=True)
    assert not done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if " ." in line]
    return {row[1]: (int(row[2], 16), int(row[3], 16), int(row[5], 16)) for row in rows}


def kind_of(program: bytes, sections: list[tuple[str, int]]) -> Kind:
    with pytest.raises(MicrosError) as caught:
        with_sections(program, sections)
    return caught.value.kind


def test_stubs_that_cannot_be_used(stub: bytes) -> None:
    at = struct.unpack_from("<I", stub, 60)[0]
    signed = bytearray(stub)
    struct.pack_into("<II", signed, at + 24 + 112 + 32, len(stub), 8)
    assert kind_of(b"", []) == Kind.BAD_FILE
    assert kind_of(b"#!/bin/sh\n" * 100, []) == Kind.BAD_FILE
    assert kind_of(stub[:100], []) == Kind.BAD_FILE
    assert kind_of(bytes(signed), []) == Kind.BAD_FILE
    assert kind_of(stub, [(".text", 1)]) == Kind.BAD_FILE
    assert kind_of(stub, [(f".{number}", 1) for number in range(100)]) == Kind.DOES_NOT_FIT
    assert kind_of(stub, [(".linux", 1 << 32)]) == Kind.DOES_NOT_FIT
