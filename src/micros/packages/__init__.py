"""What can be installed: packages as values.

`pkgs.curl` is Debian's package `curl`; `pkgs["linux-image-cloud-amd64"]` and `pkgs.linux_image_cloud_amd64` are the
same. A package in a text, `f"{pkgs.curl}/usr/bin/curl"`, stands for the root of the file system and puts the package
into the system by itself: the text carries a marker of ordinary characters, which vanishes when the text is written.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from micros.base.errors import Kind, error

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_MARKER = re.compile(r"/_pkg_:([a-z0-9][a-z0-9+.-]*[a-z0-9+]):")
_PART = re.compile(r"/_only_:([a-z0-9][a-z0-9+.-]*[a-z0-9+]):(/[A-Za-z0-9_./+-]+)")
_PART_MARKER = re.compile(r"/_only_:[a-z0-9][a-z0-9+.-]*[a-z0-9+]:")
_REFERENCE = re.compile(r"\$\{pkgs\.([A-Za-z0-9_+.-]+)\}")


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """A package of the archive, by name (Debian policy 5.6.1)."""

    name: str

    def __str__(self) -> str:
        return f"/_pkg_:{self.name}:"

    def only(self, path: str) -> str:
        """An absolute path in a text, which brings this one file and what it needs: of a large package, one program."""
        return f"/_only_:{self.name}:{path}"

    def __micros_show__(self) -> str:
        """As messages and documentation write it."""
        return f"pkgs.{self.name}"


class Packages:
    """All packages, as attributes."""

    def __getattr__(self, name: str) -> Package:
        if name.startswith("_"):
            raise AttributeError(name)
        return package(name)

    def __getitem__(self, name: str) -> Package:
        return package(name)


pkgs = Packages()


def package(name: str) -> Package:
    """The package of this name; `_` stands for `-`, and `pkgs.` may stand in front."""
    plain = name.removeprefix("pkgs.").replace("_", "-")
    if not _NAME.fullmatch(plain):
        raise error(Kind.UNKNOWN_PACKAGE, f"{name!r} cannot be the name of a package")
    return Package(plain)


def with_markers(text: str) -> str:
    """A text of the data surface with `${pkgs.name}` turned into what an f-string would have written."""
    return _REFERENCE.sub(lambda match: str(package(match[1])), text)


def packages_in(text: str) -> list[Package]:
    """The packages whose markers a text carries, in order."""
    return [Package(name) for name in _MARKER.findall(text)]


def parts_in(text: str) -> list[tuple[str, str]]:
    """Package and absolute path of the single files that a text brings, in order."""
    return [(found[1], found[2]) for found in _PART.finditer(text)]


def without_markers(text: str) -> str:
    """The text as it is written: each marker is the root, so `{pkgs.curl}/usr/bin/curl` is `/usr/bin/curl`."""
    return _PART_MARKER.sub("", _MARKER.sub("", text))
