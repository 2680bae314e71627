"""How small a system is, how soon its services are up, and what memory it uses: `python -m bench.guest`.

Booted under TCG (or KVM where that works) with Debian's kernel for virtual machines, 256 MiB and one processor, without the
guest's agent. The times are the guest's own: from the kernel's start of /init until a service that needs all others runs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from bench.measuring import figure

from micros import launch, system
from micros.debian.universe import Settings
from micros.modules import Micros, Service
from micros.plan.builder import Builder
from micros.run.vm import Vm
from micros.store.keeping import using
from micros.store.scheduler import Scheduler
from micros.store.store import Store, default_root
from micros.system import load

if TYPE_CHECKING:
    from micros.system import MicrosSystem

EXAMPLES = Path(__file__).parents[1] / "examples"
REPEATS = 3
REPORT = """\
read -r up rest </proc/uptime
sleep 3
echo "bench: $(dmesg | sed -n 's/^\\[ *\\([0-9.]*\\)\\] Run .init as.*/\\1/p') $up $(free | awk '/^Mem/ { print $3 }') end"
"""


def reporting(described: MicrosSystem) -> MicrosSystem:
    """The system with a service that needs all others and says when it started, and what memory is used a little later."""
    others = sorted(name for name, service in described.config[Micros].services.items() if service.enable)
    return described.extend(Micros(services={"report": Service(type="oneshot", dependencies=others, start_script=REPORT)}))


def measure(scheduler: Scheduler, name: str, described: MicrosSystem, size_mark: float, directory: Path) -> None:
    """Print the figures of one system."""
    builder = Builder(reporting(described).plan(), scheduler, directory / f"{name}.lock", Settings())
    artefacts = builder.build()
    guest = launch.guest_of(builder, artefacts, directory)
    size = sum(path.stat().st_size for path in (guest.root, guest.initrd) if path is not None)
    emulator = launch.emulator(scheduler, Settings(), guest, directory)
    seconds, memory = [], []
    for _ in range(REPEATS):
        with Vm(guest, emulator) as vm:
            vm.wait_for_console(b" end", timeout=120)
            found = re.search(r"bench: ([0-9.]+) ([0-9.]+) ([0-9]+) end", vm.log.decode(errors="replace"))
        assert found is not None
        seconds.append(float(found[2]) - float(found[1]))
        memory.append(int(found[3]))
    print(name)
    figure("  initrd + root.squashfs", size / 1e6, "MB", size_mark)
    figure(f"  from /init to all services up (least of {REPEATS})", min(seconds), "s", 2)
    figure(f"  memory used (least of {REPEATS})", min(memory) / 1000, "MB", 40)


def main() -> None:
    store = Store(default_root())
    scheduler = Scheduler(store)
    with using(store), launch.directory_for_sockets() as directory:
        measure(scheduler, "default", system(), 8, directory)
        measure(scheduler, "server", load(str(EXAMPLES / "server.py"))[0], 12, directory)
    scheduler.close()
    store.close()


if __name__ == "__main__":
    main()
