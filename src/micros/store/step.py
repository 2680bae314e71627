"""Steps: what to run, on what, with which parameters; and the key that stands for the result."""

from __future__ import annotations

import functools
import importlib.util
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from micros.base.digest import Digest, digest_of, digest_of_json

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, eq=False)
class Step:
    """One pure function of `formats`, by name, and what it is given.

    `program` is `module:function`, a `base.step` program. Inputs are digests in the store, or steps that give them.
    """

    program: str
    inputs: Mapping[str, Digest | Step] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    """For people: what it makes, such as `root.squashfs`."""
    output: Literal["blob", "tree"] = "blob"
    secrets: Mapping[str, Path] = field(default_factory=dict)
    """Files of the user, by role, that the program may read where they lie and that never go into the store. They are no part of
    the key: the inputs must determine the result, as a certificate determines what its only key signs."""

    @property
    def label(self) -> str:
        """The name, else the program."""
        return self.name or self.program.rpartition(".")[2]


def step_key(step: Step, inputs: Mapping[str, Digest]) -> Digest:
    """The digest of everything that can change the result: program and its code, libraries, parameters, inputs."""
    return digest_of_json(
        {
            "program": step.program,
            "code": code_digest(step.program.partition(":")[0]),
            "output": step.output,
            "inputs": dict(inputs),
            "parameters": dict(step.parameters),
        }
    )


@functools.cache
def code_digest(module: str) -> Digest:
    """The digest of a program's code: its file, every file it imports, directly or not, of ours and of its own
    top-level package, the data files beside those, and the libraries that make bytes.

    Contents are read once a process, never dates: an edit that keeps size and time is an edit.
    """
    found: dict[str, list[tuple[str, Digest]]] = {}
    pending = [module]
    while pending:
        name = pending.pop()
        if name not in found:
            found[name], imported = _source(name)
            pending += imported
    if not found[module]:
        raise ModuleNotFoundError(f"a step names the program module {module}, which does not exist", name=module)
    return digest_of_json([found, library_versions()])


_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import\b[ \t]*(\([^)]*\)|.*)|import[ \t]+(.*))", re.MULTILINE)
_OURS = Path(__file__).parents[1]


@functools.cache
def _source(name: str) -> tuple[list[tuple[str, Digest]], list[str]]:
    """A module's file and the data files beside it, by name with their digests; and the modules it may import, of ours
    and of its own top-level package.

    The latter is read off the text, so that imports inside functions and for type checkers count. Names that are no
    modules have no file, and count as nothing.
    """
    path = _file_of(name)
    if path is None:
        return [], []
    text = path.read_bytes()
    first = name.partition(".")[0]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    imported = [found for found in _imports(text.decode(), package) if found.partition(".")[0] in ("micros", first)]
    if first != "micros":  # the files of ours above a module only gather names
        imported += _packages_above([name, *(found for found in imported if found.partition(".")[0] == first)])
    return [("", digest_of(text)), *_data_beside(path.parent)], imported


def _imports(text: str, package: str) -> list[str]:
    """Names that may be modules, of what a module in this package imports."""
    found: list[str] = []
    for match in _IMPORT.finditer(text.replace("\\\n", " ") if "\\\n" in text else text):
        source, names, plain = match.groups()
        if plain is not None:
            found += re.findall(r"[\w.]+", plain)
            continue
        if source.startswith("."):
            relative = source.lstrip(".")
            above = package.split(".")[: package.count(".") + 2 - (len(source) - len(relative))]
            source = ".".join([*above, relative] if relative else above)
        found += [source, *(f"{source}.{word}" for word in re.findall(r"\w+", names))]
    return found


def _packages_above(names: list[str]) -> list[str]:
    """The packages whose `__init__` runs before these modules do."""
    return [name[: dot.start()] for name in names for dot in re.finditer(r"\.", name)]


def _file_of(name: str) -> Path | None:
    """A module's source file. The import system, which is slow to say no and runs packages to look into them, is asked
    for the top-level package alone.
    """
    first, *rest = name.split(".")
    bases = [place.joinpath(*rest) for place in ((_OURS,) if first == "micros" else _places(first))]
    candidates = (path for base in bases for path in (base.with_suffix(".py"), base / "__init__.py"))
    return next((path for path in candidates if path.is_file()), None)


@functools.cache
def _places(first: str) -> tuple[Path, ...]:
    """The directories of a top-level package, or the file of a top-level module without its suffix."""
    spec = importlib.util.find_spec(first)
    if spec is None:
        return ()
    if spec.submodule_search_locations is not None:
        return tuple(map(Path, spec.submodule_search_locations))
    return (Path(spec.origin).with_suffix(""),) if spec.origin is not None else ()


@functools.cache
def _data_beside(directory: Path) -> list[tuple[str, Digest]]:
    files = sorted(path for path in directory.iterdir() if path.is_file() and path.suffix not in (".py", ".pyc", ".pyi"))
    return [(path.name, digest_of(path.read_bytes())) for path in files]


@functools.cache
def library_versions() -> tuple[str, ...]:
    """The compressors whose output lands in images, with their versions, as their wheels' directories name them."""
    names = ("cramjam", "zlib_ng", "zstandard")
    found = []
    for entry in sys.path:
        for name in names:
            found += [path.name for path in Path(entry).glob(f"{name}-*.dist-info")] if entry else []
    return tuple(sorted(set(found)))
