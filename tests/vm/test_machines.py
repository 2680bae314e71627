"""Systems of other architectures than this machine's: QEMU's `virt` boards boot them, from parts and from a disk by UEFI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.archive import run, settings_of
from tests.vm.firmware import Uefi

if TYPE_CHECKING:
    from pathlib import Path

    from micros.debian.tools import Toolbox
    from micros.store.scheduler import Scheduler
    from tests.conftest import Command

SYSTEM = """\
[micros.services.report]
start_script = '''
device=$(sed -n 's/^\\(.*\\) \\/ squashfs.*/\\1/p' /proc/mounts)
echo "root of $device on $(uname -m), $(tr ' ' '\\n' </proc/cmdline | grep -c ^root=PARTUUID=) by name."
exec sleep infinity
'''
"""
OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in ("armv7l", "riscv64")]


def settings(machine: str) -> list[str]:
    """Arguments of `micros` for a system of a machine."""
    return ["--set", f"platform.host={machine}-linux"]


@pytest.mark.parametrize("machine", ["aarch64", *OTHERS])
def test_it_runs_to_a_service(micros: Command, scheduler: Scheduler, machine: str) -> None:
    micros.write("box.toml", SYSTEM)
    wait = "sv -w 20 check /etc/service/report; uname -m; head -c 5 /bin/busybox | tail -c 1 | od -An -tu1"
    done = run(micros, settings_of(scheduler, machine), "run", "box.toml", "-v", *settings(machine), "-c", wait)
    assert done.status == 0, done.err
    assert f"root of /dev/vda on {machine}, 0 by name." in done.err
    bits = {"armv7l": "1"}.get(machine, "2")
    assert done.out.split()[-2:] == [machine, bits]


@pytest.mark.slow
@pytest.mark.parametrize("machine", ["aarch64", "armv7l", "riscv64"])
def test_uefi_boots_its_disk(micros: Command, scheduler: Scheduler, toolbox: Toolbox, tmp_path: Path, machine: str) -> None:
    micros.write("box.toml", SYSTEM)
    done = run(micros, settings_of(scheduler, machine), "build", "box.toml", "disk_image", *settings(machine))
    assert done.status == 0, done.err
    console = Uefi(toolbox, tmp_path, machine).boot(micros.directory / "result/disk.img", [b"by name."])
    assert f"root of /dev/vda2 on {machine}, 1 by name." in console.decode(errors="replace"), console
