"""An ISO that starts by BIOS and UEFI, from a CD and, written onto one as it is, from a stick or disk.

root.squashfs    the root, as profiles.iso_image looks for it
micros/          kernel and initrd, and what tells this medium from others of the same label
isolinux/        what BIOSes start, with a menu
ESP              what UEFI starts: systemd-boot with the same menu, or the unified kernel image alone
boot/grub/       loopback.cfg, with which a GRUB on another disk starts the ISO as a file there
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from micros.lang import REQUIRED, Complaint, Config, Module, Pattern, Range, Record, check, lazy, option
from micros.machine import machine_named
from micros.modules.boot.kernel import Boot
from micros.modules.images.disk import Mib
from micros.modules.storage.root import Root
from micros.modules.system import Artefact, FileSpec, Platform, System
from micros.packages import Package, pkgs

FileName = Annotated[str, Pattern(r"[^/\x00-\x1f.][^/\x00-\x1f]{0,200}", "file name, without a directory")]
Line = Annotated[str, Pattern(r"[^\x00-\x1f'\"]*", "one line of text without quotes")]


class MenuEntry(Record):
    """One line of the menu."""

    title: Line = option(default="", doc="What is shown after the system's name.", example="copied to memory")
    params: list[str] = option(default=REQUIRED, doc="Words after those of boot.kernel_params.", example=["copytoram"])


def _entries(config: Config) -> list[MenuEntry]:
    """As the system is, out of memory, and on the console that is not the system's own."""
    serial = machine_named(config[Platform].host).console
    other = ("on the screen", "tty0") if config[Boot].console == serial else ("on the serial line", f"{serial},115200")
    return [
        MenuEntry(params=[]),
        MenuEntry(title="copied to memory", params=["copytoram"]),
        MenuEntry(title=other[0], params=[f"console={other[1]}"]),
    ]


def _starts_by_bios(config: Config) -> bool:
    return machine_named(config[Platform].host).has_bios and config[Iso].contents == "loader"


class Iso(Module, at="images.iso"):
    """What the ISO holds, and what starts it."""

    iso_name: FileName = option(
        default=lazy(lambda config: f"{config[System].name}.iso"),
        default_text="<system.name>.iso",
        doc="Name of the file.",
        aliases=["iso_image.iso_name"],
    )
    contents: Literal["loader", "uki"] = option(
        default="loader", doc="What starts it: boot loaders with a menu, or for UEFI one program with kernel and initrd in it."
    )
    make_bios_bootable: bool = option(
        default=lazy(_starts_by_bios),
        default_text="true on x86_64 with a loader",
        doc="Whether BIOSes start it, with isolinux.",
        aliases=["iso_image.make_bios_bootable"],
    )
    make_efi_bootable: bool = option(default=True, doc="Whether UEFI starts it.", aliases=["iso_image.make_efi_bootable"])
    make_usb_bootable: bool = option(
        default=True,
        doc="Whether it starts from sticks and disks too: it has a partition table.",
        aliases=["iso_image.make_usb_bootable"],
    )
    append_to_menu_label: Line = option(
        default="", doc="What the menu shows after the system's name.", example=" (installer)",
        aliases=["iso_image.append_to_menu_label"],
    )  # fmt: skip
    timeout: Annotated[int, Range(0, 3600)] | None = option(
        default=5,
        doc="Seconds that the menu waits; 0 shows none, without a value it waits for ever.",
        aliases=["boot.loader.timeout"],
    )
    entries: list[MenuEntry] = option(
        default=lazy(_entries),
        default_text="the system; copied to memory; on the other console",
        doc="The menu; the first is taken when nobody chooses.",
    )
    bios_loader: list[Package] = option(
        default=[pkgs.isolinux, pkgs.syslinux_common], doc="Packages of isolinux, its boot code for disks and its menu."
    )
    max_size: Mib | None = option(default=None, doc="What the image must not exceed, in MiB.", example=700)
    files: dict[str, FileSpec] = option(
        default={}, doc="More files on the ISO, by path below its root.", example={"README.TXT": {"text": "..."}}
    )

    @check
    def something_starts_it(self, config: Config) -> list[Complaint]:
        """BIOSes exist on PCs only, and start no UKI."""
        machine, found = machine_named(config[Platform].host), []
        bios = ("images.iso.make_bios_bootable",)
        if self.make_bios_bootable and not machine.has_bios:
            text = f"images.iso.make_bios_bootable: {machine.name} has no BIOS, only UEFI"
            found.append(Complaint(text, (*bios, "platform.host"), "leave it out"))
        elif self.make_bios_bootable and self.contents == "uki":
            text = "images.iso.make_bios_bootable: a BIOS cannot start a unified kernel image"
            found.append(Complaint(text, (*bios, "images.iso.contents"), 'set images.iso.contents = "loader"'))
        if not self.make_bios_bootable and not self.make_efi_bootable:
            text = "images.iso: neither BIOS nor UEFI is to start the ISO"
            found.append(Complaint(text, (*bios, "images.iso.make_efi_bootable"), "set one of them"))
        if not self.entries:
            found.append(Complaint("images.iso.entries: a menu has at least one", ("images.iso.entries",)))
        return found

    def layout(self, config: Config) -> dict[str, Any]:
        """All of it as plain data."""
        root, title = config[Root], f"MicrOS ({config[System].name}){self.append_to_menu_label}"
        return {
            "name": self.iso_name,
            "title": title,
            "entries": [
                {"title": f"{title}, {one.title}" if one.title else title, "params": list(one.params)} for one in self.entries
            ],
            "timeout": self.timeout,
            "contents": self.contents,
            "bios": [package.name for package in self.bios_loader] if self.make_bios_bootable else [],
            "efi": self.make_efi_bootable,
            "as_disk": self.make_usb_bootable,
            "most_bytes": (self.max_size or 0) << 20,
            "device": root.device,
            "file": root.file,
        }


class IsoArtefact(Module, at="system.build"):
    """The image by itself."""

    image: Artefact = option(
        default=lazy(lambda config: Artefact("micros.plan.artefacts.iso:image", config[Iso].layout(config))),
        default_text="of boot.* and images.iso",
        doc="an ISO that BIOS and UEFI boot, from a CD or a stick; needs profiles.iso_image",
        aliases=["system.build.iso_image"],
    )
