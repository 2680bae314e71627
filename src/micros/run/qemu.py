"""QEMU's command line for an artefact directory, and which accelerator works here.

The board is the plainest one that boots everything (see machine.py); no default devices, one virtio disk for the root, one
virtio network card behind QEMU's user-mode network, one random-number source, a serial port for the console; where asked
for, a virtio-serial port for the guest's agent, and a second card on an Ethernet segment.
"""

from __future__ import annotations

import os
import select
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from micros.machine import host_machine
from micros.run.agent import PORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from micros.machine import Machine

PROBE_SECONDS = 3.0
"""How long a kernel may take to its first line before an accelerator counts as dead."""
FIRST_WORD = "Linux version"
"""What that line says."""

PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-system-arm": "qemu-system-arm",
    "qemu-system-riscv64": "qemu-system-riscv",
}
"""Debian's package of each emulator."""


@dataclass(frozen=True, slots=True)
class Guest:
    """What to boot: paths of artefacts and the size of the machine."""

    machine: Machine
    kernel: Path
    initrd: Path | None
    root: Path
    """The image of the root file system, attached read-only as the first virtio disk."""
    cmdline: str
    memory_mib: int = 256
    cores: int = 1
    network: tuple[str, ...] = ()
    """Words of the user network (qemu(1), -netdev user), such as `hostfwd=tcp:127.0.0.1:8080-:80`."""
    disks: tuple[Path, ...] = ()
    """Raw images that the guest can write, attached as further virtio disks."""
    card: Card | None = None
    """A second network card."""
    agent: bool = False
    """Whether the guest runs an agent. The kernel keeps 4 MiB of buffers for each of its channels, so others have none."""

    @property
    def inputs(self) -> list[Path]:
        """The files that QEMU reads."""
        return [self.kernel, *([self.initrd] if self.initrd is not None else []), self.root]


@dataclass(frozen=True, slots=True)
class Card:
    """A network card on a segment that guests share (see run/segment.py). Datagrams on Unix sockets are its frames."""

    mac: str
    socket: Path
    """Where frames for the card arrive; QEMU makes it."""
    segment: Path
    """Where the card's frames go."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """QEMU as it is started here."""

    argv: tuple[str, ...]
    """The program's command line, before the guest's arguments."""
    directory: Path
    """Where it can make the socket of the agent's channel."""
    note: Path
    """A file that remembers a KVM that does not work."""


def arguments(guest: Guest, accelerator: str, *, sockets: Path | None = None) -> list[str]:
    """QEMU's arguments after the program's name. The console is on standard input and output.

    `sockets` is the directory in which the channels of the agent and of a shell are made: `agent` and `shell`.
    """
    argv = board(guest.machine, accelerator, guest.memory_mib, guest.cores)
    argv += ["-kernel", str(guest.kernel), "-append", guest.cmdline]
    argv += ["-initrd", str(guest.initrd)] if guest.initrd is not None else []
    if sockets is not None and guest.agent:
        argv += ["-device", "virtio-serial-pci"]
        for name, device in (("agent", f"virtserialport,chardev=agent,name={PORT}"), ("shell", "virtconsole,chardev=shell")):
            argv += ["-chardev", f"socket,id={name},path={_escaped(sockets / name)},server=on,wait=off", "-device", device]
    argv += ["-drive", f"if=none,id=root,format=raw,readonly=on,file={_escaped(guest.root)}"]
    argv += ["-device", "virtio-blk-pci,drive=root"]
    for number, path in enumerate(guest.disks):
        argv += ["-drive", f"if=none,id=disk{number},format=raw,file={_escaped(path)}"]
        argv += ["-device", f"virtio-blk-pci,drive=disk{number}"]
    argv += ["-netdev", ",".join(("user,id=net", *guest.network)), "-device", "virtio-net-pci,netdev=net,romfile="]
    if guest.card is not None:
        argv += _card(guest.card)
    argv += ["-device", "virtio-rng-pci"]
    return argv


