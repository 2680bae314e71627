"""ISO images: what UEFI starts as a file system of its own, and everything else around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, error
from micros.base.tree import File
from micros.formats import iso_menus
from micros.formats.iso_menus import INITRD, KERNEL, Entry
from micros.formats.medium import DIGITS, MARKER
from micros.plan.artefacts import initrd, root, uki
from micros.plan.artefacts.signing import signed
from micros.plan.described import cmdline_of
from micros.store.step import Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from micros.base.digest import Digest
    from micros.plan.builder import Builder, FileSteps

Inputs = dict[str, "Digest | Step"]
MEDIUM = "micros/medium"
"""Where stage 1 looks for the medium's number."""
ISOLINUX = ("isolinux.bin", "ldlinux.c32", "libutil.c32", "menu.c32")
DISK_CODE = "isohdpfx.bin"
ESP = {"label": "ESP"}


def image(build: Builder) -> FileSteps:
    """The image, under the name that it is to have."""
    told = build.plan.artefact.parameters
    label = _label(told)
    loaded: Inputs = {KERNEL: signed(build, build.kernel_image, "kernel"), INITRD: initrd.archive(build)["initrd"]}
    held: Inputs = {told["file"]: root.content(build)}
    more: Inputs = {"more": _more_files(build)} if build.plan.medium_files else {}
    identity = Step("micros.formats.medium:identity", {**loaded, **held, **more}, {"label": label}, "number of the medium")
    files: Inputs = {**held, MEDIUM: identity}
    parameters: dict[str, Any] = {"label": label, "as_disk": told["as_disk"], "most_bytes": told["most_bytes"]}
    inputs: Inputs = {"identity": identity}
    menu = _menu(build)
    if told["contents"] == "loader":
        files |= loaded | _named(identity, iso_menus.grub_loopback(menu))
    if told["bios"]:
        files |= _named(identity, iso_menus.isolinux(told["title"], menu, told["timeout"]))
        files |= {f"isolinux/{name}": digest for name, digest in _of_packages(build, told["bios"], ISOLINUX).items()}
        parameters["bios"] = f"isolinux/{ISOLINUX[0]}"
        if told["as_disk"]:
            inputs["mbr"] = _of_packages(build, told["bios"], [DISK_CODE])[DISK_CODE]
    trees: Inputs = {"medium": Step("micros.formats.directory:files", files, {}, "files of the ISO", "tree"), **more}
    if told["efi"]:
        tree = Step("micros.formats.directory:files", _esp_files(build, identity, menu, loaded), {}, "ESP's files", "tree")
        inputs |= {"esp": Step("micros.formats.fat:write", {"tree": tree}, ESP, "ESP"), "esp-tree": tree}
        parameters["esp"] = ESP
        trees["esp"] = tree
    inputs["tree"] = Step("micros.formats.compose:compose", trees, {"files": {}}, "tree of the ISO", "tree")
    return {told["name"]: Step("micros.formats.iso9660:write", inputs, parameters, told["name"])}


def _label(told: Mapping[str, Any]) -> str:
    """The label by which stage 1 finds the medium. Raises an error of kind `usage` where it looks for something else."""
    device, file = told["device"], told["file"]
    if not file or not device.startswith("LABEL="):
        where = f"{file or 'all'} of {device}"
        message = f"the root of this system is {where}, not a file on a medium with a label"
        raise error(Kind.USAGE, message, hint="set profiles.iso_image.enable")
    return str(device.removeprefix("LABEL="))


def _more_files(build: Builder) -> Step:
    files = build.plan.medium_files
    return Step("micros.formats.compose:compose", build.sources(files), {"files": files}, "more files of the ISO", "tree")


def _menu(build: Builder) -> list[Entry]:
    """The entries, each of whose command lines the kernel takes."""
    own = build.plan.cmdline.split(" ") if build.plan.cmdline else []
    found = []
    for one in build.plan.artefact.parameters["entries"]:
        words = [*own, *one["params"]]
        cmdline_of([*words, "medium=" + "0" * DIGITS])
        found.append(Entry(one["title"], " ".join([*words, f"medium={MARKER}"])))
    return found


def _named(identity: Step, texts: Mapping[str, str]) -> Inputs:
    """Texts that name the medium, by path."""
    return {
        path: Step("micros.formats.medium:named", {"identity": identity}, {"text": text}, path) for path, text in texts.items()
    }


def _esp_files(build: Builder, identity: Step, menu: list[Entry], loaded: Inputs) -> Inputs:
    """What UEFI reads: one program, or a loader, its menu, kernel and initrd."""
    told = build.plan.artefact.parameters
    if told["contents"] == "uki":
        (cmdline,) = _named(identity, {"cmdline": menu[0].cmdline + "\n"}).values()
        return {build.machine.efi_path: uki.program(build, cmdline)}
    return {
        build.machine.efi_path: uki.loader(build),
        **loaded,
        **_named(identity, iso_menus.systemd_boot(menu, told["timeout"])),
    }


def _of_packages(build: Builder, packages: Sequence[str], names: Sequence[str]) -> dict[str, Digest]:
    """Files of these packages, by name. Raises an error of kind `missing-file` for one that they do not have."""
    found: dict[str, Digest] = {}
    for tree in build.boot_packages(*packages).trees.values():
        for path, entry in build.store.tree(tree).items():
            name = path.rpartition("/")[2]
            if name in names and isinstance(entry, File) and "/efi" not in path:
                found[name] = entry.digest
    if missing := [name for name in names if name not in found]:
        message = f"the packages {', '.join(packages)} have no {', '.join(missing)}"
        raise error(Kind.MISSING_FILE, message, hint="see images.iso.bios_loader")
    return found
