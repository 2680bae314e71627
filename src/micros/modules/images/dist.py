"""What boots: kernel, initrd and root file system, alone and side by side."""

from __future__ import annotations

from micros.lang import Config, Module, lazy, option
from micros.modules.boot.container import Container
from micros.modules.boot.init import Init
from micros.modules.images.tarball import Tarball
from micros.modules.system import Artefact


def _stage_2(config: Config) -> Artefact:
    path = config[Init].stage2_path.lstrip("/")
    return Artefact("micros.plan.artefacts.texts:text", {"name": "stage-2", "path": path})


def _dist(config: Config) -> Artefact:
    if config[Container].is_container:
        return Artefact("micros.plan.artefacts.tarball:container", {"compression": config[Tarball].compression})
    return Artefact("micros.plan.artefacts.dist:files")


def _manifest(config: Config) -> Artefact:
    return Artefact("micros.plan.artefacts.dist:manifest", {"of": _dist(config).plan, **_dist(config).parameters})


class Dist(Module, at="system.build"):
    """The parts of a system that a boot loader, or QEMU, is given."""

    dist: Artefact = option(
        default=lazy(_dist),
        default_text="what boots; for a container, what its engine takes",
        doc="kernel, initrd, root.squashfs, cmdline and manifest.json; of a container rootfs.tar and manifest.json",
    )
    kernel: Artefact = option(default=Artefact("micros.plan.artefacts.kernel:image"), doc="the kernel's image")
    initrd: Artefact = option(
        default=Artefact("micros.plan.artefacts.initrd:archive"),
        doc="the initial RAM file system",
        aliases=["system.build.initialRamdisk"],
    )
    squashfs: Artefact = option(default=Artefact("micros.plan.artefacts.squashfs:image"), doc="the root file system")
    cmdline: Artefact = option(default=Artefact("micros.plan.artefacts.kernel:cmdline"), doc="the kernel's command line")
    manifest: Artefact = option(
        default=lazy(_manifest), default_text="of what `dist` is", doc="every package with version, digest and size"
    )
    boot_stage_1: Artefact = option(
        default=Artefact("micros.plan.artefacts.texts:text", {"name": "stage-1", "path": "init", "initrd": True}),
        doc="the script of stage 1",
        aliases=["system.build.bootStage1"],
    )
    boot_stage_2: Artefact = option(
        default=lazy(_stage_2),
        default_text="the file boot.init.stage2_path",
        doc="the script of stage 2",
        aliases=["system.build.bootStage2"],
    )
    early_mount_script: Artefact = option(
        default=Artefact(
            "micros.plan.artefacts.texts:text", {"name": "early-mounts", "path": "etc/micros/early-mounts", "initrd": True}
        ),
        doc="the mounts that stage 1 begins with",
        aliases=["system.build.earlyMountScript"],
    )
    extra_utils: Artefact = option(
        default=Artefact("micros.plan.artefacts.initrd:extra_utils"),
        doc="programs, modules and files of the initrd, as a cpio archive",
        aliases=["system.build.extraUtils"],
    )
    file_systems: Artefact = option(
        default=Artefact("micros.plan.artefacts.texts:text", {"name": "fstab", "path": "etc/fstab"}),
        doc="/etc/fstab",
        aliases=["system.build.fileSystems"],
    )
