"""The script that grows a partition: what it leaves is a table, also where power fails between or within its writes."""

from __future__ import annotations

import json
import struct
import subprocess
import uuid
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from micros.formats.gpt import Partition, table_sectors, tables
from micros.formats.mbr import MbrPartition, mbr
from micros.modules.storage.grow import GROW
from tests.modules.problems import problems

if TYPE_CHECKING:
    from micros.debian.tools import Toolbox
    from tests.conftest import Program

MIB = 1 << 20
RUN = """\
say() { echo "$*"; }
put_whole() { dd if="$3" of="$1" bs="$logical" seek="$2" conv=notrunc,fsync 2>/dev/null; }
put() {
    count=$((count + 1))
    if [ "$count" = "$stop" ]; then
        [ -z "$torn" ] || { head -c "$logical" "$3" >"$work/half"; put_whole "$1" "$2" "$work/half"; }
        exit 9
    fi
    put_whole "$@"
}
"""


@pytest.fixture(scope="module")
def programs(toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the programs of stage 1."""
    directory = tmp_path_factory.mktemp("busybox")
    busybox = toolbox.root(["busybox-static"]) / "usr/bin/busybox"
    for name in subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split():
        (directory / name).symlink_to(busybox)
    return directory


class Disk:
    """A disk of 8 MiB with three partitions, that has become one of 32 MiB."""

    def __init__(self, path: Path, logical: int, *, is_gpt: bool = True) -> None:
        self.path, self.logical, self.sectors, unit = path, logical, 32 * MIB // logical, MIB // logical
        places = [(unit, unit), (2 * unit, 2 * unit), (4 * unit, 3 * unit)]
        ids = [uuid.UUID(int=number + 1) for number in range(3)]
        partitions = [Partition(f"p{n}", uuid.UUID(int=99), ids[n], *place) for n, place in enumerate(places)]
        head, tail = tables(partitions, 8 * MIB // logical, logical, uuid.UUID(int=7))
        if not is_gpt:
            head, tail = mbr([MbrPartition(0x83, *place) for place in places], 77), b""
        with path.open("wb") as stream:
            stream.write(head)
            stream.seek(8 * MIB - len(tail))
            stream.write(tail)
            stream.truncate(32 * MIB)
        self.before = self.seen() if is_gpt else []

    def grow(self, programs: Path, how: str = "grow_gpt", stop: int = 0, torn: str = "", which: int = 3) -> int:
        work = self.path.with_name("work")
        work.mkdir(exist_ok=True)
        text = f"{GROW}\n{RUN}\ncount=0 stop={stop} torn={torn} work={work} logical={self.logical} unit={MIB // self.logical}\n"
        text += f"{how} {self.path} {which} {self.sectors} {MIB // self.logical}\n"
        command = [str(programs / "sh"), "-c", text]
        return subprocess.run(command, env={"PATH": str(programs)}, capture_output=True, check=False).returncode

    def seen(self) -> list[tuple[int, int]]:
        """First and last sectors, as Linux reads them: the header in sector 1 counts, if both checksums are right."""
        with self.path.open("rb") as stream:
            stream.seek(self.logical)
            header = stream.read(92)
            assert header[:8] == b"EFI PART"
            assert zlib.crc32(header[:16] + bytes(4) + header[20:]) == struct.unpack_from("<I", header, 16)[0]
            other, first, last = struct.unpack_from("<QQQ", header, 32)
            at, count, size, checksum = struct.unpack_from("<QIII", header, 72)
            stream.seek(at * self.logical)
            entries = stream.read(count * size)
            assert zlib.crc32(entries) == checksum
            stream.seek(other * self.logical)
            assert stream.read(8) == b"EFI PART", "the other header is not where the first one says"
        found = [struct.unpack_from("<QQ", entries, 128 * number + 32) for number in range(3)]
        assert all(first <= begins <= ends <= last for begins, ends in found)
        return found


@pytest.mark.parametrize("logical", [512, 4096])
def test_a_gpt_grows_and_grows_again(programs: Path, program: Program, tmp_path: Path, logical: int) -> None:
    disk = Disk(tmp_path / "disk", logical)
    for size in (32, 48, 64):  # the table changes its place each time
        with disk.path.open("r+b") as stream:
            stream.truncate(size * MIB)
        disk.sectors = size * MIB // logical
        assert disk.grow(programs) == 0
        usable = disk.sectors - table_sectors(logical)
        unit = MIB // logical
        assert disk.seen() == [*disk.before[:2], (disk.before[2][0], usable // unit * unit - 1)]
        command = [program("fdisk", "sfdisk"), "--sector-size", str(logical), "--verify", str(disk.path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "No errors detected" in done.stdout, done.stdout + done.stderr
    if logical == 512:
        said = subprocess.run([program("gdisk", "sgdisk"), "-v", disk.path], capture_output=True, text=True, check=True).stdout
        assert "No problems found" in said
    assert disk.grow(programs) == 1, "there is nothing more to grow into"


@pytest.mark.parametrize("torn", ["", "1"], ids=["before", "within"])
@pytest.mark.parametrize("stop", range(1, 6))
def test_power_fails(programs: Path, tmp_path: Path, stop: int, torn: str) -> None:
    """The table of before counts until the fourth write, of one sector, is done."""
    disk = Disk(tmp_path / "disk", 512)
    assert disk.grow(programs, stop=stop, torn=torn) == 9
    is_new = stop > 4 or (stop == 4 and torn == "1")
    assert (disk.seen() == disk.before) != is_new
    assert disk.grow(programs) == (1 if is_new else 0)  # at the next boot
    assert disk.seen() != disk.before


def test_an_mbr_grows_in_one_write(programs: Path, program: Program, tmp_path: Path) -> None:
    disk = Disk(tmp_path / "disk", 512, is_gpt=False)
    assert disk.grow(programs, "grow_mbr", stop=2) == 0
    done = subprocess.run([program("fdisk", "sfdisk"), "--json", disk.path], capture_output=True, check=True)
    entries = json.loads(done.stdout)["partitiontable"]["partitions"]
    assert [(entry["start"], entry["size"]) for entry in entries] == [(2048, 2048), (4096, 4096), (8192, 32 * 2048 - 8192)]
    assert disk.grow(programs, "grow_mbr") == 1


def test_what_cannot_be(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "[boot]\ngrowPartition = true\n")
    assert "storage.data is not enabled" in found.message
    assert [where.line for where in found.places] == [2]
    text = '[boot]\ngrow_partition = true\n[storage.data]\nenable = true\nfs_type = "f2fs"\n'
    assert any("'f2fs' cannot grow" in one.message for one in problems(tmp_path, text))
