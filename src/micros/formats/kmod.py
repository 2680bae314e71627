"""Linux kernel modules: what they say of themselves, and the closure of those a system needs.

A module is an ELF object whose section `.modinfo` holds `key=value` strings, each ended by NUL (include/linux/module.h,
MODULE_INFO). Debian ships them compressed by xz, and leaves `modules.dep` to depmod on the target; here both are done at
build time: modules go into images uncompressed (the image's own compression does better on the whole), beside the
tables that modprobe reads (modprobe(8), modules.dep(5)).
"""

from __future__ import annotations

import lzma
import posixpath
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.base.tree import File, Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from micros.base.digest import Digest
    from micros.base.step import Job

MODULE_LIMIT_BYTES = 64 << 20
"""No module is larger when decompressed."""
_ROOT = "usr/lib/modules"
_SUFFIXES = (".ko", ".ko.xz")


@dataclass(frozen=True, slots=True)
class ModuleInfo:
    """What `.modinfo` says: names are spelt with `_`."""

    depends: tuple[str, ...]
    softdeps: tuple[str, ...]
    """Modules to load before this one if they are there."""
    aliases: tuple[str, ...]
    firmware: tuple[str, ...]


def module_name(path: str) -> str:
    """`kernel/drivers/block/virtio_blk.ko.xz` and `virtio-blk` are both `virtio_blk`."""
    return posixpath.basename(path).partition(".")[0].replace("-", "_")


def module_info(data: bytes) -> ModuleInfo:
    """Read the section `.modinfo` of an uncompressed module. Raises an error of kind `bad-archive` for anything else."""
    fields: dict[str, list[str]] = {}
    for item in _modinfo(data).split(b"\0"):
        key, _, value = item.decode("utf-8", "replace").partition("=")
        fields.setdefault(key, []).append(value)
    softdeps = [word for text in fields.get("softdep", []) for word in _before(text)]
    depends = [name for text in fields.get("depends", []) for name in text.split(",") if name]
    return ModuleInfo(
        depends=tuple(module_name(name) for name in depends),
        softdeps=tuple(module_name(name) for name in softdeps),
        aliases=tuple(fields.get("alias", [])),
        firmware=tuple(fields.get("firmware", [])),
    )


def decompressed(path: str, data: bytes) -> bytes:
    """A module's ELF bytes, whatever it was compressed with."""
    if not path.endswith(".xz"):
        return data
    decoder = lzma.LZMADecompressor(memlimit=256 << 20)
    try:
        plain = decoder.decompress(data, MODULE_LIMIT_BYTES)
    except lzma.LZMAError as problem:
        raise error(Kind.BAD_ARCHIVE, f"{path} is not a whole xz file: {problem}") from None
    if not decoder.eof:
        raise error(Kind.TOO_LARGE, f"{path} is cut off, or larger than {MODULE_LIMIT_BYTES} bytes when decompressed")
    return plain


def select(job: Job) -> Digest:
    """Step program: the modules a system needs, with what they depend on, ready for modprobe.

    Input `kernel`: the tree of a kernel package. Parameters: `modules`, names that must exist (in the tree or built
    in), or `["*"]` for all; `load`, whether to write `/etc/micros/modules`, the list to insert, in order. The result
    holds `usr/lib/modules/<release>/` with the modules, `modules.dep`, `modules.alias`, `modules.softdep`,
    `modules.builtin`.
    """
    kernel = job.tree(job.inputs["kernel"])
    release, paths, builtin = _catalogue(job, kernel)
    wanted: list[str] = job.parameters["modules"]
    contents: dict[str, bytes] = {}
    infos: dict[str, ModuleInfo] = {}
    names = sorted(paths) if wanted == ["*"] else [module_name(name) for name in wanted]
    order: list[str] = []
    missing = [name for name in names if name not in paths and name not in builtin]
    if missing:
        raise error(Kind.UNKNOWN_PACKAGE, f"the kernel {release} has no module {', '.join(missing)}",
                    hint="look below /usr/lib/modules of the kernel's package for the name")  # fmt: skip

    def visit(name: str, chain: tuple[str, ...]) -> None:
        if name in infos or name in chain or name not in paths:
            return
        path = paths[name]
        entry = kernel[path]
        assert isinstance(entry, File)
        contents[name] = decompressed(path, job.read(entry.digest))
        info = module_info(contents[name])
        for other in (*info.softdeps, *info.depends):
            visit(other, (*chain, name))
        infos[name] = info
        order.append(name)

    for name in names:
        visit(name, ())
    return job.put_tree(_module_tree(job, release, paths, order, contents, infos, builtin))


