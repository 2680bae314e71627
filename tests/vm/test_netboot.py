"""Machines without a disk boot from the network, by the iPXE that is on QEMU's network card."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from micros.debian.tools import Toolbox
from micros.machine import host_machine
from tests.conftest import Command
from tests.run.serving import Server
from tests.vm.network_boot import Diskless

pytestmark = pytest.mark.skipif(host_machine().name != "x86_64", reason="iPXE of network cards is for x86_64")

SYSTEM = """\
[micros.services.report]
start_script = '''
echo "root of $(sed -n 's/^\\(.*\\) \\/ squashfs.*/\\1/p' /proc/mounts), $(grep -c netroot= /proc/cmdline) fetched, $(
grep -o asked=[a-z]* /proc/cmdline)"
exec sleep infinity
'''
[images.netboot]
kernel_params = ["asked=yes"]
"""


@pytest.fixture(scope="module")
def micros(store_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    command = Command(store_root, tmp_path_factory.mktemp("netboot"))
    command.write("box.toml", SYSTEM)
    return command


@pytest.fixture
def machine(toolbox: Toolbox, tmp_path: Path) -> Diskless:
    return Diskless(toolbox, tmp_path)


CARRIED = b"root of /dev/loop0, 0 fetched, asked=yes"
FETCHED = b"root of /dev/loop0, 1 fetched, asked=yes"


def test_the_initrd_carries_the_root_by_tftp(micros: Command, machine: Diskless) -> None:
    assert micros("build", "box.toml", "netboot").status == 0
    console = machine.boot("bootfile=boot.ipxe", [CARRIED], micros.directory / "result")
    assert CARRIED in console, console.decode(errors="replace")


def test_the_initrd_fetches_the_root_by_http(micros: Command, machine: Diskless, tmp_path: Path) -> None:
    assert micros("build", "box.toml", "netboot", "--set", 'images.netboot.root="fetched"').status == 0
    with Server(micros.directory / "result") as server:
        console = machine.boot(f"bootfile={server.http_of_guests}boot.ipxe", [FETCHED], tmp_path)
        server.said("GET /root.squashfs 200")
    assert FETCHED in console, console.decode(errors="replace")


@pytest.mark.slow
def test_the_initrd_fetches_the_root_by_tftp_from_where_it_is_told(micros: Command, machine: Diskless, tmp_path: Path) -> None:
    made = micros.directory / "elsewhere"
    made.mkdir()
    with Server(made) as server:
        url = f"tftp://10.0.2.2:{server.tftp}"
        settings = ["--set", 'images.netboot.root="fetched"', "--set", f'images.netboot.url="{url}"']
        assert micros("build", "box.toml", "netboot", *settings).status == 0
        for path in (micros.directory / "result").iterdir():
            shutil.copy(path, made)
        console = machine.boot(f"bootfile={url}/boot.ipxe", [FETCHED], tmp_path)
        server.said("root.squashfs: sent")
    assert FETCHED in console, console.decode(errors="replace")


@pytest.mark.slow
def test_uefi_starts_ipxe_which_finds_its_script(micros: Command, machine: Diskless) -> None:
    assert micros("build", "box.toml", "ftpdir").status == 0
    console = machine.boot_by_uefi("bootfile=ipxe.efi", [CARRIED], micros.directory / "result")
    assert CARRIED in console, console.decode(errors="replace")
    assert b"autoexec.ipxe... ok" in console


@pytest.mark.slow
def test_ipxe_as_a_kernel_with_the_script_as_its_initrd(micros: Command, machine: Diskless) -> None:
    assert micros("build", "box.toml", "ftpdir").status == 0
    result = micros.directory / "result"
    loaded = ("-kernel", f"{result}/ipxe.lkrn", "-initrd", f"{result}/boot.ipxe")
    console = machine.boot("hostname=box", [CARRIED], result, *loaded, rom=False)
    assert CARRIED in console, console.decode(errors="replace")


def test_what_a_server_hands_out(micros: Command) -> None:
    assert micros("build", "box.toml", "ftpdir").status == 0
    result = micros.directory / "result"
    names = {path.name for path in result.iterdir()} - {".micros"}
    boot = {"kernel", "initrd", "netboot-ramdisk", "root.squashfs", "boot.ipxe", "carried.ipxe", "fetched.ipxe"}
    programs = {"ipxe.efi", "undionly.kpxe", "ipxe.lkrn", "autoexec.ipxe"}
    assert names == boot | programs
    assert (result / "boot.ipxe").read_bytes() == (result / "carried.ipxe").read_bytes()
    digest = hashlib.sha256((result / "root.squashfs").read_bytes()).hexdigest()
    assert f" netroot_sha256={digest} " in (result / "fetched.ipxe").read_text()
    assert (result / "netboot-ramdisk").read_bytes().startswith((result / "initrd").read_bytes())
    assert micros("build", "box.toml", "ipxe", "-o", "ipxe").status == 0
    assert {path.name for path in (micros.directory / "ipxe").iterdir()} - {".micros"} == programs
    assert micros("build", "box.toml", "ipxe_script", "-o", "script").status == 0
    assert (micros.directory / "script/boot.ipxe").read_bytes() == (result / "boot.ipxe").read_bytes()
    assert micros("build", "box.toml", "netbootRamdisk", "-o", "ramdisk").status == 0
    assert (micros.directory / "ramdisk/netboot-ramdisk").stat().st_size == (result / "netboot-ramdisk").stat().st_size


def test_drivers_and_programs_that_do_not_exist_are_named(micros: Command) -> None:
    done = micros("build", "box.toml", "netboot", "--set", 'images.netboot.drivers=["e1001"]', "--json")
    assert done.kinds == ["unknown-module"]
    assert "images.netboot.drivers" in done.errors[0]["message"]
    done = micros("build", "box.toml", "ipxe", "--set", 'images.netboot.ipxe="busybox"', "--json")
    assert done.kinds == ["missing-file"]
    assert "images.netboot.ipxe" in done.errors[0]["hint"]


def test_words_that_ipxe_would_cut_are_refused(micros: Command) -> None:
    done = micros("build", "box.toml", "ipxe_script", "--set", 'images.netboot.kernel_params=["a=b", "||"]', "--json")
    assert done.kinds == ["usage"]
