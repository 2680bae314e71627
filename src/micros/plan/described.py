"""A system as plain data: all that its artefacts depend on, taken out of an evaluated configuration."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from micros.base.errors import Kind, Note, error
from micros.lang import located
from micros.lang.finding import places_of
from micros.machine import machine_named
from micros.modules.boards.boards import Boards
from micros.modules.boot.container import Container
from micros.modules.boot.init import Init
from micros.modules.boot.initrd import Initrd
from micros.modules.boot.kernel import Boot
from micros.modules.boot.secure_boot import KEYS, SecureBoot
from micros.modules.debian import Debian
from micros.modules.environment import Environment
from micros.modules.hardware.firmware import Hardware
from micros.modules.images.disk import SIZES, DiskImage
from micros.modules.images.erofs import Erofs
from micros.modules.images.iso import Iso
from micros.modules.images.netboot import Netboot
from micros.modules.images.oci import OciImage
from micros.modules.images.uki import Uki
from micros.modules.security.wrappers import Wrappers
from micros.modules.services.getty import Getty
from micros.modules.storage.root import Root
from micros.modules.storage.tools import FsPackages
from micros.modules.system import Artefact, Platform, System
from micros.modules.users.accounts import Accounts, login_shells
from micros.modules.virtualisation.virtualisation import Virtualisation
from micros.plan.files import authorities, declared_files
from micros.plan.modules import module_places
from micros.plan.rules import rules_of

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.base.where import Where
    from micros.lang import Config, Evaluation, View
    from micros.plan.rules import Rules

CMDLINE_LIMIT_BYTES = 2048
"""COMMAND_LINE_SIZE of x86, with the NUL at its end; arm has 1024 and more of our boards 2048."""


@dataclass(frozen=True, slots=True)
class Signing:
    """With what programs are signed."""

    keys: str
    """Directory of keys and certificates."""
    notes: tuple[Note, ...]
    """Where that was said."""


@dataclass(frozen=True, slots=True)
class SystemPlan:
    """All that the artefacts depend on, as plain data."""

    name: str
    machine: str
    suites: tuple[str, ...]
    """Of the archive, where packages are from; and which components of them."""
    components: tuple[str, ...]
    packages: tuple[str, ...]
    parts: dict[str, tuple[str, ...]]
    """Absolute paths of the only files that are wanted of some of these packages; what those need comes along."""
    install: Literal["slim", "full"]
    shell: str
    files: dict[str, dict[str, Any]]
    sources: dict[Digest, str]
    """Files of the user whose contents go in, by digest."""
    privileged: dict[str, str]
    """What happens to setuid and setgid files of packages, by glob of path."""
    required: dict[str, str]
    """Paths that the system must have, and which option names each."""
    kept: tuple[str, ...]
    """Globs of what slimming leaves in, though images usually do without."""
    certificates: tuple[str, ...]
    """Authorities of the user, PEM."""
    kernel: str
    """The kernel's package; empty in a container."""
    kernel_modules: tuple[str, ...]
    module_packages: tuple[str, ...]
    """Packages with more modules."""
    module_places: dict[str, tuple[Note, ...]]
    """By module: the options that name it, and where they were set."""
    firmware: tuple[str, ...]
    cmdline: str
    initrd_shell: str
    """The package of the initrd's only program; empty where there is no initrd."""
    initrd_modules: tuple[str, ...]
    initrd_loaded: tuple[str, ...]
    """Those of its modules that are loaded whatever the hardware."""
    initrd_files: dict[str, dict[str, Any]]
    initrd_compression: str
    initrd_level: int
    data_files: dict[str, dict[str, Any]]
    """What the data partition of a disk image begins with."""
    medium_files: dict[str, dict[str, Any]]
    """What an ISO holds besides."""
    efi_stub: str
    """The package of what UEFI starts."""
    sizes: tuple[Note, ...]
    """Where sizes of a disk and its partitions are said."""
    signing: Signing | None
    """With what that is signed, if it is."""
    root_format: Literal["squashfs", "erofs"]
    root_compression: str
    """Of the squashfs, as its level."""
    root_level: int
    root_erofs: dict[str, Any]
    """How an EROFS image is made."""
    rules: Rules | None
    """Rules of the packet filter that are checked before anything is built."""
    artefact: Artefact
    """What is built: one attribute of `system.build`."""
    memory_mib: int
    cores: int
    network: tuple[str, ...]
    """Words of QEMU's user network: forwarded ports among them."""
    disks: tuple[tuple[int, str], ...]
    """Disks besides the root's: MiB, and the file that keeps it; without a name it is gone after the run."""
    agent: bool
    """Whether the virtual machine has the channels of the guest's agent."""
    ready_text: str
    """What the console shows once the system is up."""
    boards: tuple[str, ...]
    """Boards that the card is for, with what shows that it works."""
    platforms: tuple[str, ...]
    """Machines that a container image is for, where it says so; and the plan of each."""
    variants: tuple[SystemPlan, ...] = ()


