"""Secure Boot: a machine starts what its keys have signed, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from micros.machine import host_machine
from tests.conftest import Command
from tests.vm.firmware import Uefi
from tests.vm.secure import SecureUefi

if TYPE_CHECKING:
    from pathlib import Path

    from micros.debian.tools import Toolbox

pytestmark = pytest.mark.skipif(host_machine().name != "x86_64", reason="OVMF is for x86_64")

SYSTEM = """\
[micros.services.report]
start_script = "echo a service of a signed system; exec sleep infinity"
"""
REFUSED = b"Access Denied"


@pytest.fixture(scope="module")
def micros(store_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """One directory for all tests, with keys and with others."""
    made = Command(store_root, tmp_path_factory.mktemp("signed"))
    for name in ("ours", "theirs"):
        assert made("keys", name, "--directory", name).status == 0
    made.write("signed.toml", SYSTEM)
    return made


@pytest.fixture
def machine(micros: Command, toolbox: Toolbox, tmp_path: Path) -> Uefi:
    return SecureUefi(toolbox, tmp_path, micros.directory / "ours")


def image(micros: Command, *settings: str) -> Path:
    done = micros("build", "signed.toml", "disk_image", *[word for text in settings for word in ("--set", text)])
    assert done.status == 0, done.err
    return micros.directory / "result/disk.img"


def test_a_signed_program_boots(micros: Command, machine: Uefi) -> None:
    console = machine.boot(image(micros, 'boot.secure_boot.keys="ours"'), [b"a service of a signed system"])
    assert b"a service of a signed system" in console, console.decode(errors="replace")
    assert b"UEFI Secure Boot is enabled" in console, "the kernel does not see it"


@pytest.mark.parametrize("settings", [(), ('boot.secure_boot.keys="theirs"',)], ids=["unsigned", "signed by others"])
def test_others_are_refused(micros: Command, machine: Uefi, settings: tuple[str, ...]) -> None:
    console = machine.boot(image(micros, *settings), [REFUSED])
    assert REFUSED in console, console.decode(errors="replace")
    assert b"Linux version" not in console


@pytest.mark.slow
def test_a_signed_loader_and_kernel_boot(micros: Command, machine: Uefi) -> None:
    settings = ('boot.secure_boot.keys="ours"', 'images.disk.contents="loader"')
    console = machine.boot(image(micros, *settings), [b"a service of a signed system"])
    assert b"a service of a signed system" in console, console.decode(errors="replace")
