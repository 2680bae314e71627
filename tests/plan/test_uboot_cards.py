"""Cards of boards that U-Boot starts: what their processors and loaders read is there, file by file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from micros.base.tree import File
from micros.debian.universe import Settings, Universe
from micros.machine import machine_named
from tests.archive import run, settings_of
from tests.plan.cards import Card, check_allwinner, check_am335x, check_menu

if TYPE_CHECKING:
    from micros.store.scheduler import Scheduler
    from tests.conftest import Command, Program

SYSTEM = '[micros.services.hello]\nstart_script = "exec sleep infinity"\n'


@pytest.fixture
def mcopy(program: Program) -> str:
    return program("mtools", "mcopy")


def loader(scheduler: Scheduler, settings: Settings, machine: str, package: str, path: str) -> bytes:
    """A file of a package of U-Boot."""
    found = Universe(scheduler, machine_named(machine), None, settings).closure([package])
    entry = scheduler.store.tree(found.trees[package])[f"usr/lib/u-boot/{path}"]
    assert isinstance(entry, File)
    return scheduler.store.read(entry.digest)


def card(micros: Command, settings: Settings, mcopy: str, machine: str, board: str) -> Card:
    """The card of a board, built."""
    micros.write("board.toml", SYSTEM)
    words = ["--set", f"platform.host={machine}-linux", "--set", f"boards.{board}.enable=true"]
    done = run(micros, settings, "build", "board.toml", "sd_image", *words)
    assert done.status == 0, done.err
    return Card(micros.directory / "result/card.img", mcopy)


def test_pine64(micros: Command, scheduler: Scheduler, mcopy: str) -> None:
    settings = settings_of(scheduler, "aarch64")
    made = card(micros, settings, mcopy, "aarch64", "pine64")
    program = loader(scheduler, settings, "aarch64", "u-boot-sunxi", "pine64_plus/u-boot-sunxi-with-spl.bin")
    check_allwinner(made, program)
    check_menu(made, "aarch64", b"pine64,pine64-plus", program)


def test_cubieboard(micros: Command, scheduler: Scheduler, mcopy: str) -> None:
    settings = settings_of(scheduler, "armv7l")
    made = card(micros, settings, mcopy, "armv7l", "cubieboard")
    program = loader(scheduler, settings, "armv7l", "u-boot-sunxi", "Cubieboard/u-boot-sunxi-with-spl.bin")
    check_allwinner(made, program)
    check_menu(made, "armv7l", b"cubietech,a10-cubieboard", program)


def test_beaglebone_black(micros: Command, scheduler: Scheduler, mcopy: str) -> None:
    settings = settings_of(scheduler, "armv7l")
    made = card(micros, settings, mcopy, "armv7l", "beaglebone_black")
    first, second = (
        loader(scheduler, settings, "armv7l", "u-boot-omap", f"am335x_boneblack/{name}") for name in ("MLO", "u-boot.img")
    )
    assert (made.file("MLO"), made.file("u-boot.img")) == (first, second)
    check_am335x(made, first)
    check_menu(made, "armv7l", b"ti,am335x-bone-black", second)


def test_what_is_no_card_says_why(micros: Command) -> None:
    micros.write("board.toml", SYSTEM)
    arm = ["--set", "platform.host=aarch64-linux", "--set", "boards.pine64.enable=true"]

    def refused(*words: str) -> dict[str, Any]:
        done = micros("build", "board.toml", "sd_image", "--json", *words)
        assert done.status in (1, 2)
        (problem,) = done.errors
        return problem

    small = refused(*arm, "--set", "images.sd.size=8")
    assert small["kind"] == "does-not-fit"
    assert "the disk has 8388608 bytes" in small["message"]
    assert any("bytes  BOOT" in note for note in small["notes"])
    wrong = refused("--set", "platform.host=riscv64-linux", "--set", "boards.pine64.enable=true")
    assert wrong["kind"] == "assertion"
    assert "a Pine A64+ does not run riscv64-linux" in wrong["message"]
    both = refused(*arm, "--set", "boards.qemu_virt.enable=true")
    assert "Pine A64+ and QEMU virt cannot share a card" in both["message"]
    assert refused()["kind"] == "usage"


OWN = """\
from micros import system
from micros.modules import Boards, Platform
from micros.modules.boards.facts import Board, BoardKernel

kernel = BoardKernel("linux-image-arm64", device_trees=("sun50i-a64-pine.dtb",))
mine = system(
    Platform(host="aarch64-linux"),
    Boards(chosen=[Board(option="boards.chosen", name="Mine", machines=("aarch64",), kernel=kernel, console="ttyS1,9600")]),
)
"""


def test_a_device_tree_that_the_kernel_lacks_is_named_with_those_near_it(micros: Command) -> None:
    micros.write("own.py", OWN)
    done = micros("build", "own.py", "sd_image", "--json")
    (problem,) = done.errors
    assert problem["kind"] == "missing-file"
    assert "sun50i-a64-pine.dtb" in problem["message"]
    assert "sun50i-a64-pine64.dtb" in problem["hint"]
    assert micros("build", "own.py", "cmdline").status == 0
    assert (micros.directory / "result/cmdline").read_text().split()[0] == "console=ttyS1,9600"


def test_a_build_says_whether_the_board_was_ever_booted(micros: Command) -> None:
    micros.write("board.toml", SYSTEM)
    done = micros("build", "board.toml", "sd_image", "--set", "platform.host=aarch64-linux", "--set", "boards.pine64.enable=true")
    assert "Pine A64+: built, not booted" in done.err
