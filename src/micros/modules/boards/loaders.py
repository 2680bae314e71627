"""What boot-loaders read on a card: the menus of U-Boot and of systemd-boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.modules.boards.facts import CMDLINE, PackageFile

if TYPE_CHECKING:
    from micros.machine import Machine

EXTLINUX = "extlinux/extlinux.conf"
"""Where U-Boot looks on the first partition (its doc/develop/bootstd, extlinux; doc/README.pxe has the words)."""


def extlinux(device_tree: str) -> dict[str, str]:
    """U-Boot's menu of one entry, by path."""
    lines = ["DEFAULT micros", "LABEL micros", "  LINUX /kernel", "  INITRD /initrd", f"  FDT /{device_tree}"]
    return {EXTLINUX: "\n".join([*lines, f"  APPEND {CMDLINE}", ""])}


def systemd_boot(machine: Machine) -> tuple[dict[str, PackageFile], dict[str, str]]:
    """systemd-boot where UEFI starts it from a medium that it knows nothing of (UEFI 2.10, 3.5.1.1), and its menu of one entry
    (UAPI group specification 1): files and texts by path.
    """
    program = PackageFile("systemd-boot-efi", f"usr/lib/systemd/boot/efi/systemd-boot{machine.efi.lower()}.efi")
    entry = f"title MicrOS\nlinux /kernel\ninitrd /initrd\noptions {CMDLINE}\n"
    texts = {"loader/loader.conf": "timeout 0\n", "loader/entries/micros.conf": entry}
    return {machine.efi_path: program}, texts
