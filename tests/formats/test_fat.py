"""FAT file systems, checked by fsck.fat, read back by mtools."""

from __future__ import annotations

import io
import os
import random
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.formats.trees import MemoryBlobs, MemoryJob, noise

from micros.base.errors import Kind, MicrosError
from micros.base.tree import Device, Directory, File, Symlink, Tree
from micros.formats.fat import Geometry, Volume, write, write_fat

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Program

    from micros.base.tree import Entry


@pytest.fixture(scope="session")
def fsck(program: Program) -> str:
    return program("dosfstools", "fsck.fat")


@pytest.fixture(scope="session")
def mtools(program: Program) -> dict[str, str]:
    return {name: program("mtools", name) for name in ("mcopy", "mlabel")}


def image(path: Path, tree: Tree, blobs: MemoryBlobs, volume: Volume | None = None) -> Geometry:
    with path.open("w+b") as out:
        return write_fat(tree, blobs, out, volume or Volume())


def checked(fsck: str, path: Path) -> str:
    done = subprocess.run([fsck, "-n", "-v", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def content_of(directory: Path) -> dict[str, bytes | None]:
    """Every file below a directory, and None for each directory."""
    found: dict[str, bytes | None] = {}
    for path in directory.rglob("*"):
        found[str(path.relative_to(directory))] = None if path.is_dir() else path.read_bytes()
    return found


def expected(tree: Tree, blobs: MemoryBlobs) -> dict[str, bytes | None]:
    return {path: blobs.read(entry.digest) if isinstance(entry, File) else None for path, entry in tree.items()}


def extracted(mtools: dict[str, str], path: Path, target: Path) -> dict[str, bytes | None]:
    target.mkdir()
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    subprocess.run([mtools["mcopy"], "-s", "-n", "-i", path, "::*", target], env=environment, check=True, capture_output=True)
    return content_of(target)


_letters = st.characters(exclude_characters='"*/:<>?\\|\x7f', exclude_categories=["Cs", "Cc", "Cn", "Co"], max_codepoint=0x2FF)
_names = st.one_of(
    st.sampled_from(["KERNEL.IMG", "kernel.img", "A", "Long name with spaces.txt", ".hidden", "a.b.c", "a" * 255, "x+y.conf"]),
    st.text("abAB.~1_", min_size=1, max_size=14),
    st.text(_letters, min_size=1, max_size=40),
).filter(lambda name: name[-1] not in " ." and name[0] != " ")
_sizes = st.sampled_from([0, 1, 511, 512, 513, 4095, 4096, 4097, 20_000])


@st.composite
def fat_trees(draw: st.DrawFn) -> tuple[Tree, MemoryBlobs]:
    """A tree of files and directories whose names FAT holds, none of them equal but for case."""
    blobs = MemoryBlobs()
    directories = [""]
    entries: dict[str, Entry] = {}
    folded: set[str] = set()
    for number in range(draw(st.integers(0, 30))):
        path = f"{draw(st.sampled_from(directories))}/{draw(_names)}".lstrip("/")
        if path.casefold() in folded or path.upper() in folded:
            continue
        folded |= {path.casefold(), path.upper()}
        if draw(st.booleans()):
            entries[path] = blobs.file(noise(draw(_sizes), number))
        else:
            entries[path] = Directory()
            directories.append(path)
    return Tree.of(entries.items()), blobs


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=fat_trees(), sector=st.sampled_from([512, 4096]), bits=st.sampled_from([0, 12, 16]))
def test_fsck_finds_nothing_and_the_reader_finds_all(
    fsck: str, tmp_path: Path, made: tuple[Tree, MemoryBlobs], sector: int, bits: int
) -> None:
    tree, blobs = made
    path, again = tmp_path / "one", tmp_path / "two"
    volume = Volume(sector_bytes=sector, bits=bits)
    image(path, tree, blobs, volume)
    image(again, tree, blobs, volume)
    checked(fsck, path)
    assert read(path.read_bytes()) == expected(tree, blobs)
    assert path.read_bytes() == again.read_bytes()


NAMES = ("EFI/BOOT/BOOTX64.EFI", "kernel7.img", "overlays/vc4-kms-v3d.dtbo", "Ein langer Name mit Ümläuten.txt", "a.b.c", ".x")


def sample() -> tuple[Tree, MemoryBlobs]:
    blobs = MemoryBlobs()
    entries: dict[str, Entry] = {name: blobs.file(noise(70_000 + number, number)) for number, name in enumerate(NAMES)}
    entries["empty"] = blobs.file(b"")
    entries["zeros"] = blobs.file(bytes(3_000_000))
    entries["a directory/of nothing"] = Directory()
    entries |= {f"many/a long name, number {number}": blobs.file(b"%d" % number) for number in range(300)}
    return Tree.of(entries.items()), blobs


@pytest.mark.parametrize(
    ("volume", "bits"),
    [
        (Volume(), 16),
        (Volume(bits=12), 12),
        (Volume(size_bytes=40 << 20), 16),
        (Volume(size_bytes=64 << 20, bits=32, label="MICROS"), 32),
        (Volume(size_bytes=600 << 20), 32),
        (Volume(size_bytes=32 << 20, sector_bytes=4096, label="A LABEL"), 16),
        (Volume(size_bytes=300 << 20, sector_bytes=4096, bits=32), 32),
    ],
    ids=str,
)
def test_mtools_reads_it(fsck: str, mtools: dict[str, str], tmp_path: Path, volume: Volume, bits: int) -> None:
    tree, blobs = sample()
    path = tmp_path / "image"
    found = image(path, tree, blobs, volume)
    assert found.bits == bits
    size = path.stat().st_size
    assert size == (volume.size_bytes or size)
    assert size % (1 << 20) == 0
    assert path.stat().st_blocks * 512 < 6_000_000, "zeros take room on the disk"
    report = checked(fsck, path)
    assert f"{bits} bit entries" in report
    if volume.sector_bytes == 512:  # what mtools knows
        assert extracted(mtools, path, tmp_path / "out") == expected(tree, blobs)
        label = subprocess.run([mtools["mlabel"], "-s", "-i", path, "::"], capture_output=True, text=True, check=True).stdout
        assert (volume.label or "has no label") in label
    else:
        assert read(path.read_bytes()) == expected(tree, blobs)


def test_size_is_computed_close_to_what_the_contents_need(fsck: str, tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    for size in (0, 1, 900_000, 1_040_000, 4_190_000, 16_000_000):
        tree = Tree.of({"file": blobs.file(noise(size))}.items())
        path = tmp_path / f"{size}"
        image(path, tree, blobs)
        assert size < path.stat().st_size <= size + (2 << 20)
        checked(fsck, path)


@pytest.mark.parametrize("bits", [12, 16, 32])
def test_a_full_file_system(fsck: str, tmp_path: Path, bits: int) -> None:
    blobs = MemoryBlobs()
    size = {12: 1 << 20, 16: 20 << 20, 32: 64 << 20}[bits]
    room = image(tmp_path / "empty", Tree.of([]), blobs, Volume(size_bytes=size, bits=bits))
    clusters = room.clusters - (bits == 32)
    full = noise(clusters * room.cluster_bytes)
    image(tmp_path / "full", Tree.of({"F": blobs.file(full)}.items()), blobs, Volume(size_bytes=size, bits=bits))
    checked(fsck, tmp_path / "full")
    assert read((tmp_path / "full").read_bytes()) == {"F": full}
    more = Tree.of({"F": blobs.file(full), "G": blobs.file(b"x")}.items())
    with pytest.raises(MicrosError) as caught:
        image(tmp_path / "over", more, blobs, Volume(size_bytes=size, bits=bits))
    assert caught.value.kind == Kind.DOES_NOT_FIT
    assert str(len(full) + room.cluster_bytes) in str(caught.value)
    assert "/F" in str(caught.value)


def refused(tmp_path: Path, tree: Tree, volume: Volume | None = None) -> MicrosError:
    with pytest.raises(MicrosError) as caught:
        image(tmp_path / "refused", tree, MemoryBlobs(), volume)
    return caught.value


def test_what_fat_cannot_hold_is_all_said_at_once(tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    empty = blobs.file(b"")
    entries: dict[str, Entry] = {
        "big": File(empty.digest, 1 << 32),
        "a:b": empty,
        "dot.": empty,
        "\udcff": empty,
        "dir/Name": empty,
        "dir/name": empty,
        "link": Symlink("big"),
        "null": Device("c", 1, 3),
    }
    found = refused(tmp_path, Tree.of(entries.items())).problems
    assert {problem.kind for problem in found} == {Kind.DOES_NOT_FIT, Kind.BAD_TREE, Kind.CLASH}
    text = "\n".join(problem.message for problem in found)
    assert len(found) == 7
    assert "/big has 4294967296 bytes" in text
    assert "/dir/Name and /dir/name are one name" in text
    for name in ("'/a:b'", "'/dot.'", "/link", "/null"):
        assert name in text


@pytest.mark.parametrize("label", ["lower", "TWELVE CHARS", "A/B", "É", " A"])
def test_labels_that_cannot_be(tmp_path: Path, label: str) -> None:
    assert refused(tmp_path, Tree.of([]), Volume(label=label)).kind == Kind.USAGE


def test_sizes_that_no_kind_has(tmp_path: Path) -> None:
    assert refused(tmp_path, Tree.of([]), Volume(size_bytes=8 << 20, bits=32)).kind == Kind.DOES_NOT_FIT
    assert refused(tmp_path, Tree.of([]), Volume(size_bytes=1 << 30, bits=12)).kind == Kind.DOES_NOT_FIT
    large = Tree.of((f"{number}", File(MemoryBlobs().put(b""), 1 << 30)) for number in range(3))
    assert refused(tmp_path, large, Volume(bits=16)).kind == Kind.DOES_NOT_FIT
    assert refused(tmp_path, Tree.of([]), Volume(size_bytes=1000)).kind == Kind.USAGE
    assert refused(tmp_path, Tree.of([]), Volume(size_bytes=512)).kind == Kind.DOES_NOT_FIT


def test_a_content_that_is_not_what_the_tree_says(tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    good = blobs.file(noise(5000))
    blobs.contents[good.digest] = noise(5000, 1)
    with pytest.raises(MicrosError) as caught:
        image(tmp_path / "image", Tree.of({"f": good}.items()), blobs)
    assert caught.value.kind == Kind.DAMAGED


def test_step_program(tmp_path: Path, fsck: str) -> None:
    tree, blobs = sample()
    job = MemoryJob(tmp_path, tree, blobs, {"size_bytes": 33 << 20, "label": "BOOT", "volume_id": 0x1234_ABCD})
    path = tmp_path / "image"
    path.write_bytes(job.read(write(job)))
    checked(fsck, path)
    assert path.read_bytes()[39:54] == b"\xcd\xab\x34\x12BOOT       "


def test_many_names_alike_get_an_alias_each(fsck: str, tmp_path: Path) -> None:
    blobs = MemoryBlobs()
    names = [f"a name that is alike {number}.text" for number in range(2000)]
    random.Random(1).shuffle(names)
    tree = Tree.of((f"d/{name}", blobs.file(b"")) for name in names)
    image(tmp_path / "image", tree, blobs)
    checked(fsck, tmp_path / "image")
    assert len(read((tmp_path / "image").read_bytes())) == 2001


def read(data: bytes) -> dict[str, bytes | None]:
    """A reader of its own, after the specification: every file's content, None for directories."""

    def number(at: int, count: int) -> int:
        return int.from_bytes(data[at : at + count], "little")

    sector, cluster_sectors, reserved, roots = number(11, 2), data[13], number(14, 2), number(17, 2)
    sectors, fat = number(19, 2) or number(32, 4), number(22, 2) or number(36, 4)
    assert sectors * sector == len(data)
    root_at = (reserved + 2 * fat) * sector
    data_at = root_at + -(-roots * 32 // sector) * sector
    size = cluster_sectors * sector
    count = (len(data) - data_at) // size
    bits = 12 if count < 4085 else 16 if count < 65525 else 32
    table = data[reserved * sector : (reserved + fat) * sector]
    assert table == data[(reserved + fat) * sector : root_at]

    def following(cluster: int) -> int:
        if bits == 12:
            pair = int.from_bytes(table[cluster * 3 // 2 : cluster * 3 // 2 + 2], "little")
            return pair >> 4 if cluster % 2 else pair & 0xFFF
        step = bits // 8
        return int.from_bytes(table[cluster * step : (cluster + 1) * step], "little") & 0x0FFF_FFFF

    def chain(cluster: int) -> bytes:
        found = io.BytesIO()
        while 2 <= cluster < (1 << min(bits, 28)) - 8:
            found.write(data[data_at + (cluster - 2) * size : data_at + (cluster - 1) * size])
            cluster = following(cluster)
        return found.getvalue()

    contents: dict[str, bytes | None] = {}

    def directory(prefix: str, listing: bytes) -> None:
        long = b""
        for at in range(0, len(listing), 32):
            record = listing[at : at + 32]
            if not record[0]:
                return
            if record[11] == 0x0F:
                long = record[1:11] + record[14:26] + record[28:32] + long
                continue
            short = record[:8].rstrip() + (b"." + record[8:11] if record[8:11].strip() else b"")
            name = long.decode("utf-16-le").partition("\0")[0].rstrip("\uffff") if long else short.decode().rstrip()
            long = b""
            if record[11] & 8 or name in (".", ".."):
                continue
            first = int.from_bytes(record[26:28], "little") | int.from_bytes(record[20:22], "little") << 16
            if record[11] & 0x10:
                contents[prefix + name] = None
                directory(prefix + name + "/", chain(first))
            else:
                contents[prefix + name] = chain(first)[: int.from_bytes(record[28:32], "little")]

    directory("", data[root_at:data_at] if bits != 32 else chain(number(44, 4)))
    return contents
