"""What each type of file system needs: kernel modules, and packages with the programs that make, check and resize it."""

from __future__ import annotations

from dataclasses import dataclass

from micros.packages import Package, pkgs


@dataclass(frozen=True, slots=True)
class FsKind:
    """One type."""

    modules: tuple[str, ...] = ()
    tools: tuple[Package, ...] = ()
    checked: bool = False
    """Whether `check_fs` of scripts/file-systems.sh knows how to check it."""
    resized: bool = False
    """Whether `resize_fs` there can let it grow."""
    read_only: bool = False
    """Whether the kernel can only read it."""


_E2FSPROGS = (pkgs.e2fsprogs,)

KINDS = {
    "ext2": FsKind(("ext4",), _E2FSPROGS, checked=True, resized=True),
    "ext3": FsKind(("ext4",), _E2FSPROGS, checked=True, resized=True),
    "ext4": FsKind(("ext4",), _E2FSPROGS, checked=True, resized=True),
    "vfat": FsKind(("vfat", "nls_cp437", "nls_ascii"), (pkgs.dosfstools,), checked=True),
    "f2fs": FsKind(("f2fs",), (pkgs.f2fs_tools,), checked=True),
    "xfs": FsKind(("xfs",), (pkgs.xfsprogs,), resized=True),
    "btrfs": FsKind(("btrfs",), (pkgs.btrfs_progs,), resized=True),
    "iso9660": FsKind(("isofs",), read_only=True),
    "squashfs": FsKind(("squashfs",), read_only=True),
    "erofs": FsKind(("erofs",), read_only=True),
    "overlay": FsKind(("overlay",)),
    "tmpfs": FsKind(),
    "ramfs": FsKind(),
    "none": FsKind(),
    "auto": FsKind(),
}
"""By the name that mount(8) takes. Of a type that is not here, the module has its name, and no tools are known."""

FORMATTED = ("ext2", "ext3", "ext4", "vfat", "f2fs", "xfs", "btrfs")
"""The types that `format_fs` of scripts/file-systems.sh can make."""


def fs_kind(name: str) -> FsKind:
    """What a type needs."""
    return KINDS.get(name, FsKind((name,)))
