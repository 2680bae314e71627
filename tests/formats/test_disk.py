"""Partition tables and disk images, checked by sgdisk and sfdisk, contents compared byte by byte."""

from __future__ import annotations

import json
import subprocess
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.formats.trees import MemoryBlobs, MemoryJob, noise

from micros.base.errors import Kind, MicrosError
from micros.base.tree import Tree
from micros.formats.disk import cmdline, partition_uuid, write
from micros.formats.gpt import Partition, tables
from micros.formats.mbr import MbrPartition, mbr

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Program

ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"


@pytest.fixture(scope="session")
def sgdisk(program: Program) -> str:
    return program("gdisk", "sgdisk")


@pytest.fixture(scope="session")
def sfdisk(program: Program) -> str:
    return program("fdisk", "sfdisk")


def disk(path: Path, contents: dict[str, bytes], **parameters: Any) -> bytes:
    """A disk image at `path / "disk"`; contents by label."""
    path.mkdir()
    blobs = MemoryBlobs()
    slots = [{"label": label, "guid": ESP if label == "ESP" else LINUX, "mbr_type": 0xEF if label == "ESP" else 0x83}
             for label in contents]  # fmt: skip
    job = MemoryJob(path, Tree.of([]), blobs, {"partitions": slots, **parameters})
    job.inputs = {label: job.put(data) for label, data in contents.items() if data}
    data = job.read(write(job))
    (path / "disk").write_bytes(data)
    return data


CONTENTS = {"ESP": noise(3_000_000), "root": noise(1_048_576, 1), "data": b""}


def test_gpt_of_small_sectors(sgdisk: str, sfdisk: str, tmp_path: Path) -> None:
    data = disk(tmp_path / "one", CONTENTS)
    said = subprocess.run([sgdisk, "-v", tmp_path / "one/disk"], capture_output=True, text=True, check=True).stdout
    assert "No problems found" in said, said
    listed = subprocess.run([sgdisk, "-i", "2", tmp_path / "one/disk"], capture_output=True, text=True, check=True).stdout
    assert "Partition name: 'root'" in listed
    subprocess.run([sfdisk, "--verify", tmp_path / "one/disk"], check=True, capture_output=True)
    assert data == disk(tmp_path / "two", CONTENTS)


@pytest.mark.parametrize("table", ["gpt", "mbr"])
@pytest.mark.parametrize("sector", [512, 4096])
def test_tables_say_where_contents_are(sfdisk: str, tmp_path: Path, table: str, sector: int) -> None:
    data = disk(tmp_path / "one", CONTENTS, table=table, sector_bytes=sector, identity="root")
    command: list[str | Path] = [sfdisk, "--sector-size", str(sector), "--json", tmp_path / "one/disk"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not done.stderr
    found = json.loads(done.stdout)["partitiontable"]
    assert found["label"] == {"gpt": "gpt", "mbr": "dos"}[table]
    assert found["sectorsize"] == sector
    assert len(data) % (1 << 20) == 0
    identity = str(partition_uuid("root", MemoryBlobs().put(CONTENTS["root"])))
    for number, (entry, (label, content)) in enumerate(zip(found["partitions"], CONTENTS.items(), strict=True)):
        at = entry["start"] * sector
        assert at % (1 << 20) == 0
        assert data[at : at + len(content)] == content
        assert entry["size"] * sector >= max(len(content), 1)
        if table == "gpt":
            assert entry["name"] == label
            assert entry["type"].lower() == (ESP if label == "ESP" else LINUX)
            assert (entry["uuid"].lower() == identity) == (number == 1)
    if table == "mbr":
        assert found["id"] == f"0x{identity[:8]}"


def test_both_tables_are_whole_each_by_itself(sgdisk: str, tmp_path: Path) -> None:
    data = disk(tmp_path / "one", CONTENTS)
    path = tmp_path / "cut"
    for start in (512, len(data) - 512):
        path.write_bytes(data[:start] + bytes(512) + data[start + 512 :])
        done = subprocess.run([sgdisk, "-i", "3", path], capture_output=True, text=True, check=False)
        assert "Partition name: 'data'" in done.stdout


def test_the_kernel_is_told_where_its_root_is(tmp_path: Path) -> None:
    job = MemoryJob(tmp_path, Tree.of([]), MemoryBlobs(), {})
    job.inputs = {"root": job.put(CONTENTS["root"])}
    identity = str(partition_uuid("root", job.inputs["root"]))
    for table, name in (("gpt", identity), ("mbr", identity[:8] + "-02")):
        job.parameters = {"text": "console=ttyS0", "table": table, "label": "root", "number": 2}
        assert job.read(cmdline(job)) == f"console=ttyS0 root=PARTUUID={name}\n".encode()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 3_000_000), min_size=1, max_size=6), sector=st.sampled_from([512, 4096]))
