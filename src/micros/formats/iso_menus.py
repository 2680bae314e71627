"""Menus of the boot loaders that start an ISO: isolinux, systemd-boot, and GRUB where the ISO is a file on its disk.

All show the same entries: the kernel and the initrd of the directory /micros with a command line each.
"""

from __future__ import annotations

from typing import NamedTuple

KERNEL, INITRD = "micros/kernel", "micros/initrd"


class Entry(NamedTuple):
    """One line of a menu."""

    title: str
    cmdline: str


def isolinux(title: str, entries: list[Entry], timeout: int | None) -> dict[str, str]:
    """Files of isolinux (syslinux.cfg(5)): on the screen and on the first serial line. 0 seconds: no menu, None: for ever."""
    lines = ["SERIAL 0 115200"]
    if timeout != 0:
        lines += ["UI menu.c32", f"MENU TITLE {title}", f"TIMEOUT {10 * (timeout or 0)}"]
    lines += ["PROMPT 0", "DEFAULT entry0"]
    for number, entry in enumerate(entries):
        lines += [f"LABEL entry{number}", f"MENU LABEL {entry.title}", f"LINUX /{KERNEL}", f"INITRD /{INITRD}"]
        lines.append(f"APPEND {entry.cmdline}")
    return {"isolinux/isolinux.cfg": _text(lines)}


def systemd_boot(entries: list[Entry], timeout: int | None) -> dict[str, str]:
    """Files of systemd-boot (loader.conf(5), UAPI group specification 1)."""
    made = {"loader/loader.conf": f"timeout {'menu-force' if timeout is None else timeout}\ndefault micros-0.conf\n"}
    for number, entry in enumerate(entries):
        lines = [f"title {entry.title}", f"sort-key micros-{number}", f"linux /{KERNEL}", f"initrd /{INITRD}"]
        made[f"loader/entries/micros-{number}.conf"] = _text([*lines, f"options {entry.cmdline}"])
    return made


def grub_loopback(entries: list[Entry]) -> dict[str, str]:
    """What a GRUB reads of an ISO it has a loop over; `iso_path` is where that file is, as it says."""
    lines: list[str] = []
    for entry in entries:
        line = f'    linux /{KERNEL} {entry.cmdline} findiso="$iso_path"'
        lines += [f'menuentry "{entry.title}" {{', line, f"    initrd /{INITRD}", "}"]
    return {"boot/grub/loopback.cfg": _text(lines)}


def _text(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
