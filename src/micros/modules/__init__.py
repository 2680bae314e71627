"""What a system can be told. One file = one module; the folders mirror the option tree.

Every module class can be imported from here by name: `from micros.modules import Getty, Networking`.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from typing import Any

from micros.lang import Module, Record, leaf_type, string_filter
from micros.packages import Package, package, with_markers


def _package(value: Any) -> Package:
    """A package from its name, as data spells it: `"curl"` or `"pkgs.curl"`."""
    if not isinstance(value, str):
        raise TypeError("not a package")
    return package(value)


leaf_type(Package, coerce=_package, name="package")
string_filter(with_markers)


@functools.cache
def _classes() -> dict[str, type[Any]]:
    """Every module and record class of this package, by name."""
    found: dict[str, type[Any]] = {}
    for info in sorted(pkgutil.walk_packages(__path__, __name__ + "."), key=lambda info: info.name):
        module = importlib.import_module(info.name)
        for name, value in vars(module).items():
            if inspect.isclass(value) and issubclass(value, Module | Record) and value.__module__ == info.name:
                found[name] = value
    return found


def all_modules() -> list[type[Module]]:
    """Every module class, in the order of their files: the base of each system."""
    return [value for value in _classes().values() if issubclass(value, Module)]


def public_names() -> dict[str, str]:
    """The file each public class comes from: what `__init__.pyi` lists."""
    return {name: value.__module__ for name, value in _classes().items() if not name.startswith("_")}


def __getattr__(name: str) -> Any:
    if name == "__all__":  # `from micros.modules import *` asks for it
        return list(public_names())
    if not name.startswith("_") and name in _classes():
        return _classes()[name]
    raise AttributeError(f"micros.modules has no {name!r}")