def plan_of(evaluation: Evaluation, target: str) -> SystemPlan:
    """What a configuration means for the build of one artefact. Packages named inside texts join the others here.

    Raises errors of kind `usage` (no such target) and `does-not-fit` (a kernel command line that is too long).
    """
    config = evaluation.config
    files = declared_files(config, config[System].files)
    packages = _packages(config) | files.packages
    parts = {name: tuple(sorted(p for n, p in files.parts if n == name)) for name, _ in files.parts if name not in packages}
    boot, initrd, guest = config[Boot], config[Initrd], config[Virtualisation]
    initrd_files = declared_files(config, initrd.files if initrd.enable else {})
    data = config[DiskImage].data
    data_files = declared_files(config, data.files if data is not None else {})
    medium_files = declared_files(config, config[Iso].files)
    own = not config[Container].is_container
    firmware = [package.name for package in config[Hardware].firmware] if own else []
    boards = config[Boards]
    kernel_modules = [*boot.kernel_modules, *boot.available_kernel_modules, *boards.modules()] if own else []
    initrd_modules = [*initrd.kernel_modules, *initrd.available_kernel_modules, *boards.initrd_modules()] if own else []
    return SystemPlan(
        name=config[System].name,
        machine=machine_named(config[Platform].host).name,
        suites=tuple(config[Debian].suites),
        components=tuple(config[Debian].components),
        packages=tuple(sorted({*packages, *parts, *firmware})),
        parts=dict(sorted(parts.items())),
        install=config[Environment].install,
        shell=config[Environment].shell.name,
        files=files.entries,
        sources={
            digest: str(path)
            for digest, path in {
                **files.sources,
                **initrd_files.sources,
                **data_files.sources,
                **medium_files.sources,
            }.items()
        },
        privileged=dict(config[Wrappers].privileged_files),
        required=login_shells(config[Accounts].users),
        kept=tuple(config[Environment].kept_files),
        certificates=authorities(config),
        kernel=boot.kernel_package.name if own else "",
        kernel_modules=tuple(dict.fromkeys(kernel_modules)),
        module_packages=tuple(package.name for package in boot.extra_module_packages) if own else (),
        module_places=module_places(evaluation, {*kernel_modules, *initrd_modules, *config[Netboot].drivers}),
        firmware=tuple(firmware),
        cmdline=cmdline_of(boot.kernel_params),
        initrd_shell=initrd.shell.name if initrd.enable else "",
        initrd_modules=tuple(dict.fromkeys(initrd_modules)),
        initrd_loaded=tuple(dict.fromkeys(initrd.kernel_modules)),
        initrd_files=initrd_files.entries,
        initrd_compression=initrd.compressor,
        initrd_level=initrd.level,
        data_files=data_files.entries,
        medium_files=medium_files.entries,
        efi_stub=config[Uki].stub.name,
        sizes=tuple(Note(where, path) for path in SIZES for where in _said(config, path)),
        signing=_signing(config),
        root_compression=config[Root].compression,
        root_level=config[Root].level,
        root_format="erofs" if config[Root].fs_type == "erofs" else "squashfs",
        root_erofs=config[Erofs].options(),
        rules=rules_of(config),
        artefact=_artefact(config, target),
        memory_mib=guest.memory_size,
        cores=guest.cores,
        network=guest.network,
        disks=tuple((disk.size, disk.file) for disk in guest.disks),
        agent=guest.agent,
        ready_text=" login:" if config[Getty].enable else "MicrOS: stage 2 done",
        boards=tuple(f"{board.name}: {board.proof}" for board in boards.chosen),
        platforms=tuple(machine_named(name).name for name in config[OciImage].platforms),
    )


def _packages(config: Config) -> set[str]:
    """Names of the packages of the root that options list. What boots the system is there whatever the user's list says."""
    init = config[Init]
    listed = [
        config[Environment].shell,
        *init.available_backends[init.backend].required_packages,
        *config[Environment].system_packages,
        *config[FsPackages].fs_packages,
    ]
    return {package.name for package in listed}


def _signing(config: Config) -> Signing | None:
    """Where the keys are, where something is to be signed with them."""
    said = config[SecureBoot].keys
    if said is None or not config[SecureBoot].enable:
        return None
    keys = located(said)
    directory = os.path.expanduser(keys.value) if keys.value.startswith("~") else str(keys.file)
    return Signing(directory, (Note(keys.where, KEYS),))


def _said(config: Config, path: str) -> list[Where]:
    """Where an option was set, if it was."""
    if path.startswith("images.disk.data.") and config[DiskImage].data is None:
        return []
    return places_of(config, path)


def _artefact(config: Config, target: str) -> Artefact:
    """The artefact of this name, in our spelling or NixOS'."""
    known: View = config.system.build
    try:
        found = known[target]
    except KeyError:
        found = None
    if not isinstance(found, Artefact):
        names = [name for name in known if isinstance(known[name], Artefact)]
        raise error(Kind.USAGE, f"there is no target {target!r}", hint=f"one of {', '.join(names)}")
    return found


def cmdline_of(words: list[str]) -> str:
    """The kernel's command line, if the kernel takes one as long as this."""
    line = " ".join(words)
    size, limit = len(line.encode()), CMDLINE_LIMIT_BYTES - 1
    if size > limit:
        message = f"the kernel command line has {size} bytes, the kernel takes {limit}"
        raise error(Kind.DOES_NOT_FIT, message, hint="shorten boot.kernel_params")
    return line
