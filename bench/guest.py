"""How small a system is, how soon its services are up, and what memory it uses: `python -m bench.guest`.

Booted under TCG (or KVM where that works) with Debian's kernel for virtual machines, 256 MiB and one processor. The time
is the guest's own clock, from the kernel's start of /init until a service that needs all others has started.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measuring import figure

from micros import system
from micros.modules import Micros, Service
from micros.system import load
from micros.testing import machine

if TYPE_CHECKING:
    from micros.system import MicrosSystem

EXAMPLES = Path(__file__).parents[1] / "examples"
REPEATS = 3


def last_of(described: MicrosSystem) -> MicrosSystem:
    """The system with a service that needs all others and writes down the time."""
    others = sorted(name for name, service in described.config[Micros].services.items() if service.enable)
    script = "cut -d' ' -f1 /proc/uptime >/run/all-are-up"
    return described.extend(Micros(services={"all-are-up": Service(type="oneshot", dependencies=others, start_script=script)}))


def measure(name: str, described: MicrosSystem, size_mark: float, directory: Path) -> None:
    """Print the figures of one system."""
    print(name)
    seconds, memory, size = [], [], 0
    for _ in range(REPEATS):
        with machine(last_of(described), lock=directory / f"{name}.lock") as guest:
            guest.wait_for_service("all-are-up")
            up = float(guest.succeed("cat /run/all-are-up"))
            handed = re.search(r"\[ *([0-9.]+)\] Run /init", guest.succeed("dmesg"))
            assert handed is not None
            seconds.append(up - float(handed[1]))
            memory.append(int(guest.succeed("free | awk '/Mem/ { print $3 }'")))
            size = sum(path.stat().st_size for path in (guest.vm.guest.root, guest.vm.guest.initrd) if path is not None)
    figure("  initrd + root.squashfs", size / 1e6, "MB", size_mark)
    figure(f"  /init to all services up (least of {REPEATS})", min(seconds), "s", 2)
    figure(f"  memory used (least of {REPEATS})", min(memory) / 1024, "MiB", 40)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        measure("default", system(), 8, Path(name))
        measure("server", load(str(EXAMPLES / "server.py"))[0], 12, Path(name))


if __name__ == "__main__":
    main()
