"""`micros build FILE image`: what the ISO holds, by xorriso; options; what is refused."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from micros.run.flash import fits
from tests.conftest import Command, Program

SYSTEM = """\
system.name = "box"
profiles.iso_image.enable = true
"""


@pytest.fixture(scope="module")
def micros(store_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """One directory for all tests: its lock is made once."""
    return Command(store_root, tmp_path_factory.mktemp("iso"))


@pytest.fixture(scope="module")
def xorriso(program: Program) -> str:
    return program("xorriso", "xorriso")


def built(micros: Command, text: str, *settings: str) -> Path:
    micros.write("box.toml", text)
    done = micros("build", "box.toml", "image", *[word for one in settings for word in ("--set", one)])
    assert done.status == 0, done.err
    assert "no package gives" not in done.err
    (image,) = (micros.directory / "result").glob("*.iso")
    return image


def extracted(xorriso: str, image: Path, target: Path) -> dict[str, Path]:
    argv: list[str | Path] = [xorriso, "-indev", image, "-osirrox", "on", "-extract", "/", target]
    subprocess.run(argv, check=True, capture_output=True)
    return {str(path.relative_to(target)): path for path in target.rglob("*") if path.is_file()}


def test_one_file_for_every_firmware(micros: Command, xorriso: str, program: Program, tmp_path: Path) -> None:
    image = built(micros, SYSTEM)
    assert image.name == "box.iso"
    files = extracted(xorriso, image, tmp_path / "out")
    assert {"root.squashfs", "micros/kernel", "micros/initrd", "micros/medium", "isolinux/isolinux.bin"} <= files.keys()
    assert {"EFI/BOOT/BOOTX64.EFI", "loader/loader.conf", "boot/grub/loopback.cfg"} <= files.keys()
    number = files["micros/medium"].read_text().strip()
    for menu in ("isolinux/isolinux.cfg", "loader/entries/micros-0.conf", "boot/grub/loopback.cfg"):
        assert f"medium={number}" in files[menu].read_text()
    contents = sum(path.stat().st_size for path in files.values())
    assert image.stat().st_size < contents + (3 << 20), "the kernel lies there twice"
    subprocess.run([program("gdisk", "sgdisk"), "-v", image], check=True, capture_output=True)
    assert fits(image, Path("/dev/sdx"), 64 << 20, 512) != []
    built(micros, SYSTEM)
    assert image.stat().st_size == built(micros, SYSTEM).stat().st_size


def test_names_menu_and_files(micros: Command, xorriso: str, tmp_path: Path) -> None:
    text = SYSTEM + (
        '[images.iso]\ncontents = "loader"\n[images.iso.files]\n"docs/README.TXT" = { text = "hello\\n", mode = "0600" }\n'
        '[[images.iso.entries]]\ntitle = "quietly"\nparams = ["quiet", "boot.trace"]\n'
        '[isoImage]\nisoName = "other name.iso"\nvolumeID = "OTHER_1"\nappendToMenuLabel = " installer"\n'
        "[boot.loader]\ntimeout = 7\n"
    )
    image = built(micros, text, "images.iso.max_size=200", "images.iso.bios_loader=['isolinux','syslinux-common']")
    assert image.name == "other name.iso"
    assert image.read_bytes()[16 * 2048 + 40 :][:32].rstrip() == b"OTHER_1"
    files = extracted(xorriso, image, tmp_path / "out")
    assert files["docs/README.TXT"].read_text() == "hello\n"
    menu = files["isolinux/isolinux.cfg"].read_text()
    assert "TIMEOUT 70\n" in menu
    assert "MENU LABEL MicrOS (box) installer, quietly\n" in menu
    assert re.search(r"^APPEND console=tty0 .* quiet boot.trace medium=", menu, re.MULTILINE)
    assert "timeout 7\n" in files["loader/loader.conf"].read_text()
    assert 'menuentry "MicrOS (box) installer, quietly"' in files["boot/grub/loopback.cfg"].read_text()


@pytest.mark.parametrize(
    ("settings", "has", "has_not"),
    [
        (["images.iso.contents='uki'"], {"EFI/BOOT/BOOTX64.EFI"}, {"isolinux", "micros/kernel", "loader"}),
        (["images.iso.make_bios_bootable=false", "images.iso.timeout=0"], {"micros/kernel"}, {"isolinux"}),
        (["images.iso.make_efi_bootable=false", "images.iso.make_usb_bootable=false"], {"micros/kernel", "isolinux"}, {"EFI"}),
    ],
)
def test_one_firmware_alone(
    micros: Command, xorriso: str, tmp_path: Path, settings: list[str], has: set[str], has_not: set[str]
) -> None:
    image = built(micros, SYSTEM, *settings)
    files = extracted(xorriso, image, tmp_path / "out")
    found = {name for name in has | has_not if any(path == name or path.startswith(f"{name}/") for path in files)}
    assert found == has
    assert (image.read_bytes()[512:520] == b"EFI PART") == ("images.iso.make_usb_bootable=false" not in settings)


def problems(micros: Command, text: str, *settings: str) -> list[dict[str, Any]]:
    micros.write("box.toml", text)
    done = micros("build", "box.toml", "image", "--json", *[word for one in settings for word in ("--set", one)])
    assert done.status in (1, 2)
    return done.errors


@pytest.mark.parametrize(
    ("text", "kind", "line", "words"),
    [
        ("images.iso.make_bios_bootable = true\nplatform.host = 'aarch64-linux'", "assertion", 3, "aarch64 has no BIOS"),
        ("images.iso.make_bios_bootable = true\nimages.iso.contents = 'uki'", "assertion", 3, "unified kernel image"),
        ("images.iso.make_bios_bootable = false\nimages.iso.make_efi_bootable = false", "assertion", 3, "neither"),
        ("images.iso.entries = []", "assertion", 3, "menu"),
        ("profiles.iso_image.label = 'too-long and small'", "wrong-type", 3, "capitals"),
        (f"images.iso.volume_id = '{'A' * 33}'", "wrong-type", 3, "at most 32"),
        ("images.iso.iso_name = 'a/b.iso'", "wrong-type", 3, "file name"),
    ],
)
def test_what_cannot_be_says_where(micros: Command, text: str, kind: str, line: int, words: str) -> None:
    (problem,) = problems(micros, f"{SYSTEM}{text}\n")
    assert problem["kind"] == kind
    assert words in json.dumps(problem)
    assert line in [place["line"] for place in problem["places"]]


def test_what_does_not_fit_says_bytes(micros: Command) -> None:
    (problem,) = problems(micros, SYSTEM, "images.iso.max_size=4")
    assert problem["kind"] == "does-not-fit"
    assert str(4 << 20) in json.dumps(problem)
    assert "/root.squashfs" in json.dumps(problem)


def test_a_root_that_is_on_no_medium(micros: Command) -> None:
    (problem,) = problems(micros, "")
    assert problem["kind"] == "usage"
    assert "profiles.iso_image" in problem["hint"]


def test_a_loader_that_its_packages_do_not_have(micros: Command) -> None:
    (problem,) = problems(micros, SYSTEM, "images.iso.bios_loader=['isolinux']")
    assert problem["kind"] == "missing-file"
    assert "menu.c32" in json.dumps(problem)
