"""Steps: what to run, on what, with which parameters; and the key that stands for the result."""

from __future__ import annotations

import functools
import importlib.util
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
    """The digest of a program's code: all of its layer, of what every layer uses, and the libraries that make bytes.

    Contents are read once a process, never dates: an edit that keeps size and time is an edit.
    """
    parts = module.split(".")
    layer = ".".join(parts[:2]) if parts[0] == "micros" else parts[0]
    used = {layer, "micros.base", "micros.machine", "micros.formats"}
    sources = {name: _sources_digest(name) for name in sorted(used)}
    return digest_of_json([sources, library_versions()])


@functools.cache
def _sources_digest(name: str) -> str:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"a step names the program module {name}, which does not exist", name=name)
    if not spec.submodule_search_locations:
        return digest_of(Path(spec.origin).read_bytes())
    listing = []
    for location in spec.submodule_search_locations:
        root = Path(location)
        for path in sorted(root.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                listing.append((path.relative_to(root).as_posix(), digest_of(path.read_bytes())))
    return digest_of_json(listing)


@functools.cache
def library_versions() -> tuple[str, ...]:
    """The compressors whose output lands in images, with their versions, as their wheels' directories name them."""
    names = ("cramjam", "zlib_ng", "zstandard")
    found = []
    for entry in sys.path:
        for name in names:
            found += [path.name for path in Path(entry).glob(f"{name}-*.dist-info")] if entry else []
    return tuple(sorted(set(found)))
