"""Formats of settings: each pairs the type of an option with a function that writes its value as text.

    class Nginx(Module, at="services.nginx"):
        settings: Annotated[dict[str, Any], formats.INI] = option(default={}, doc="Settings of nginx, as its manual says.")

        @defines(Etc.files["nginx.ini"])
        def file(self, config: Config) -> str:
            return formats.INI.generate(self.settings)

The type checks what can be written before anything is, with the place of what cannot; definitions of several modules merge
key by key. The same value always gives the same text: names are sorted. Nothing of a value is lost but what the format
cannot say, which its type refuses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from micros.lang.containers import AttrsOf, CoercedTo, Either, ListOf
from micros.lang.formats import ini_text
from micros.lang.formats.data_text import json_text, toml_text, yaml_text
from micros.lang.formats.values import ATOM, JSON_VALUE, TOML_TABLE, YAML_VALUE, named, section
from micros.lang.reading import plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.lang.types import Type


@dataclass(frozen=True, slots=True)
class Format:
    """A type and how its values are written; stands in annotations: `Annotated[dict[str, Any], JSON]`."""

    name: str
    type: Type
    write: Callable[[Any], str]

    def generate(self, value: Any) -> str:
        """The value, which the type has accepted, as text that ends in a newline."""
        return self.write(plain(value))


JSON = Format("JSON", JSON_VALUE, json_text)
"""RFC 8259, indented by two spaces."""
YAML = Format("YAML", YAML_VALUE, yaml_text)
"""YAML 1.2 and 1.1 alike: texts are always in double quotes, so `no` and `1.0` stay texts."""
TOML = Format("TOML", TOML_TABLE, toml_text)
"""TOML 1.0; null has no spelling and is refused, at the top and inside."""


def ini(
    *,
    duplicate_keys: bool = False,
    join: Callable[[list[Any]], str] | None = None,
    lists: bool = False,
    global_section: bool = False,
) -> Format:
    """Sections of keys with atoms: `[section]` and `key=value`. A key whose value is null is left out.

    A list of atoms is refused, unless `duplicate_keys` writes its key once for each, or `join` makes one text of it. With
    `lists` a single atom becomes a list of one, so that definitions of several modules add up. With `global_section` the
    value is `{"globalSection": {...}, "sections": {...}}`, and the former's keys stand before all sections.
    """
    many = duplicate_keys or join is not None
    values = _listed(lists) if many else ATOM
    sections = AttrsOf(section("INI file", values))
    if not global_section:
        return Format("INI", sections, lambda value: ini_text.ini({}, value, join))
    both = ini_text.with_global(section("INI file", values), sections)
    return Format("INI", both, lambda value: ini_text.ini(value["globalSection"], value["sections"], join))


def key_value(*, separator: str = "=", duplicate_keys: bool = False, lists: bool = False) -> Format:
    """Lines of `key=value`, with another separator where one is given. A key whose value is null is left out."""
    kind = AttrsOf(_listed(lists) if duplicate_keys else ATOM)
    return Format("key-value", kind, lambda value: ini_text.key_value(value, separator))


def git_ini(*, lists: bool = False) -> Format:
    """Git's own INI: `[section]` and `[section "sub"]` with indented keys, a list as a key for each (git-config(1))."""
    atoms = _listed(lists)
    inner = named(Either(atoms, AttrsOf(atoms)), "value of git's INI file, or a subsection of such")
    return Format("git INI", AttrsOf(AttrsOf(inner)), ini_text.git)


def _listed(lists: bool) -> Type:
    """Atoms, or lists of them."""
    if lists:
        return named(CoercedTo(ATOM, lambda value: [value], ListOf(ATOM)), f"{ATOM.description} or a list of them")
    return named(Either(ATOM, ListOf(ATOM)), f"{ATOM.description} or a list of them for duplicate keys")


INI = ini()
"""INI with one atom for each key."""
SYSTEMD = ini(duplicate_keys=True)
"""Units of systemd: INI where a list is a key for each of its values (systemd.syntax(7))."""
KEY_VALUE = key_value()
GIT_INI = git_ini()

__all__ = ["GIT_INI", "INI", "JSON", "KEY_VALUE", "SYSTEMD", "TOML", "YAML", "Format", "git_ini", "ini", "key_value"]
