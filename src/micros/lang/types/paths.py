"""Paths, and packages as things that lie in a store of packages."""

# ruff: noqa: ARG002 - methods of types take what any type may need
from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, error
from micros.lang.places import place
from micros.lang.types.base import Type, is_str, not_unique
from micros.lang.values import PathValue, bare

if TYPE_CHECKING:
    from micros.base.where import Where
    from micros.lang.evaluation import Evaluation
    from micros.lang.merging import Def
    from micros.lang.values import Loc

_IN_STORE = re.compile(r"/nix/store/[0-9a-df-np-sv-z]{32}-[0-9A-Za-z+._?=-]+(/.*)?")


class PathKind(Type):
    """Paths: in the Nix store or not, absolute or not, None for either.

    Raises an error of kind `bad-declaration` for a relative path in the store.
    """

    name = "path"
    immediate = True

    def __init__(self, *, in_store: bool | None = None, absolute: bool | None = None) -> None:
        super().__init__()
        if in_store and absolute is False:
            raise error(Kind.BAD_DECLARATION, "a path in the store is absolute: inStore and not absolute exclude each other")
        self.in_store, self.absolute = in_store, absolute
        kind = {None: "", True: "absolute ", False: "relative "}[absolute]
        where = {None: "", True: " in the Nix store", False: " not in the Nix store"}[in_store]
        self.description = f"{kind}path{where}"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type.

        What must not lie in the store is a text: a path value could be copied there.
        """
        if not (is_str(value) if self.in_store is False else isinstance(value, str | PurePath)):
            return False
        text = str(value)
        if self.in_store is not None and bool(_IN_STORE.fullmatch(text)) is not self.in_store:
            return False
        return self.absolute is None or text.startswith("/") is self.absolute

    def fits(self, other: Any) -> bool:
        """Whether another type of this class says the same."""
        return (self.in_store, self.absolute) == (other.in_store, other.absolute)


PATH = PathKind(absolute=True)
PATH_IN_STORE = PathKind(in_store=True)
EXTERNAL_PATH = PathKind(absolute=True, in_store=False)


class PackageKind(Type):
    """A package: something that says it is one (`type` is "derivation"), or the path of one in the store.

    Several definitions do not merge. A path becomes a package with `name` and `outPath`.
    """

    name = "package"
    description = "package"

    def __init__(self, *, shell: bool = False) -> None:
        super().__init__()
        self.shell = shell

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        if isinstance(value, Mapping):
            return bare(value.get("type")) == "derivation" and (not self.shell or "shellPath" in value)
        return not self.shell and isinstance(value, str | PurePath) and _store_path(str(value)) is not None

    def fits(self, other: Any) -> bool:
        """Whether another type of this class says the same."""
        return bool(self.shell == other.shell)

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        if len(defs) > 1:
            raise not_unique(loc, defs)
        value = bare(defs[0].value)
        if isinstance(value, Mapping):
            return value
        path = str(value)
        return {"type": "derivation", "name": path.rsplit("/", 1)[1][33:], "outPath": path, "outputName": "out"}


def _store_path(text: str) -> re.Match[str] | None:
    found = _IN_STORE.fullmatch(text)
    return found if found is not None and found[1] is None else None


PACKAGE, SHELL_PACKAGE = PackageKind(), PackageKind(shell=True)


@dataclass(frozen=True, slots=True)
class Located:
    """A text or path with the place that named it."""

    value: str
    is_path: bool
    """Whether it was given as a path, not as a text."""
    where: Where

    @property
    def file(self) -> Path:
        """The file it means, if it means one: relative to the file that named it, or to the working directory where that is
        no file."""
        folder = "" if self.where.file.startswith("<") else os.path.dirname(self.where.file)
        return Path(os.path.abspath(os.path.join(folder, self.value)))

    def __str__(self) -> str:
        return self.value


class LocatedKind(Type):
    """Texts and paths that keep the place that named them, as `Located`."""

    name, description = "source", "text or path"

    def accepts(self, value: Any) -> bool:
        """Whether a value, as far as its outside tells, is of this type."""
        return isinstance(value, str | PurePath | Located)

    def combine(self, ev: Evaluation, loc: Loc, defs: list[Def]) -> Any:
        """One value of computed, valid definitions."""
        from micros.lang.annotations import type_of

        value = super().combine(ev, loc, defs)
        if isinstance(value, Located):
            return value
        is_path = isinstance(value, PurePath | PathValue)
        text = str(value) if is_path else type_of(str).combine(ev, loc, defs)
        return Located(text, is_path, place(defs[0].where))


LOCATED = LocatedKind()


def located(value: str | Path | Located) -> Located:
    """The value of an option of type `Source`, which is a `Located` once it is read."""
    assert isinstance(value, Located)
    return value
