"""Which accelerator is believed: the guest's own kernel says so, whatever its command line hides."""

from __future__ import annotations

from pathlib import Path

import pytest

from micros.debian.tools import Toolbox
from micros.machine import machine_named
from micros.run.qemu import Emulator, Guest, accelerator_for, probe
from tests.conftest import Command

PATIENCE_SECONDS = 60.0


@pytest.fixture
def guest(micros: Command) -> Guest:
    micros.write("box.toml", 'platform.host = "x86_64-linux"\nboot.kernel_params = ["quiet"]\n')
    assert micros("build", "box.toml").status == 0
    result = micros.directory / "result"
    cmdline = (result / "cmdline").read_text().strip()
    machine = machine_named("x86_64")
    return Guest(
        machine, result / "kernel", result / "initrd", result / "root.squashfs", cmdline, network=("hostfwd=tcp:127.0.0.1:1-:1",)
    )


def emulator(tmp_path: Path, *argv: str) -> Emulator:
    return Emulator(argv, tmp_path, tmp_path / "note")


def test_a_kernel_is_heard_though_its_own_command_line_is_quiet(guest: Guest, toolbox: Toolbox, tmp_path: Path) -> None:
    root = toolbox.root(["qemu-system-x86"])
    argv = toolbox.sandbox(root).command(root, ["qemu-system-x86_64"], readable=guest.inputs, network=True)
    assert probe(guest, "tcg", emulator(tmp_path, *argv), PATIENCE_SECONDS) == "spoke"
    assert probe(guest, "tcg", emulator(tmp_path, *argv), 0.0) == "silent"


def test_an_emulator_that_ends_says_nothing_about_kvm(guest: Guest, tmp_path: Path) -> None:
    broken = emulator(tmp_path, "/bin/false")
    assert probe(guest, "kvm", broken, PATIENCE_SECONDS) == "ended"
    assert accelerator_for(guest, broken)[0] == "tcg"
    assert not broken.note.exists()
