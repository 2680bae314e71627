"""ISO images start to services: by BIOS and UEFI, from CDs and sticks, beside others of their label, as a file on a disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from micros.base.tree import File, Tree
from micros.debian.tools import Toolbox
from micros.formats.fat import Volume, write_fat
from micros.machine import host_machine
from micros.store.store import Store
from tests.conftest import Command
from tests.vm.media import Player

pytestmark = pytest.mark.skipif(host_machine().name != "x86_64", reason="PCs are emulated on a PC only")

SYSTEM = """\
profiles.iso_image.enable = true
[micros.services.report]
start_script = '''
echo "root $(grep -o 'overlay rw' /proc/mounts), medium $(grep ' /iso ' /proc/mounts | cut -d' ' -f1-4)"
echo "words $(tr ' ' '\\n' </proc/cmdline | grep -e ^console= -e ^copytoram -e ^findiso | xargs), release $(uname -r)"
read -r greeting </iso/more/greeting
echo "$greeting, of system @; end"
exec sleep infinity
'''
[images.iso.files]
"more/greeting" = { text = "the service is up\\n" }
"""
SERIAL = 'boot.console="ttyS0"'
DOWN = b"\x1b[B"


@pytest.fixture(scope="module")
def micros(store_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """One directory for all tests, with a lock that is made once."""
    return Command(store_root, tmp_path_factory.mktemp("iso"))


@pytest.fixture
def player(toolbox: Toolbox, micros: Command) -> Player:
    return Player(toolbox, micros.directory)


def built(micros: Command, name: str, *settings: str) -> Path:
    """The ISO of a system of this name."""
    micros.write("box.toml", SYSTEM.replace("@", name))
    settings = (f"images.iso.iso_name={json.dumps(name + '.iso')}", *settings)
    done = micros("build", "box.toml", "image", "-o", name, *[word for text in settings for word in ("--set", text)])
    assert done.status == 0, done.err
    return micros.directory / name / f"{name}.iso"


def test_by_bios_from_a_cd_between_others_of_its_label(micros: Command, player: Player) -> None:
    other, ours = built(micros, "other", SERIAL), built(micros, "ours", SERIAL)
    console = player.boot("bios", [("cd", other), ("cd", ours), ("cd", other)], [b"; end"], first=1)
    assert "the service is up, of system ours" in console, console
    assert "has the label of another medium than ours" in console
    assert "root overlay rw, medium /dev/sr1 /iso iso9660 ro," in console
    assert "cloud" not in console, "a kernel for all hardware"


def test_by_uefi_from_a_stick(micros: Command, player: Player) -> None:
    console = player.boot("uefi", [("stick", built(micros, "ours", SERIAL))], [b"; end"])
    assert "the service is up, of system ours" in console, console
    assert "medium /dev/sda /iso iso9660 ro," in console


@pytest.mark.slow
@pytest.mark.parametrize(("firmware", "place"), [("bios", "disk"), ("bios", "stick"), ("uefi", "cd"), ("uefi", "disk")])
def test_other_ways(micros: Command, player: Player, firmware: str, place: str) -> None:
    console = player.boot(firmware, [(place, built(micros, "ours", SERIAL))], [b"; end"])
    assert "the service is up, of system ours" in console, console


@pytest.mark.slow
@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_the_menu_offers_the_serial_line(micros: Command, player: Player, firmware: str) -> None:
    """By itself the profile's console is the screen, which nobody sees here."""
    keys = [(b"on the serial line", DOWN), (b"", DOWN), (b"", b"\r")]
    console = player.boot(firmware, [("cd", built(micros, "screen"))], [b"; end"], typed=keys)
    assert "the service is up, of system screen" in console, console
    assert "words console=tty0 console=ttyS0,115200, release" in console


@pytest.mark.slow
def test_the_menu_offers_a_copy_in_memory(micros: Command, player: Player) -> None:
    keys = [(b"copied to memory", DOWN), (b"", b"\r")]
    console = player.boot("bios", [("cd", built(micros, "ours", SERIAL))], [b"; end"], typed=keys)
    assert "words console=ttyS0 copytoram, release" in console, console
    assert "medium \r\n" in console, "the medium can go"


@pytest.mark.slow
def test_uefi_starts_one_program(micros: Command, player: Player) -> None:
    iso = built(micros, "single", SERIAL, 'images.iso.contents="uki"')
    console = player.boot("uefi", [("cd", built(micros, "other", SERIAL)), ("cd", iso)], [b"; end"], first=1)
    assert "the service is up, of system single" in console, console


@pytest.mark.slow
def test_grub_starts_it_as_a_file(micros: Command, player: Player, toolbox: Toolbox, store_root: Path) -> None:
    """A disk with a GRUB, as another system has it, and two ISOs of ours of one name in different directories."""
    grub = toolbox.root(["grub-efi-amd64-unsigned"]) / "usr/lib/grub/x86_64-efi/monolithic/grubx64.efi"
    text = b"""\
set iso_path=/isos/ours.iso
export iso_path
loopback loop $iso_path
set root=(loop)
configfile /boot/grub/loopback.cfg
"""
    contents = {
        "EFI/BOOT/BOOTX64.EFI": grub.read_bytes(),
        "EFI/debian/grub.cfg": text,
        "isos/ours.iso": built(micros, "ours", SERIAL).read_bytes(),
    }
    disk = micros.directory / "disk.img"
    store = Store(store_root)
    try:
        tree = Tree.of((path, File(store.add_bytes(data), len(data))) for path, data in contents.items())
        with disk.open("w+b") as stream:
            write_fat(tree, store, stream, Volume(label="STICK"))
    finally:
        store.close()
    console = player.boot("uefi", [("cd", built(micros, "other", SERIAL)), ("disk", disk)], [b"; end"], first=1,
                          typed=[(b"copied to memory", b"\r")])  # fmt: skip
    assert "the service is up, of system ours" in console, console
    assert "findiso=/isos/ours.iso" in console


@pytest.mark.slow
def test_another_architecture(micros: Command, toolbox: Toolbox) -> None:
    iso = built(micros, "arm", 'platform.host="aarch64-linux"', 'boot.console="ttyAMA0"')
    console = Player(toolbox, micros.directory, "aarch64").boot("uefi", [("scsi-cd", iso)], [b"; end"])
    assert "the service is up, of system arm" in console, console