def _module_tree(
    job: Job,
    release: str,
    paths: Mapping[str, str],
    order: list[str],
    contents: Mapping[str, bytes],
    infos: Mapping[str, ModuleInfo],
    builtin: Mapping[str, str],
) -> Tree:
    """The chosen modules and modprobe's tables."""
    base = f"{_ROOT}/{release}"
    relative = {name: paths[name][len(base) + 1 :].removesuffix(".xz") for name in order}
    dep, alias, soft = [], [], []
    for name in order:
        needed = [relative[other] for other in _all_depends(name, infos) if other in relative]
        dep.append(f"{relative[name]}: {' '.join(needed)}".rstrip())
        alias += [f"alias {text} {name}" for text in infos[name].aliases]
        if infos[name].softdeps:
            soft.append(f"softdep {name} pre: {' '.join(infos[name].softdeps)}")
    texts = {
        f"{base}/modules.dep": sorted(dep),
        f"{base}/modules.alias": sorted(alias),
        f"{base}/modules.softdep": sorted(soft),
        f"{base}/modules.builtin": sorted(builtin.values()),
    }
    if job.parameters.get("load"):
        texts["etc/micros/modules"] = [f"/{base}/{relative[name]}" for name in order]
    files: list[tuple[str, bytes]] = [(f"{base}/{relative[name]}", contents[name]) for name in order]
    files += [(path, "".join(line + "\n" for line in lines).encode()) for path, lines in texts.items()]
    return Tree.of((path, File(job.put(data), len(data))) for path, data in files)


def _catalogue(job: Job, kernel: Tree) -> tuple[str, dict[str, str], dict[str, str]]:
    """The release, the path of each module by name, and the built-in ones by name."""
    releases = {path.split("/")[3] for path in kernel if path.startswith(_ROOT + "/")}
    if len(releases) != 1:
        raise error(Kind.BAD_TREE, f"a kernel's tree holds the modules of one release, this one of {len(releases)}")
    release = releases.pop()
    paths = {module_name(path): path for path in kernel if path.endswith(_SUFFIXES)}
    builtin: dict[str, str] = {}
    entry = kernel.get(f"{_ROOT}/{release}/modules.builtin")
    if isinstance(entry, File):
        builtin = {module_name(line): line for line in job.read(entry.digest).decode().splitlines()}
    return release, paths, builtin


def _all_depends(name: str, infos: Mapping[str, ModuleInfo]) -> list[str]:
    """Everything a module needs, nearest first, each once (the order of modules.dep(5))."""
    found: dict[str, None] = {}
    pending = list(infos[name].depends)
    while pending:
        other = pending.pop(0)
        if other not in found and other in infos:
            found[other] = None
            pending += infos[other].depends
    return list(found)


def _before(softdep: str) -> Iterable[str]:
    """The names after `pre:` of a softdep such as `pre: crc32c post: foo`."""
    before = False
    for word in softdep.split():
        if word.endswith(":"):
            before = word == "pre:"
        elif before:
            yield word


def _modinfo(data: bytes) -> bytes:
    """The bytes of section `.modinfo` (System V ABI, chapter 4, section header table)."""
    if data[:4] != b"\x7fELF" or len(data) < 64:
        raise error(Kind.BAD_ARCHIVE, "a kernel module is an ELF file, this is none")
    order = "<" if data[5] == 1 else ">"
    wide = data[4] == 2
    table, size, count, names = struct.unpack_from(order + ("Q10xHHH" if wide else "I10xHHH"), data, 40 if wide else 32)
    layout = struct.Struct(order + ("IIQQQQ" if wide else "IIIIII"))
    try:
        sections = [layout.unpack_from(data, table + index * size) for index in range(count)]
        strings = sections[names][4]
        for section in sections:
            start = strings + section[0]
            if data[start : start + 9] == b".modinfo\0":
                return data[section[4] : section[4] + section[5]]
    except (struct.error, IndexError):
        raise error(Kind.BAD_ARCHIVE, "a kernel module's section table is cut off") from None
    return b""
