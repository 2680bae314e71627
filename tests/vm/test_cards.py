"""Cards of boards that QEMU has: the board is given the card and its firmware, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from micros.machine import machine_named
from micros.run.qemu import PACKAGES
from tests.archive import run, settings_of
from tests.vm.firmware import Uefi, heard_from

if TYPE_CHECKING:
    from micros.debian.tools import Toolbox
    from micros.store.scheduler import Scheduler
    from tests.conftest import Command

SYSTEM = """\
[micros.services.report]
start_script = '''
device=$(sed -n 's/^\\(.*\\) \\/ squashfs.*/\\1/p' /proc/mounts)
echo "root of $device on $(uname -m), $(tr -d '\\0' </proc/device-tree/compatible): up"
exec sleep infinity
'''
"""


UP = b": up\r\n"
"""How the service's line ends."""


def card(micros: Command, scheduler: Scheduler, machine: str, board: str, mebibytes: int) -> Path:
    """A card, built. QEMU takes cards whose size is a power of two."""
    micros.write("board.toml", SYSTEM)
    words = [f"platform.host={machine}-linux", f"boards.{board}.enable=true", f"images.sd.size={mebibytes}"]
    arguments = [word for one in words for word in ("--set", one)]
    done = run(micros, settings_of(scheduler, machine), "build", "board.toml", "sd_image", *arguments)
    assert done.status == 0, done.err
    return micros.directory / "result/card.img"


def started(toolbox: Toolbox, machine: str, image: Path, directory: Path, *words: str, readable: list[Path]) -> str:
    """What a board says on its console, up to the service's line."""
    emulator = machine_named(machine).qemu
    root = toolbox.root([PACKAGES[emulator]])
    argv = [emulator, *words, "-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    argv += ["-serial", "stdio"]
    command = toolbox.sandbox(root).command(
        root, argv, readable=[image, *readable], writable=[directory], environment={"TMPDIR": str(directory)}
    )
    return heard_from(command, [UP]).decode(errors="replace")


def test_a_cubieboard_starts_from_its_card(micros: Command, scheduler: Scheduler, toolbox: Toolbox, tmp_path: Path) -> None:
    image = card(micros, scheduler, "armv7l", "cubieboard", 64)
    words = ["-M", "cubieboard", "-m", "512", "-drive", f"if=sd,format=raw,snapshot=on,file={image}"]
    console = started(toolbox, "armv7l", image, tmp_path, *words, readable=[])
    assert "U-Boot SPL" in console
    assert "root of /dev/mmcblk0p2 on armv7l, cubietech,a10-cubieboard" in console, console


@pytest.mark.slow
def test_u_boot_starts_virt_from_its_card(micros: Command, scheduler: Scheduler, toolbox: Toolbox, tmp_path: Path) -> None:
    image = card(micros, scheduler, "aarch64", "qemu_virt", 64)
    u_boot = toolbox.root(["u-boot-qemu"]) / "usr/lib/u-boot/qemu_arm64/u-boot.bin"
    drive = f"if=none,id=card,format=raw,snapshot=on,file={image}"
    words = [
        "-M",
        "virt",
        "-cpu",
        "max",
        "-m",
        "512",
        "-bios",
        str(u_boot),
        "-drive",
        drive,
        "-device",
        "virtio-blk-pci,drive=card",
    ]
    console = started(toolbox, "aarch64", image, tmp_path, *words, readable=[u_boot])
    assert "U-Boot" in console
    assert "root of /dev/vda2 on aarch64, linux,dummy-virt" in console, console


@pytest.mark.slow
def test_uefi_starts_virt_from_its_card(micros: Command, scheduler: Scheduler, toolbox: Toolbox, tmp_path: Path) -> None:
    image = card(micros, scheduler, "aarch64", "qemu_virt", 64)
    console = Uefi(toolbox, tmp_path, "aarch64").boot(image, [UP]).decode(errors="replace")
    assert "root of /dev/vda2 on aarch64" in console, console


@pytest.mark.slow
@pytest.mark.parametrize(("machine", "device", "disk"), [
    ("x86_64", "nvme,serial=1", "nvme0n1p2"),
    ("aarch64", "virtio-blk-pci", "vda2"),
])  # fmt: skip
def test_uefi_starts_any_machine(
    micros: Command, scheduler: Scheduler, toolbox: Toolbox, tmp_path: Path, machine: str, device: str, disk: str
) -> None:
    image = card(micros, scheduler, machine, "generic_uefi", 128)
    console = Uefi(toolbox, tmp_path, machine).boot(image, [UP], device=device).decode(errors="replace")
    assert f"root of /dev/{disk} on {machine}" in console, console
