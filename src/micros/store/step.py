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
    """The digest of a program's code: its file, every file of ours it imports, directly or not, the data files beside
    those, and the libraries that make bytes.

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


_IMPORT = re.compile(r"^[ \t]*(?:from +(micros[\w.]*) +import +(\([^)]*\)|.*)|import +(micros[\w.]*))", re.MULTILINE)
_OURS = Path(__file__).parents[1]


@functools.cache
def _source(name: str) -> tuple[list[tuple[str, Digest]], list[str]]:
    """A module's file and the data files beside it, by name with their digests; and the modules of ours it may import.

    The latter is read off the text, so that imports inside functions and for type checkers count. Names that are no
    modules have no file, and count as nothing.
    """
    path = _file_of(name)
    if path is None:
        return [], []
    text = path.read_bytes()
    imported: list[str] = []
    for match in _IMPORT.finditer(text.decode()):
        package = match[1] or match[3]
        imported += [package, *(f"{package}.{word}" for word in re.findall(r"\w+", match[2] or ""))]
    return [("", digest_of(text)), *_data_beside(path.parent)], imported


def _file_of(name: str) -> Path | None:
    """A module's source file; ours are found without asking the import system, which is slow to say no."""
    first, *rest = name.split(".")
    if first != "micros":
        spec = importlib.util.find_spec(name)
        return Path(spec.origin) if spec is not None and spec.origin is not None else None
    base = _OURS.joinpath(*rest)
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


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
