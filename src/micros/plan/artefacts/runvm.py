"""Scripts that start the system in QEMU, with what they start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, error
from micros.plan.artefacts import initrd, kernel, netboot, squashfs
from micros.store.step import Step

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.plan.builder import Builder, FileSteps


def script(build: Builder) -> FileSteps:
    """runvm, kernel, initrd and root."""
    first = initrd.archive(build) if build.plan.initrd_shell else {}
    parts = {**kernel.image(build), **first, **squashfs.image(build)}
    told = {**_told(build), "cmdline": build.plan.cmdline, "initrd": bool(first)}
    return {**parts, "": _program(Step("micros.run.script:runvm", {}, told, "runvm"))}


def from_network(build: Builder) -> FileSteps:
    """testipxe, and what it boots. Raises an error of kind `usage` for a machine whose network cards bring no iPXE."""
    if build.machine.name != "x86_64":
        hint = "serve the target ftpdir with `micros serve`, and boot a machine that has UEFI"
        raise error(Kind.USAGE, f"QEMU's network cards have no iPXE for {build.machine.name}", hint=hint)
    served = {f"ftpdir/{name}": value for name, value in netboot.served(build).items()}
    return {**served, "": _program(Step("micros.run.script:testipxe", {}, _told(build), "testipxe"))}


def _program(made: Step) -> Step:
    """A script as a file that can be run."""
    inputs: dict[str, Digest | Step] = {made.name: made}
    return Step("micros.formats.directory:files", inputs, {"programs": [made.name]}, made.name, "tree")


def _told(build: Builder) -> dict[str, Any]:
    """What a script is told of the machine, as virtualisation.* says."""
    plan = build.plan
    return {
        "name": plan.name,
        "machine": build.machine.name,
        "memory_mib": plan.memory_mib,
        "cores": plan.cores,
        "network": list(plan.network),
        "disks": [list(disk) for disk in plan.disks],
    }
