"""Linux kernel modules: what they say of themselves, and the closure of those a system needs.

A module is an ELF object whose section `.modinfo` holds `key=value` strings, each ended by NUL (include/linux/module.h,
MODULE_INFO). Debian ships them compressed by xz, and leaves `modules.dep` to depmod on the target; here both are done at
build time: modules go into images uncompressed (the image's own compression does better on the whole), beside the
tables that modprobe reads (modprobe(8), modules.dep(5)).
"""

from __future__ import annotations

import json
import lzma
import posixpath
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.base.tree import File, Symlink, Tree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from micros.base.digest import Digest
    from micros.base.step import Blobs, Job
    from micros.base.tree import Entry

MODULE_LIMIT_BYTES = 64 << 20
"""No module is larger when decompressed."""
_ROOT = "usr/lib/modules"
_FIRMWARE = "usr/lib/firmware"
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
    """Step program: the modules a system needs, with what they depend on and the firmware they ask for, ready for modprobe.

    Inputs: trees of packages with modules of one kernel, and those that `firmware` names, with files below
    `usr/lib/firmware`. Parameters: `modules`, names that must exist (in a tree or built in), or `["*"]` for all; `load`,
    those that `/etc/micros/modules` lists, to be loaded whatever the hardware; `firmware`, roles of inputs. The result
    holds `usr/lib/modules/<release>/` with the modules, `modules.dep`, `modules.alias`, `modules.softdep`,
    `modules.builtin`, and `usr/lib/firmware/`.
    """
    roles: list[str] = job.parameters.get("firmware", [])
    trees = [job.tree(digest) for role, digest in job.inputs.items() if role not in roles]
    found = closure(job, trees, job.parameters["modules"])
    base = f"{_ROOT}/{found.release}"
    files = {f"{base}/{found.relative[name]}": data for name, data in found.contents.items()}
    files |= {f"{base}/{name}": "".join(line + "\n" for line in lines).encode() for name, lines in _tables(found).items()}
    if load := job.parameters.get("load"):
        files["etc/micros/modules"] = "".join(f"{module_name(name)}\n" for name in load).encode()
    entries: dict[str, Entry] = {path: File(job.put(data), len(data)) for path, data in files.items()}
    return job.put_tree(Tree.of((entries | _firmware(found, [job.tree(job.inputs[role]) for role in roles])[0]).items()))


@dataclass(frozen=True, slots=True)
class Closure:
    """Modules with what they depend on, by name."""

    release: str
    relative: dict[str, str]
    """Their paths below the release's directory, without the suffix of a compressor."""
    contents: dict[str, bytes]
    """Uncompressed, each after what it depends on."""
    infos: dict[str, ModuleInfo]
    builtin: dict[str, str]


def closure(blobs: Blobs, trees: Sequence[Tree], wanted: Sequence[str]) -> Closure:
    """The wanted modules (`["*"]` for all) and all they need.

    Raises an error of kind `unknown-module` for one that is not there.
    """
    release, paths, builtin = catalogue(blobs, trees)
    names = sorted(paths) if wanted == ["*"] else [module_name(name) for name in wanted]
    missing = [name for name in names if name not in paths and name not in builtin]
    if missing:
        raise error(Kind.UNKNOWN_MODULE, f"the kernel {release} has no module {', '.join(missing)}",
                    hint="look below /usr/lib/modules of the kernel's package for the name")  # fmt: skip
    contents: dict[str, bytes] = {}
    infos: dict[str, ModuleInfo] = {}

    def visit(name: str, chain: tuple[str, ...]) -> None:
        if name in infos or name in chain or name not in paths:
            return
        path, file = paths[name]
        data = decompressed(path, blobs.read(file.digest))
        info = module_info(data)
        for other in (*info.softdeps, *info.depends):
            # What a module wants from the crypto API is the name of an algorithm: `crc32c` is given by `crc32c_generic`.
            generic = f"{other}_generic"
            visit(generic if other not in paths and generic in paths else other, (*chain, name))
        infos[name] = info
        contents[name] = data

    for name in names:
        visit(name, ())
    start = len(f"{_ROOT}/{release}/")
    relative = {name: paths[name][0][start:].removesuffix(".xz") for name in contents}
    return Closure(release, relative, contents, infos, builtin)


