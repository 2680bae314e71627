"""`micros build FILE disk_image`: what the partitions hold, by the tools of the archive; formats; what is refused."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from micros.debian.tools import SANDBOX_PACKAGE, tools_tree
from micros.debian.universe import Settings, Universe
from micros.machine import host_machine
from micros.plan.artefacts.disk import QEMU_FORMATS, converted
from tests.conftest import Command

if TYPE_CHECKING:
    from pathlib import Path

    from micros.debian.tools import Toolbox
    from micros.store.scheduler import Scheduler
    from tests.conftest import Program

DATA = """\
[images.disk.data]
size = 48
label = "state"
files."etc/note" = { text = "kept from the beginning", mode = "0600" }
"""


@pytest.fixture(scope="module")
def micros(store_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """One directory for all tests: its lock is made once."""
    return Command(store_root, tmp_path_factory.mktemp("disk"))


@pytest.fixture(scope="module")
def sfdisk(program: Program) -> str:
    return program("fdisk", "sfdisk")


def built(micros: Command, text: str, *settings: str) -> Path:
    micros.write("disk.toml", text)
    done = micros("build", "disk.toml", "disk_image", *[word for one in settings for word in ("--set", one)])
    assert done.status == 0, done.err
    (image,) = (micros.directory / "result").glob("disk.*")
    return image


def partitions(sfdisk: str, image: Path, directory: Path, sector: int = 512) -> dict[str, Path]:
    """The partitions' contents as files, by label."""
    command = [sfdisk, "--sector-size", str(sector), "--json", str(image)]
    table: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["partitiontable"]
    found: dict[str, Path] = {}
    with image.open("rb") as stream:
        for number, entry in enumerate(table["partitions"]):
            stream.seek(entry["start"] * sector)
            path = directory / f"partition{number}"
            path.write_bytes(stream.read(entry["size"] * sector))
            found[entry.get("name", str(number))] = path
    return found


def test_each_partition_is_whole(micros: Command, program: Program, sfdisk: str, tmp_path: Path) -> None:
    image = built(micros, DATA)
    size = image.stat().st_size
    assert size % (1 << 20) == 0
    assert image.stat().st_blocks * 512 < size - (40 << 20), "the empty data partition takes room"
    subprocess.run([program("gdisk", "sgdisk"), "-v", image], check=True, capture_output=True)
    parts = partitions(sfdisk, image, tmp_path)
    assert list(parts) == ["ESP", "root", "state"]
    subprocess.run([program("dosfstools", "fsck.fat"), "-n", parts["ESP"]], check=True, capture_output=True)
    listing = subprocess.run(
        [program("mtools", "mdir"), "-/", "-b", "-i", parts["ESP"], "::"], check=True, capture_output=True, text=True
    ).stdout.split()
    assert listing == ["::/EFI/", "::/EFI/BOOT/", f"::/EFI/BOOT/BOOT{host_machine().efi}.EFI"]
    subprocess.run([program("squashfs-tools", "unsquashfs"), "-s", parts["root"]], check=True, capture_output=True)
    subprocess.run([program("e2fsprogs", "e2fsck"), "-n", "-f", parts["state"]], check=True, capture_output=True)
    about = subprocess.run([program("e2fsprogs", "tune2fs"), "-l", parts["state"]], check=True, capture_output=True, text=True)
    facts = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in about.stdout.splitlines())}
    assert facts["Filesystem volume name"] == "state"
    assert b"kept from the beginning" in parts["state"].read_bytes()
    assert facts["Filesystem created"] == "Thu Jan  1 00:00:01 1970"


@pytest.mark.parametrize("sector", [512, 4096])
def test_sizes_and_labels_that_are_given(micros: Command, sfdisk: str, tmp_path: Path, sector: int) -> None:
    settings = [f"images.disk.sector_size={sector}"]
    settings += ["images.disk.size=200", "images.disk.esp_size=60", "images.disk.root_size=20", "images.disk.esp_label='BOOT'"]
    blank = "[images.disk.data]\nsize = 48\nlabel = 'state'\nformat = 'blank'\n"
    image = built(micros, blank, *settings, "images.disk.root_label='system'")
    assert image.stat().st_size == 200 << 20
    parts = partitions(sfdisk, image, tmp_path, sector)
    sizes = {label: path.stat().st_size >> 20 for label, path in parts.items()}
    assert sizes == {"BOOT": 60, "system": 20, "state": 48}
    assert not any(parts["state"].read_bytes())


