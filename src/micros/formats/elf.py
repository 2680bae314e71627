"""What an ELF file needs to run: interpreter and libraries (System V ABI, chapter 5: program header, dynamic section)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

MAGIC = b"\x7fELF"
_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB, _DT_SONAME, _DT_RPATH, _DT_RUNPATH = 1, 5, 14, 15, 29


@dataclass(frozen=True, slots=True)
class Elf:
    """The dynamic facts of a program or library."""

    machine: int
    """`e_machine`."""
    bits: int
    interpreter: str
    soname: str
    needed: tuple[str, ...]
    search: tuple[str, ...]
    """DT_RUNPATH, else DT_RPATH, split at colons; may hold $ORIGIN."""


def read(data: bytes) -> Elf | None:
    """The facts of a file's bytes; None where they are no ELF file, or one too damaged to load."""
    if data[:4] != MAGIC or len(data) < 52:
        return None
    try:
        return _read(data)
    except (struct.error, IndexError, OverflowError, ValueError):
        return None


def _read(data: bytes) -> Elf:
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    (machine,) = struct.unpack_from(order + "H", data, 18)
    if wide:
        (table,) = struct.unpack_from(order + "Q", data, 32)
        size, count = struct.unpack_from(order + "HH", data, 54)
        layout = struct.Struct(order + "IIQQQQQQ")
    else:
        (table,) = struct.unpack_from(order + "I", data, 28)
        size, count = struct.unpack_from(order + "HH", data, 42)
        layout = struct.Struct(order + "IIIIIIII")
    loads: list[tuple[int, int, int]] = []
    interpreter, dynamic = "", b""
    for index in range(count):
        fields = layout.unpack_from(data, table + index * size)
        kind, offset, address, length = (
            (fields[0], fields[2], fields[3], fields[5]) if wide else (fields[0], fields[1], fields[2], fields[4])
        )
        if kind == _PT_LOAD:
            loads.append((address, offset, length))
        elif kind == _PT_INTERP:
            interpreter = data[offset : offset + length].rstrip(b"\0").decode()
        elif kind == _PT_DYNAMIC:
            dynamic = data[offset : offset + length]
    entry = struct.Struct(order + ("qQ" if wide else "iI"))
    tags = [entry.unpack_from(dynamic, at) for at in range(0, len(dynamic) - entry.size + 1, entry.size)]
    values = dict(reversed(tags))
    base = _file_offset(values.get(_DT_STRTAB, 0), loads)

    def text(offset: int) -> str:
        end = data.index(b"\0", base + offset)
        return data[base + offset : end].decode()

    search = values.get(_DT_RUNPATH, values.get(_DT_RPATH))
    return Elf(
        machine=machine,
        bits=64 if wide else 32,
        interpreter=interpreter,
        soname=text(values[_DT_SONAME]) if _DT_SONAME in values else "",
        needed=tuple(text(value) for tag, value in tags if tag == _DT_NEEDED),
        search=tuple(text(search).split(":")) if search is not None else (),
    )


def _file_offset(address: int, loads: list[tuple[int, int, int]]) -> int:
    for start, offset, length in loads:
        if start <= address < start + length:
            return offset + address - start
    return 0