def test_any_partitions_are_found_again(
    sfdisk: str, tmp_path_factory: pytest.TempPathFactory, sizes: list[int], sector: int
) -> None:
    path = tmp_path_factory.mktemp("disks") / "one"
    contents = {f"part {number}": noise(size, number) for number, size in enumerate(sizes)}
    data = disk(path, contents, sector_bytes=sector)
    command: list[str | Path] = [sfdisk, "--sector-size", str(sector), "--json", path / "disk"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["partitiontable"]["partitions"]
    assert [entry["name"] for entry in found] == list(contents)
    for entry, content in zip(found, contents.values(), strict=True):
        assert data[entry["start"] * sector :][: len(content)] == content


def refused(tmp_path: Path, contents: dict[str, bytes], **parameters: Any) -> MicrosError:
    with pytest.raises(MicrosError) as caught:
        disk(tmp_path / "refused", contents, **parameters)
    return caught.value


def test_a_disk_too_small_names_its_parts(tmp_path: Path) -> None:
    found = refused(tmp_path, CONTENTS, size_bytes=4 << 20)
    assert found.kind == Kind.DOES_NOT_FIT
    need = (1 + 3 + 1 + 1) * (1 << 20) + 33 * 512
    for text in ("4194304", str(need), "ESP", "root", "data", "partition table"):
        assert text in str(found)


def test_a_content_larger_than_its_partition(tmp_path: Path) -> None:
    slots = [{"label": "ESP", "guid": ESP, "mbr_type": 0xEF, "size_bytes": 1 << 20}]
    found = refused(tmp_path, {"ESP": noise(3_000_000)}, partitions=slots)
    assert found.kind == Kind.DOES_NOT_FIT
    assert "3000000" in str(found)


def test_a_disk_of_half_a_sector(tmp_path: Path) -> None:
    assert refused(tmp_path, CONTENTS, size_bytes=(8 << 20) + 512, sector_bytes=4096).kind == Kind.USAGE


def test_what_a_gpt_cannot_hold_is_all_said() -> None:
    kind, one, two = uuid.UUID(LINUX), uuid.uuid4(), uuid.uuid4()
    with pytest.raises(MicrosError) as caught:
        tables(
            [
                Partition("a", kind, one, 2048, 2048),
                Partition("a", kind, two, 4096, 2048),
                Partition("b", kind, one, 6144, 1),
                Partition("c", kind, uuid.uuid4(), 6144, 1),
                Partition("outside", kind, uuid.uuid4(), 8000, 193),
                Partition("x" * 37, kind, uuid.uuid4(), 7000, 1),
            ],
            8192,
            512,
            uuid.uuid4(),
        )
    kinds = [problem.kind for problem in caught.value.problems]
    assert kinds == [Kind.NOT_UNIQUE, Kind.NOT_UNIQUE, Kind.CLASH, Kind.DOES_NOT_FIT, Kind.DOES_NOT_FIT]


def test_what_an_mbr_cannot_hold() -> None:
    with pytest.raises(MicrosError) as caught:
        mbr([*[MbrPartition(0x83, 2048 * number, 1) for number in range(1, 5)], MbrPartition(0x83, 1 << 32, 1)], 1)
    assert [problem.kind for problem in caught.value.problems] == [Kind.DOES_NOT_FIT, Kind.DOES_NOT_FIT]


def with_blobs(path: Path, blobs: dict[str, tuple[int, bytes]], table: str = "mbr") -> bytes:
    """A disk with one partition and something before it, by name."""
    path.mkdir()
    slot = {"label": "root", "guid": LINUX, "mbr_type": 0x83}
    places = {name: at for name, (at, _) in blobs.items()}
    job = MemoryJob(path, Tree.of([]), MemoryBlobs(), {"table": table, "partitions": [slot], "blobs": places})
    job.inputs = {name: job.put(data) for name, (_, data) in blobs.items()} | {"root": job.put(noise(1000))}
    return job.read(write(job))


def test_loaders_lie_before_the_partitions(tmp_path: Path) -> None:
    first, second = noise(30_000, 2), noise((1 << 20) - 65_536, 3)
    data = with_blobs(tmp_path / "disk", {"second": (65_536, second), "first": (512, first)})
    assert data[512:30_512] == first
    assert data[65_536 : 1 << 20] == second
    assert data[1 << 20 :][:1000] == noise(1000)
    assert data[510:512] == b"\x55\xaa"


@pytest.mark.parametrize(("table", "blobs", "words"), [
    ("mbr", {"spl": (0, b"x")}, ("spl", "byte 0", "byte 512")),
    ("gpt", {"spl": (8192, b"x")}, ("spl", "byte 8192", "byte 17408")),
    ("mbr", {"one": (512, bytes(1000)), "two": (1024, b"x")}, ("two", "one", "byte 1512")),
    ("mbr", {"spl": (1 << 19, bytes((1 << 19) + 1))}, ("spl", "byte 1048577", "byte 1048576")),
])  # fmt: skip
def test_a_loader_that_runs_into_something_is_refused(
    tmp_path: Path, table: str, blobs: dict[str, tuple[int, bytes]], words: tuple[str, ...]
) -> None:
    with pytest.raises(MicrosError) as caught:
        with_blobs(tmp_path / "disk", blobs, table)
    assert caught.value.kind == Kind.DOES_NOT_FIT
    assert all(word in str(caught.value) for word in words)
