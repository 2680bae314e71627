"""One table: what everybody calls each architecture. Nothing else in the project asks `if arch ==`."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from micros.base.errors import Kind, error


@dataclass(frozen=True, slots=True)
class Machine:
    """An architecture, with its name in every vocabulary we meet."""

    name: str
    """As `uname -m` and NixOS say it: `x86_64`, `aarch64`, `armv7l`, `armv6l`, `riscv64`."""
    debian: str
    """Debian's architecture."""
    gnu: str
    """GNU triplet, also the name of the library directory under /usr/lib."""
    linux: str
    """Directory under the kernel's `arch/`."""
    oci: tuple[str, str]
    """Architecture and variant of the OCI image specification (Go's names)."""
    qemu: str
    """Program that emulates it."""
    board: str
    """QEMU's plainest board that boots everything, with its options."""
    efi: str
    """Machine part of a removable medium's boot file: `BOOT<efi>.EFI` (UEFI 2.10, 3.5.1.1)."""
    uboot: int
    """U-Boot's number of it in headers of images (include/image.h, IH_ARCH_*)."""
    elf: tuple[int, int]
    """`e_machine` and `EI_CLASS` (1 = 32, 2 = 64 bits) of its ELF files."""
    console: str
    """Kernel name of the first serial port on QEMU's usual board."""
    kernel: str
    """Debian's package of a small kernel for virtual machines."""
    root_type: str
    """Type of a GPT's partition with a root for it (UAPI group specification 2, discoverable partitions)."""

    @property
    def bits(self) -> int:
        """Word size: 32 or 64."""
        return 32 * self.elf[1]

    @property
    def has_bios(self) -> bool:
        """Whether machines of it may have a BIOS."""
        return self.linux == "x86"

    @property
    def efi_path(self) -> str:
        """What UEFI starts from a medium it knows nothing of (UEFI 2.10, 3.5.1.1)."""
        return f"EFI/BOOT/BOOT{self.efi}.EFI"

    @property
    def system(self) -> str:
        """NixOS' name of the platform: `armv7l-linux`."""
        return f"{self.name}-linux"


LOW_VIRT = "virt,highmem=off"
"""The board with its PCI bus below 4 GiB: a 32-bit kernel without LPAE reaches no other."""

MACHINES = (
    Machine("x86_64", "amd64", "x86_64-linux-gnu", "x86", ("amd64", ""), "qemu-system-x86_64", "q35", "X64", 24, (62, 2),
            "ttyS0", "linux-image-cloud-amd64", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),
    Machine("aarch64", "arm64", "aarch64-linux-gnu", "arm64", ("arm64", "v8"), "qemu-system-aarch64", "virt", "AA64", 22,
            (183, 2), "ttyAMA0", "linux-image-cloud-arm64", "b921b045-1df0-41c3-af44-4c6f280d3fae"),
    Machine("armv7l", "armhf", "arm-linux-gnueabihf", "arm", ("arm", "v7"), "qemu-system-arm", LOW_VIRT, "ARM", 2, (40, 1),
            "ttyAMA0", "linux-image-armmp", "69dad710-2ce4-4e3c-b16c-21a1d49abed3"),
    Machine("armv6l", "armel", "arm-linux-gnueabi", "arm", ("arm", "v6"), "qemu-system-arm", LOW_VIRT, "ARM", 2, (40, 1),
            "ttyAMA0", "linux-image-rpi", "69dad710-2ce4-4e3c-b16c-21a1d49abed3"),
    Machine("riscv64", "riscv64", "riscv64-linux-gnu", "riscv", ("riscv64", ""), "qemu-system-riscv64", "virt", "RISCV64", 26,
            (243, 2), "ttyS0", "linux-image-riscv64", "72ec70a6-cf74-40e6-bd49-4bda08e8f224"),
)  # fmt: skip
"""Every architecture MicrOS builds for."""


def machine_named(name: str) -> Machine:
    """The machine of this name, in our, NixOS' (`armv7l-linux`) or Debian's (`armhf`) spelling.

    Raises an error of kind `unknown-machine` that lists the known ones.
    """
    for machine in MACHINES:
        if name in (machine.name, machine.system, machine.debian):
            return machine
    known = ", ".join(machine.name for machine in MACHINES)
    raise error(Kind.UNKNOWN_MACHINE, f"{name!r} is not an architecture MicrOS knows", hint=f"one of {known}")


def host_machine() -> Machine:
    """The machine this program runs on."""
    return machine_named(platform.machine())
