"""From an evaluated configuration to steps: the one place that sees both modules and store.

`plan_of` takes what a build needs out of a configuration, as frozen data that can be printed; `Builder` turns it into
steps and runs them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from micros.base.errors import Kind, error
from micros.base.tree import File
from micros.debian.lock import Pins, lock_text, read_lock
from micros.debian.universe import Closure, Settings, Universe
from micros.machine import machine_named
from micros.modules.boot.initrd import Initrd
from micros.modules.boot.kernel import Boot
from micros.modules.environment import Environment
from micros.modules.storage.root import Root
from micros.modules.system import Platform, System
from micros.modules.virtualisation.virtualisation import Virtualisation
from micros.packages import packages_in, without_markers
from micros.store.disk import write_durably
from micros.store.step import Step

if TYPE_CHECKING:
    from pathlib import Path

    from micros.base.digest import Digest
    from micros.lang import Config
    from micros.store.scheduler import Scheduler

CMDLINE_LIMIT_BYTES = 2048
"""COMMAND_LINE_SIZE of x86; arm has 1024 and more of our boards 2048."""


@dataclass(frozen=True, slots=True)
class SystemPlan:
    """All that the artefacts depend on, as plain data."""

    name: str
    machine: str
    packages: tuple[str, ...]
    install: Literal["slim", "full"]
    shell: str
    files: dict[str, dict[str, Any]]
    kernel: str
    kernel_modules: tuple[str, ...]
    cmdline: str
    initrd_shell: str
    initrd_modules: tuple[str, ...]
    initrd_script: str
    initrd_compression: str
    initrd_level: int
    root_compression: str
    memory_mib: int
    cores: int
    forwards: tuple[tuple[str, int, int], ...]


def plan_of(config: Config) -> SystemPlan:
    """What a configuration means for a build. Packages named inside texts join the others here."""
    files: dict[str, dict[str, Any]] = {}
    packages = {package.name for package in config[Environment].system_packages}
    for path, spec in sorted(config[System].files.items()):
        packages |= {package.name for package in packages_in(spec.text + (spec.link or ""))}
        if spec.link is not None:
            files[path] = {"link": without_markers(spec.link)}
        else:
            files[path] = {"mode": spec.mode, "uid": spec.uid, "gid": spec.gid}
            files[path] |= {"directory": True} if spec.directory else {"text": without_markers(spec.text)}
    boot, initrd, guest = config[Boot], config[Initrd], config[Virtualisation]
    return SystemPlan(
        name=config[System].name,
        machine=machine_named(config[Platform].host).name,
        packages=tuple(sorted(packages)),
        install=config[Environment].install,
        shell=config[Environment].shell.name,
        files=files,
        kernel=boot.kernel.name,
        kernel_modules=tuple(boot.kernel_modules),
        cmdline=" ".join(boot.kernel_params),
        initrd_shell=initrd.shell.name,
        initrd_modules=tuple(initrd.kernel_modules),
        initrd_script=initrd.script,
        initrd_compression=initrd.compressor,
        initrd_level=initrd.level,
        root_compression=config[Root].compression,
        memory_mib=guest.memory_size,
        cores=guest.cores,
        forwards=tuple((item.proto, item.host_port, item.guest_port) for item in guest.forward_ports),
    )


@dataclass(frozen=True, slots=True)
class Artefacts:
    """What `system.build` gives, as digests of blobs; `files` maps the names in a result directory."""

    files: dict[str, Digest]
    kept: tuple[Digest, ...]
    """Packages and their trees, which a pin keeps besides, so that the next build needs no network."""


class Builder:
    """Builds one plan. `lock` is the path of the lock file, read if it is there; `save_lock` writes it."""

    def __init__(self, plan: SystemPlan, scheduler: Scheduler, lock: Path | None, settings: Settings) -> None:
        self.plan = plan
        self.machine = machine_named(plan.machine)
        self._scheduler = scheduler
        self._store = scheduler.store
        self._lock = lock
        self._pins: dict[str, Pins] = read_lock(lock) if lock is not None and lock.exists() else {}
        self._before = lock_text(self._pins) if self._pins else ""
        self._settings = settings
        self._check_cmdline()

    def _check_cmdline(self) -> None:
        size = len(self.plan.cmdline.encode())
        if size >= CMDLINE_LIMIT_BYTES:
            limit = CMDLINE_LIMIT_BYTES - 1
            message = f"the kernel command line has {size} bytes, the kernel takes {limit}"
            raise error(Kind.DOES_NOT_FIT, message, hint="shorten boot.kernel_params")

    def closure(self, group: str, names: tuple[str, ...], *, update: bool = False) -> Closure:
        """The packages of one group of the lock: `` for the root, `initrd` for the initrd."""
        key = self.machine.debian + (f":{group}" if group else "")
        universe = Universe(self._scheduler, self.machine, self._pins.get(key), self._settings)
        if update:
            universe.update()
        found = universe.closure(names, install=self.plan.install if not group else "slim")
        self._pins[key] = universe.lock
        return found

    def closures(self, *, update: bool = False) -> tuple[Closure, Closure]:
        """The packages of the root (with the kernel) and of the initrd."""
        root = self.closure("", (*self.plan.packages, self.plan.kernel), update=update)
        return root, self.closure("initrd", (self.plan.initrd_shell,), update=update)

    def versions(self) -> dict[str, str]:
        """The pinned version of every package, by group and name."""
        return {f"{name} ({key})": offer.version for key, pins in self._pins.items() for name, offer in pins.packages.items()}

    def save_lock(self) -> bool:
        """Write the lock file if it changed; whether it did."""
        if self._lock is None:
            return False
        text = lock_text(self._pins)
        if text == self._before:
            return False
        try:
            write_durably(self._lock, text.encode(), self._lock.parent)
        except OSError as problem:
            raise error(Kind.BAD_FILE, f"cannot write {self._lock}: {problem.strerror}") from None
        return True

    def build(self) -> Artefacts:
        """All artefacts of `dist`."""
        root, initrd = self.closures()
        kernel_name, kernel_tree = self._kernel(root)
        image = self._kernel_image(kernel_tree)
        steps = [self._root_image(root, kernel_name, kernel_tree), self._initrd(initrd, kernel_tree)]
        squashfs, archive = self._scheduler.run_all(steps)
        files = {
            "kernel": image,
            "initrd": archive,
            "root.squashfs": squashfs,
            "cmdline": self._store.add_bytes((self.plan.cmdline + "\n").encode()),
        }
        files["manifest.json"] = self._store.add_bytes(self._manifest(root, initrd, files))
        packages = [offer.sha256 for closure in (root, initrd) for offer in closure.packages]
        return Artefacts(files, (*root.trees.values(), *initrd.trees.values(), *packages))

    def _kernel(self, root: Closure) -> tuple[str, Digest]:
        """The package that holds the kernel, among those the request brought."""
        names = [name for name in root.trees if name == self.plan.kernel or name.startswith("linux-image-")]
        for name in names:
            if any(path.startswith("boot/vmlinu") for path in self._store.tree(root.trees[name])):
                return name, root.trees[name]
        raise error(Kind.UNKNOWN_PACKAGE, f"the package {self.plan.kernel} brings no kernel", hint="see boot.kernel")

    def _kernel_image(self, tree: Digest) -> Digest:
        entries = self._store.tree(tree)
        return next(e.digest for path, e in entries.items() if path.startswith("boot/vmlinu") and isinstance(e, File))

    def _root_image(self, root: Closure, kernel_name: str, kernel_tree: Digest) -> Step:
        inputs: dict[str, Digest | Step] = {
            name: digest for name, digest in root.trees.items() if name not in (kernel_name, self.plan.kernel)
        }
        below = []
        if self.plan.shell in root.trees:
            links = {"package": root.trees[self.plan.shell]}
            inputs["applets"] = Step("micros.formats.busybox:links", links, {"at": "usr/bin"}, "applets", "tree")
            below = ["applets"]
        if self.plan.kernel_modules:
            wanted = {"modules": list(self.plan.kernel_modules)}
            inputs["modules"] = Step("micros.formats.kmod:select", {"kernel": kernel_tree}, wanted, "kernel modules", "tree")
        if "ca-certificates" in root.trees:
            package = {"package": root.trees["ca-certificates"]}
            inputs["ca-bundle"] = Step("micros.formats.pem:bundle", package, {}, "CA bundle", "tree")
        parameters = {"files": self.plan.files, "below": below}
        tree = Step("micros.formats.compose:compose", inputs, parameters, "root tree", "tree")
        options = {"compression": self.plan.root_compression}
        return Step("micros.formats.squashfs:write", {"tree": tree}, options, "root.squashfs")

    def _initrd(self, initrd: Closure, kernel_tree: Digest) -> Step:
        load = {"modules": list(self.plan.initrd_modules), "load": True}
        links = {"package": initrd.trees[self.plan.initrd_shell]}
        inputs: dict[str, Digest | Step] = {
            **initrd.trees,
            "applets": Step("micros.formats.busybox:links", links, {"at": "usr/bin"}, "initrd applets", "tree"),
            "modules": Step("micros.formats.kmod:select", {"kernel": kernel_tree}, load, "initrd modules", "tree"),
        }
        directory = {"directory": True, "mode": "0755", "uid": 0, "gid": 0}
        files: dict[str, dict[str, Any]] = dict.fromkeys(("dev", "proc", "root", "sys"), directory)
        files["bin"] = {"link": "usr/bin"}
        files["init"] = {"text": self.plan.initrd_script, "mode": "0755", "uid": 0, "gid": 0}
        tree = Step("micros.formats.compose:compose", inputs, {"files": files, "below": ["applets"]}, "initrd tree", "tree")
        options = {"compression": self.plan.initrd_compression, "level": self.plan.initrd_level}
        return Step("micros.formats.cpio:write", {"tree": tree}, options, "initrd")

    def _manifest(self, root: Closure, initrd: Closure, files: dict[str, Digest]) -> bytes:
        """What is in it: every package with version, digest and installed size (bytes), every artefact with its size."""
        packages = [
            {
                "name": offer.name,
                "version": offer.version,
                "architecture": offer.architecture,
                "sha256": offer.sha256,
                "installed_bytes": self._store.tree(closure.trees[offer.name]).size,
                "part": part,
            }
            for part, closure in (("root", root), ("initrd", initrd))
            for offer in closure.packages
        ]
        artefacts = {name: {"sha256": digest, "bytes": self._store.path(digest).stat().st_size} for name, digest in files.items()}
        document = {"system": self.plan.name, "machine": self.plan.machine, "packages": packages, "artefacts": artefacts}
        return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"
