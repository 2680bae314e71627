"""Kernel modules that options name: who named them, and whether the kernel has them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from micros.base.errors import Kind, MicrosError, Note, Problem
from micros.formats.kmod import catalogue, module_name
from micros.lang.places import place
from micros.lang.purity import is_module

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from micros.base.tree import Tree
    from micros.lang import Evaluation
    from micros.store.store import Store

OPTIONS = (
    "boot.initrd.kernel_modules",
    "boot.initrd.available_kernel_modules",
    "boot.kernel_modules",
    "boot.supported_filesystems",
    "storage.root.kernel_modules",
    "networking.drivers",
    "images.netboot.drivers",
    "services.mdevd.kernel_modules",
    "services.rngd.drivers",
)
"""The lists that name modules; those of modules of ours take from the later ones."""


def module_places(evaluation: Evaluation, names: Iterable[str]) -> dict[str, tuple[Note, ...]]:
    """For each of the modules the places that name it: the user's where there are any, else ours."""
    found: dict[str, list[tuple[bool, Note]]] = {name: [] for name in sorted(names)}
    for path in OPTIONS:
        cell = evaluation.option_at(tuple(path.split(".")))
        for definition in cell.surviving():
            where = place(definition.where)
            for name in cell.type.merge(evaluation, cell.loc, [definition]):
                if name in found:
                    found[name].append((is_module(where.file), Note(where, path)))
    return {
        name: tuple(note for ours, note in notes if not ours) or tuple(note for _, note in notes) for name, notes in found.items()
    }


def check_modules(names: Iterable[str], places: Mapping[str, tuple[Note, ...]], store: Store, trees: Sequence[Tree]) -> None:
    """Raise one error of every module that the kernel neither has nor has built in: who wants it, and what is called alike."""
    release, paths, builtin = catalogue(store, trees)
    known = paths.keys() | builtin.keys()
    problems = []
    for name in dict.fromkeys(names):
        if module_name(name) in known:
            continue
        close = difflib.get_close_matches(module_name(name), sorted(known), 3)
        notes = places.get(name, ())
        options = dict.fromkeys(note.text for note in notes)
        message = f"{', '.join(options) or 'the system'}: the kernel {release} has no module {name!r}"
        hint = f"did you mean {' or '.join(close)}?" if close else "another kernel may have it: see boot.kernel_package"
        problems.append(Problem(Kind.UNKNOWN_MODULE, message, notes, hint))
    if problems:
        raise MicrosError(*problems)


def check_built_in(names: Iterable[str], store: Store, kernel: Tree) -> None:
    """Raise an error where the kernel has one of these only as a module, so that it cannot mount its root without an initrd."""
    release, _, builtin = catalogue(store, [kernel])
    missing = [name for name in dict.fromkeys(names) if module_name(name) not in builtin]
    if missing:
        message = f"boot.initrd.enable is false, but the kernel {release} has {', '.join(missing)} as modules only"
        hint = "without an initrd the drivers of the root must be built into the kernel: see boot.kernel_package"
        raise MicrosError(Problem(Kind.UNKNOWN_MODULE, message, (), hint))