def missing_firmware(job: Job) -> Digest:
    """Step program, of the inputs and parameters of `select`: what modules may ask for and no tree has, as JSON, by module."""
    roles: list[str] = job.parameters["firmware"]
    trees = [job.tree(digest) for role, digest in job.inputs.items() if role not in roles]
    found = closure(job, trees, job.parameters["modules"])
    return job.put(json.dumps(_firmware(found, [job.tree(job.inputs[role]) for role in roles])[1]).encode())


def _firmware(found: Closure, trees: Sequence[Tree]) -> tuple[dict[str, Entry], dict[str, list[str]]]:
    """The entries that the modules ask for, with where their links lead, and what is missing, by module."""
    entries: dict[str, Entry] = {}
    missing: dict[str, list[str]] = {}
    for name, info in found.infos.items():
        for asked in info.firmware:
            files = [path for tree in trees for path in _followed(tree, f"{_FIRMWARE}/{asked}")]
            entries |= {path: tree[path] for path in files for tree in trees if path in tree}
            if not files:
                missing.setdefault(name, []).append(asked)
    return entries, missing


def _followed(tree: Tree, path: str) -> list[str]:
    """A path and those its symbolic links lead to, if a file is at their end."""
    seen: list[str] = []
    while path not in seen:
        entry = tree.get(path)
        seen.append(path)
        if isinstance(entry, File):
            return seen
        if not isinstance(entry, Symlink):
            return []
        path = posixpath.normpath(posixpath.join("/", posixpath.dirname(path), entry.target)).lstrip("/")
    return []


def _tables(found: Closure) -> dict[str, list[str]]:
    """modprobe's tables, by file name."""
    dep, alias, soft = [], [], []
    for name, info in found.infos.items():
        needed = [found.relative[other] for other in _all_depends(name, found.infos) if other in found.relative]
        dep.append(f"{found.relative[name]}: {' '.join(needed)}".rstrip())
        alias += [f"alias {text} {name}" for text in info.aliases]
        if info.softdeps:
            soft.append(f"softdep {name} pre: {' '.join(info.softdeps)}")
    return {
        "modules.dep": sorted(dep),
        "modules.alias": sorted(alias),
        "modules.softdep": sorted(soft),
        "modules.builtin": sorted(found.builtin.values()),
    }


def catalogue(blobs: Blobs, trees: Sequence[Tree]) -> tuple[str, dict[str, tuple[str, File]], dict[str, str]]:
    """The release, path and file of each module by name, and the built-in ones by name."""
    releases = {path.split("/")[3] for tree in trees for path in tree if path.startswith(_ROOT + "/")}
    if len(releases) != 1:
        listing = f": {', '.join(sorted(releases))}" if releases else ""
        raise error(Kind.BAD_TREE, f"the modules of a system are of one kernel release, these of {len(releases)}{listing}",
                    hint="see boot.kernel_package and boot.extra_module_packages")  # fmt: skip
    release = releases.pop()
    paths = {
        module_name(path): (path, entry)
        for tree in trees
        for path, entry in tree.items()
        if path.endswith(_SUFFIXES) and isinstance(entry, File)
    }
    builtin: dict[str, str] = {}
    for tree in trees:
        entry = tree.get(f"{_ROOT}/{release}/modules.builtin")
        if isinstance(entry, File):
            builtin |= {module_name(line): line for line in blobs.read(entry.digest).decode().splitlines()}
    return release, paths, builtin


def _all_depends(name: str, infos: Mapping[str, ModuleInfo]) -> list[str]:
    """Everything a module needs, each once and before what it needs itself: modprobe loads from the end (modules.dep(5))."""
    found: dict[str, None] = {}

    def visit(one: str) -> None:
        for other in reversed(infos[one].depends):
            if other not in found and other in infos:
                visit(other)
                found[other] = None

    visit(name)
    return list(reversed(found))


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
