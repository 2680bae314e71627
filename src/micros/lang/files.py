"""Data files as modules that may import others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.base.where import Where
from micros.lang.data import load_file
from micros.lang.places import place
from micros.lang.values import At, Deferred, bare

if TYPE_CHECKING:
    from pathlib import Path

    from micros.lang.modules import Spec


def data_file(path: Path) -> Spec:
    """A module of a TOML or JSON file; its `imports` are paths of others, relative to where it lies."""
    spec = load_file(path)
    if "imports" not in spec.config:
        return spec
    given = spec.config.pop("imports")
    names = bare(given)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        where = place(given.where) if isinstance(given, At) else Where(str(path))
        raise error(Kind.BAD_MODULE, "`imports` is not a list of paths", at=where, hint='imports = ["other.toml"]')
    # Read when the importing is done, so that files may import each other.
    spec.imports = [_later(path.parent / name) for name in names]
    return spec


def _later(path: Path) -> Deferred:
    return Deferred(lambda _: data_file(path))