def board(machine: Machine, accelerator: str, memory_mib: int, cores: int, more: str = "") -> list[str]:
    """The arguments of a bare machine: its board with `more` of its properties, processors, memory, a console."""
    argv = ["-M", machine.board + more, "-accel", accelerator]
    argv += ["-cpu", "host" if accelerator == "kvm" else "max", "-m", f"{memory_mib}M", "-smp", str(cores)]
    argv += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    return [*argv, "-chardev", "stdio,id=console,mux=on,signal=off", "-serial", "chardev:console", "-mon", "console"]


def from_network(
    machine: Machine, accelerator: str, memory_mib: int, cores: int, network: Sequence[str], served: Path
) -> list[str]:
    """The arguments of a machine that has a network card with iPXE on it, and nothing else to boot from.

    QEMU hands out the files of a directory by TFTP, of which iPXE starts `boot.ipxe`; what it says is shown on the console.
    """
    argv = board(machine, accelerator, memory_mib, cores, ",graphics=off")
    words = ("user,id=net", f"tftp={_escaped(served)}", "bootfile=boot.ipxe", *network)
    return [*argv, "-netdev", ",".join(words), "-device", "virtio-net-pci,netdev=net", "-device", "virtio-rng-pci"]


def _card(card: Card) -> list[str]:
    """A card's arguments (QEMU's manual: -netdev dgram)."""
    ends = f"local.type=unix,local.path={_escaped(card.socket)},remote.type=unix,remote.path={_escaped(card.segment)}"
    return ["-netdev", f"dgram,id=segment,{ends}", "-device", f"virtio-net-pci,netdev=segment,mac={card.mac},romfile="]


def accelerator_for(guest: Guest, emulator: Emulator) -> tuple[str, str]:
    """The accelerator to use, `kvm` or `tcg`, and why, for people.

    A device node proves nothing: a `/dev/kvm` that runs small code and hangs every kernel exists in the field. So the
    guest's own kernel must say a first word under it before it is trusted. That it did not is noted, and
    believed until the host is started again.
    """
    if guest.machine != host_machine():
        return "tcg", f"{guest.machine.name} is emulated on this {host_machine().name} host"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg", "no usable /dev/kvm"
    started = Path("/proc/sys/kernel/random/boot_id").read_text()
    if emulator.note.exists() and emulator.note.read_text() == started:
        return "tcg", "/dev/kvm exists, but no kernel spoke under it when it was last tried"
    match probe(guest, "kvm", emulator, PROBE_SECONDS):
        case "spoke":
            return "kvm", "/dev/kvm"
        case "ended":
            return "tcg", "QEMU does not run with /dev/kvm"
    emulator.note.write_text(started)
    return "tcg", f"/dev/kvm exists, but the kernel said nothing under it within {PROBE_SECONDS:g} s"


def probed(guest: Guest) -> Guest:
    """The guest as it is probed: its kernel is told to say everything, whatever its own command line wants, and no port is
    forwarded."""
    return replace(guest, cmdline=f"console={guest.machine.console} loglevel=7 panic=-1", network=(), card=None, disks=())


def probe(guest: Guest, accelerator: str, emulator: Emulator, seconds: float) -> Literal["spoke", "silent", "ended"]:
    """Whether the guest's kernel says its first word (`FIRST_WORD`) on the console in time, or QEMU ends before."""
    argv = [*emulator.argv, *arguments(probed(guest), accelerator)]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    deadline = time.monotonic() + seconds
    heard = b""
    try:
        while (left := deadline - time.monotonic()) > 0:
            if select.select([process.stdout], [], [], left)[0]:
                data = os.read(process.stdout.fileno(), 4096)
                heard += data
                if FIRST_WORD.encode() in heard:
                    return "spoke"
                if not data:
                    return "ended"
        return "silent"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _escaped(path: Path) -> str:
    """A path as a value in QEMU's option lists, where a comma is doubled."""
    return str(path).replace(",", ",,")
