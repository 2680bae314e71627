"""Shell scripts that start a system in QEMU anywhere: the command line of `micros run`, on what lies beside the script."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from micros.machine import machine_named
from micros.run.qemu import FIRST_WORD, PACKAGES, PROBE_SECONDS, Guest, arguments, from_network, probed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from micros.base.digest import Digest
    from micros.base.step import Job

TEMPLATE = Path(__file__).with_name("runvm.sh").read_text()
_VARIABLE = re.compile(r"\x01([a-z]+)\x01")
"""Stands for a variable of the script; no word of ours has such characters."""
HERE, LISTED, NOW, TEMPORARY = (Path(f"\x01{name}\x01") for name in ("here", "listed", "now", "temporary"))
"""The script's directory, alone and as part of a list of QEMU's; the user's, and one that vanishes, as parts of lists."""


def runvm(job: Job) -> Digest:
    """Step program: the script that boots the files `kernel`, `root.squashfs` and perhaps `initrd` beside it.

    Parameters: `name`, `machine`, `memory_mib`, `cores`, `network`, `disks` (MiB and file, as
    `virtualisation.disks` has them), `cmdline`, `initrd`, whether there is one.
    """
    given = job.parameters
    guest = Guest(
        machine=machine_named(given["machine"]),
        kernel=HERE / "kernel",
        initrd=HERE / "initrd" if given["initrd"] else None,
        root=LISTED / "root.squashfs",
        cmdline=given["cmdline"],
        memory_mib=given["memory_mib"],
        cores=given["cores"],
        network=tuple(given["network"]),
        disks=tuple(_listed(number, name) for number, (_, name) in enumerate(given["disks"])),
    )
    disks = "".join(
        f"make_disk {shlex.quote(name) if name else _word(f'{_MADE}/disk{number}')} {size}\n"
        for number, (size, name) in enumerate(given["disks"])
    )
    what = "Boots the system."
    return job.put(_script(given, "runvm", what, arguments(guest, "tcg"), arguments(probed(guest), "tcg"), disks))


def testipxe(job: Job) -> Digest:
    """Step program: the script that boots the directory `ftpdir` beside it from the network, by the iPXE of QEMU's card.

    Parameters as `runvm` has them, without `cmdline` and `initrd`; disks are left out.
    """
    given = job.parameters
    machine, memory, cores = machine_named(given["machine"]), given["memory_mib"], given["cores"]
    argv = from_network(machine, "tcg", memory, cores, given["network"], LISTED / "ftpdir")
    alone = Guest(machine, HERE / "ftpdir/kernel", None, LISTED / "ftpdir/root.squashfs", "", memory, cores)
    what = "Boots the system from the network, by the iPXE of QEMU's network card."
    return job.put(_script(given, "testipxe", what, argv, arguments(probed(alone), "tcg"), ""))


_MADE = "\x01made\x01"


def _listed(number: int, name: str) -> Path:
    """The file of a disk: one that the user named, from where the script is started, or one that vanishes."""
    return NOW / name if name else TEMPORARY / f"disk{number}"


def _script(given: Any, name: str, what: str, boot: Sequence[str], probe: Sequence[str], disks: str) -> bytes:
    machine = machine_named(given["machine"])
    texts = {
        "NAME": " ".join(given["name"].split()),
        "SCRIPT": name,
        "WHAT": what,
        "MEMORY": str(given["memory_mib"]),
        "CORES": str(given["cores"]),
        "QEMU": machine.qemu,
        "PACKAGE": PACKAGES[machine.qemu],
        "MACHINE": machine.name,
        "WORD": FIRST_WORD,
        "TRIES": str(round(PROBE_SECONDS * 10)),
        "BOOT": _words(boot),
        "PROBE": _words(probe),
        "DISKS": disks.rstrip("\n"),
    }
    return re.sub("@([A-Z]+)@", lambda match: texts[match[1]], TEMPLATE).encode()


def _words(argv: Sequence[str]) -> str:
    """Arguments as the shell takes them, without an accelerator, which the script chooses."""
    at = argv.index("-accel")
    return " ".join(map(_word, [*argv[:at], *argv[at + 2 :]]))


def _word(text: str) -> str:
    """One argument, quoted, with the values of variables in it."""
    parts = _VARIABLE.split(text)
    return "".join(f'"${part}"' if number % 2 else part and shlex.quote(part) for number, part in enumerate(parts))
