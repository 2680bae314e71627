"""Kernel modules: closure, tables, firmware, packages with more of them; on modules made by hand."""

from __future__ import annotations

import json
import lzma
import struct

import pytest
from tests.formats.trees import MemoryBlobs, MemoryJob

from micros.base.errors import Kind, MicrosError
from micros.base.tree import File, Symlink, Tree
from micros.formats.kmod import missing_firmware, select

BASE = "usr/lib/modules/6.1-test"


def module(**fields: str) -> bytes:
    """An ELF64 file with a section `.modinfo` and nothing else."""
    info = b"".join(f"{key}={value}".encode() + b"\0" for key, value in fields.items())
    names = b"\0.modinfo\0.shstrtab\0"
    at = 64
    table = at + len(info) + len(names)
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 1, 62, 1, 0, 0, table, 0, 64, 0, 0, 64, 3, 2)
    sections = bytes(64)
    for name, start, size in ((1, at, len(info)), (10, at + len(info), len(names))):
        sections += struct.pack("<IIQQQQIIQQ", name, 1, 0, 0, start, size, 0, 0, 1, 0)
    return header + info + names + sections


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


def tree(blobs: MemoryBlobs, files: dict[str, bytes | str]) -> Tree:
    """Files, and links where the content is a text."""
    return Tree.of(
        (path, Symlink(data) if isinstance(data, str) else File(blobs.put(data), len(data))) for path, data in files.items()
    )


def kernel(blobs: MemoryBlobs) -> Tree:
    return tree(
        blobs,
        {
            f"{BASE}/kernel/net/card.ko.xz": lzma.compress(
                module(depends="bus,odd-name", alias="pci:v1d2", firmware="card/a.bin")
            ),
            f"{BASE}/kernel/bus.ko": module(softdep="pre: early post: late"),
            f"{BASE}/kernel/odd-name.ko": module(),
            f"{BASE}/kernel/early.ko": module(),
            f"{BASE}/kernel/other.ko": module(firmware="other.bin"),
            f"{BASE}/modules.builtin": b"kernel/fs/inside.ko\n",
        },
    )


class Job(MemoryJob):
    """A run of `select` with several trees."""

    def __init__(self, blobs: MemoryBlobs, trees: dict[str, Tree], parameters: dict[str, object]) -> None:
        MemoryBlobs.__init__(self)
        self.contents = dict(blobs.contents)
        self.inputs = {role: self.put_tree(tree) for role, tree in trees.items()}
        self.parameters = parameters


def run(blobs: MemoryBlobs, trees: dict[str, Tree], **parameters: object) -> dict[str, bytes]:
    job = Job(blobs, trees, {"firmware": [], **parameters})
    result = job.tree(select(job))
    return {path: job.read(entry.digest) for path, entry in result.items() if isinstance(entry, File)}


def test_a_module_brings_what_it_needs_and_modprobes_tables(blobs: MemoryBlobs) -> None:
    files = run(blobs, {"kernel": kernel(blobs)}, modules=["card", "inside"], load=["odd-name"])
    names = {path.rpartition("/")[2] for path in files if path.endswith(".ko")}
    assert names == {"card.ko", "bus.ko", "odd-name.ko", "early.ko"}
    dependencies = files[f"{BASE}/modules.dep"].decode().splitlines()
    assert "kernel/net/card.ko: kernel/bus.ko kernel/odd-name.ko" in dependencies
    assert files[f"{BASE}/modules.alias"] == b"alias pci:v1d2 card\n"
    assert files[f"{BASE}/modules.softdep"] == b"softdep bus pre: early\n"
    assert files["etc/micros/modules"] == b"odd_name\n"


def test_a_package_with_more_modules_of_the_same_kernel(blobs: MemoryBlobs) -> None:
    more = tree(blobs, {f"{BASE}/updates/fast.ko": module(depends="bus")})
    files = run(blobs, {"kernel": kernel(blobs), "fast-modules": more}, modules=["fast"])
    assert f"{BASE}/updates/fast.ko" in files
    assert f"{BASE}/kernel/bus.ko" in files
    other = tree(blobs, {"usr/lib/modules/5.0-other/fast.ko": module()})
    with pytest.raises(MicrosError) as caught:
        run(blobs, {"kernel": kernel(blobs), "fast-modules": other}, modules=["fast"])
    assert caught.value.kind is Kind.BAD_TREE


def test_firmware_comes_with_the_modules_that_ask_for_it_and_no_other(blobs: MemoryBlobs) -> None:
    firmware = tree(
        blobs,
        {
            "usr/lib/firmware/card/a.bin": "../store/real.bin",
            "usr/lib/firmware/store/real.bin": b"code",
            "usr/lib/firmware/other.bin": b"not asked for",
        },
    )
    trees = {"kernel": kernel(blobs), "firmware-x": firmware}
    files = run(blobs, trees, modules=["card"], firmware=["firmware-x"])
    assert files["usr/lib/firmware/store/real.bin"] == b"code"
    assert "usr/lib/firmware/other.bin" not in files
    lacking = Job(blobs, trees, {"modules": ["card", "other"], "firmware": ["firmware-x"]})
    assert json.loads(lacking.read(missing_firmware(lacking))) == {}
    without = Job(blobs, {"kernel": kernel(blobs)}, {"modules": ["card", "other"], "firmware": []})
    assert json.loads(without.read(missing_firmware(without))) == {"card": ["card/a.bin"], "other": ["other.bin"]}


def test_a_module_that_is_nowhere_is_an_error(blobs: MemoryBlobs) -> None:
    with pytest.raises(MicrosError) as caught:
        run(blobs, {"kernel": kernel(blobs)}, modules=["crad"])
    assert caught.value.kind is Kind.UNKNOWN_MODULE


def test_what_a_module_needs_is_loaded_before_it(blobs: MemoryBlobs) -> None:
    """modprobe takes the line of modules.dep from its end, whatever two modules need together."""
    needs = {"ahci": "libata,libahci", "libahci": "libata", "libata": "scsi_mod", "scsi_mod": "", "direct": "scsi_mod,libahci"}
    parts = tree(blobs, {f"{BASE}/{name}.ko": module(depends=text) for name, text in needs.items()})
    lines = run(blobs, {"kernel": parts}, modules=list(needs))[f"{BASE}/modules.dep"].decode().splitlines()
    found = {line.partition(".ko:")[0]: line.partition(":")[2].replace(".ko", "").split() for line in lines}
    for name, after in found.items():
        loaded = [*reversed(after), name]
        for at, one in enumerate(loaded):
            assert set(filter(None, needs[one].split(","))) <= set(loaded[:at])
