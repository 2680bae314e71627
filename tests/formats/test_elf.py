"""The ELF reader: files made by hand, the host's own programs against `readelf`, and noise."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micros.formats import elf

if TYPE_CHECKING:
    from tests.conftest import Program


def library(*, wide: bool = True, order: str = "<") -> bytes:
    """A library `libx.so.1` that needs `liba.so.1` and `libb.so.2`: header, three program headers, dynamic section, names."""
    texts = b"\0liba.so.1\0libb.so.2\0libx.so.1\0$ORIGIN/a:/b\0/lib/ld.so\0"
    header_bytes, program_bytes = (64, 56) if wide else (52, 32)
    dynamic_at = header_bytes + 3 * program_bytes
    word = order + ("qQ" if wide else "iI")
    names_at = dynamic_at + 6 * struct.calcsize(word)
    tags = [(1, 1), (1, texts.index(b"libb")), (14, texts.index(b"libx")), (29, texts.index(b"$")), (5, names_at), (0, 0)]
    dynamic = b"".join(struct.pack(word, *tag) for tag in tags)
    interpreter = (names_at + texts.index(b"/lib/ld"), len("/lib/ld.so") + 1)
    segments = [(1, 0, names_at + len(texts)), (2, dynamic_at, len(dynamic)), (3, *interpreter)]
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1]) + bytes(9)
    if wide:
        head = struct.pack(order + "HHIQQQIHHHHHH", 3, 62, 1, 0, header_bytes, 0, 0, 64, program_bytes, 3, 0, 0, 0)
        table = [struct.pack(order + "IIQQQQQQ", kind, 4, at, at, at, size, size, 8) for kind, at, size in segments]
    else:
        head = struct.pack(order + "HHIIIIIHHHHHH", 3, 40, 1, 0, header_bytes, 0, 0, 52, program_bytes, 3, 0, 0, 0)
        table = [struct.pack(order + "IIIIIIII", kind, at, at, at, size, size, 4, 4) for kind, at, size in segments]
    return ident + head + b"".join(table) + dynamic + texts


@pytest.mark.parametrize("wide", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_all_facts_of_a_library(wide: bool, order: str) -> None:
    facts = elf.read(library(wide=wide, order=order))
    assert facts is not None
    assert facts.needed == ("liba.so.1", "libb.so.2")
    assert facts.soname == "libx.so.1"
    assert facts.search == ("$ORIGIN/a", "/b")
    assert facts.interpreter == "/lib/ld.so"
    assert (facts.machine, facts.bits) == ((62, 64) if wide else (40, 32))


@pytest.mark.parametrize("data", [b"", b"\x7fEL", b"#!/bin/sh\n", b"\x7fELF" + bytes(20)])
def test_other_files_have_none(data: bytes) -> None:
    assert elf.read(data) is None


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 400), st.binary(max_size=16), st.integers(0, 500))
def test_damage_never_raises(offset: int, noise: bytes, cut: int) -> None:
    data = bytearray(library())
    data[offset : offset + len(noise)] = noise
    elf.read(bytes(data))
    elf.read(bytes(data[:cut]))


def test_the_host_s_programs_as_readelf_sees_them(program: Program) -> None:
    readelf = program("binutils", "readelf")
    programs = {Path(sys.executable).resolve(), *(Path(f"/usr/bin/{name}").resolve() for name in ("env", "tar", "bash"))}
    for path in sorted(path for path in programs if path.is_file()):
        out = subprocess.run([readelf, "-dW", path], capture_output=True, text=True, check=True).stdout
        facts = elf.read(path.read_bytes())
        assert facts is not None
        assert list(facts.needed) == re.findall(r"\(NEEDED\).*\[(.+)\]", out)