def test_a_loader_with_an_entry(micros: Command, program: Program, sfdisk: str, tmp_path: Path) -> None:
    image = built(micros, "", "images.disk.contents='loader'", "images.disk.table='mbr'")
    esp = partitions(sfdisk, image, tmp_path)["0"]
    entry = subprocess.run(
        [program("mtools", "mtype"), "-i", esp, "::/loader/entries/micros.conf"], check=True, capture_output=True, text=True
    ).stdout
    assert "linux /micros/kernel" in entry
    assert "root=PARTUUID=" in entry
    assert "-02\n" in entry


@pytest.mark.parametrize("kind", ["qcow2", "vmdk", "vhd"])
def test_formats_hold_the_same_disk(micros: Command, toolbox: Toolbox, tmp_path: Path, kind: str) -> None:
    raw = tmp_path / "raw"
    built(micros, "").rename(raw)
    image = built(micros, "", f"images.disk.format='{kind}'").rename(tmp_path / "image")
    name = QEMU_FORMATS[kind][0]
    compare = ["qemu-img", "compare", "-f", "raw", "-F", name, str(raw), str(image)]
    assert b"identical" in toolbox.run("qemu-utils", compare, readable=[tmp_path])


@pytest.mark.parametrize("kind", ["qcow2", "vmdk", "vhd"])
def test_a_format_is_the_same_bytes_whenever_it_is_made(scheduler: Scheduler, kind: str) -> None:
    tools = tools_tree(Universe(scheduler, host_machine(), None, Settings()).closure(["qemu-utils", SANDBOX_PACKAGE]))
    raw = scheduler.store.add_bytes(bytes(5 << 20) + b"content" * 100_000 + bytes(1 << 20))
    runs = [converted(tools, raw, kind, {"RUN": str(time.time_ns())}) for _ in range(2)]
    one, two = scheduler.run_all(runs)
    assert one == two
    assert scheduler.store.path(one).stat().st_size < 3 << 20


def test_what_does_not_fit_says_bytes(micros: Command) -> None:
    micros.write("disk.toml", DATA)
    for setting, words in (
        ("images.disk.size=30", ["state", "ESP", "root", str(30 << 20)]),
        ("images.disk.esp_size=2", [str(2 << 20), "BOOT"]),
        ("images.disk.root_size=1", [str(1 << 20), "root"]),
    ):
        micros.write("disk.toml", f"{setting}\n{DATA}")
        done = micros("build", "disk.toml", "disk_image", "--json")
        assert done.kinds == ["does-not-fit"]
        assert {"file": "disk.toml", "line": 1} in done.errors[0]["places"]
        for word in words:
            assert word in json.dumps(done.errors)
    micros.write("disk.toml", DATA)
    (micros.directory / "large").write_bytes(bytes(50 << 20))
    large = micros("build", "disk.toml", "disk_image", "--json", "--set", "images.disk.data.files.large.source='large'")
    assert large.kinds == ["does-not-fit"]
    assert f"{48 << 20} bytes, its files {(50 << 20) + 23}" in large.errors[0]["message"]
    files = micros("build", "disk.toml", "disk_image", "--json", "--set", "images.disk.data.format='blank'")
    assert files.kinds == ["assertion"]
    twice = micros("build", "disk.toml", "disk_image", "--json", "--set", "images.disk.root_label='state'")
    assert twice.kinds == ["assertion"]
    assert [place["line"] for place in twice.errors[0]["places"] if place["file"] == "disk.toml"] == [3]
    assert "data.label is state" in twice.errors[0]["message"]
    esp = micros("build", "disk.toml", "disk_image", "--json", "--set", "images.disk.root_label='esp'")
    assert esp.kinds == ["assertion"], "labels that differ in case alone"


def test_uki_is_a_target_of_its_own(micros: Command) -> None:
    micros.write("disk.toml", 'boot.kernel_params = ["root=/dev/sda2"]\n')
    done = micros("build", "disk.toml", "uki")
    assert done.status == 0, done.err
    data = (micros.directory / "result/uki.efi").read_bytes()
    assert data[:2] == b"MZ"
    assert b"root=/dev/sda2" in data
    assert b"PARTUUID" not in data.partition(b"root=/dev/sda2")[2][:100]
