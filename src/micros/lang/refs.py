"""Options as the classes that declare them hold them: targets of definitions, conditions, and places in a tree."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeVar, overload

from micros.base.errors import Kind, error
from micros.base.where import Where
from micros.lang.modules import UNSET, Decl
from micros.lang.values import Loc, parse_path, show_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from micros.lang.surface import Base
    from micros.lang.types import Type

T = TypeVar("T")

REQUIRED: Any = UNSET
"""The default of an option that has none: `option(default=REQUIRED)`."""


class Ref:
    """An option, or something below one, as a target of a definition or a condition."""

    __slots__ = ("_base", "_parts")

    def __init__(self, base: Option, parts: Loc = ()) -> None:
        self._base = base
        self._parts = parts

    @property
    def path(self) -> Loc:
        """Where it lies, from the top of its module's tree (of its record, where a record owns it)."""
        return self._base.path + self._parts

    def __getitem__(self, key: Any) -> Ref:
        keys = key if isinstance(key, tuple) else (key,)
        return Ref(self._base, self._parts + tuple(str(part) for part in keys if part is not ...))

    def __getattr__(self, name: str) -> Ref:
        if name.startswith("_"):
            raise AttributeError(name)
        return Ref(self._base, (*self._parts, name))

    def __bool__(self) -> bool:
        raise no_value(self.path)

    def __str__(self) -> str:
        raise no_value(self.path)

    def __iter__(self) -> Any:
        raise no_value(self.path)

    def __repr__(self) -> str:
        return f"<{self.__micros_show__()}>"

    def __micros_show__(self) -> str:
        """As messages write it."""
        return f"option {show_path(self.path)}"


def no_value(path: Loc) -> Exception:
    """The error of an option that is read where it has no value."""
    return error(
        Kind.IMPURE,
        f"`{show_path(path)}` has no value here: options have values only inside bodies",
        at=outside(),
        hint="read it in a method (`self.x`, `config[Other].x`), or write lazy(lambda config: ...)",
    )


_INTERNAL = ("micros.lang", "micros.system", "micros.cli", "functools")


def outside_frame() -> FrameType:
    """The nearest frame that is not the language's own."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_INTERNAL):
        frame = frame.f_back
    return frame


def outside() -> Where:
    """The nearest line that is not the language's own."""
    frame = outside_frame()
    return Where(frame.f_code.co_filename, frame.f_lineno)


class Option(Ref):
    """A declared option of a class; read from an instance inside a body, it is the value."""

    __slots__ = ("aliases", "annotation", "arguments", "name", "owner", "where")

    def __init__(self, where: Where, aliases: list[str], arguments: dict[str, Any]) -> None:
        super().__init__(self)
        self.where, self.aliases, self.arguments = where, aliases, arguments
        self.name = ""
        self.owner: type[Base] | None = None
        self.annotation: Any = Any

    @property
    def path(self) -> Loc:
        """Where it lies, from the top of its module's tree."""
        return (*(self.owner.__at__ if self.owner is not None else ()), self.name)

    def __set_name__(self, owner: type[Base], name: str) -> None:
        self.owner, self.name = owner, name

    def __get__(self, instance: Base | None, owner: type) -> Any:
        if instance is None:
            return self
        if instance._view is None:
            raise no_value(self.path)
        return instance._view[self.name]

    def __set__(self, instance: Base, value: object) -> None:
        raise error(Kind.IMPURE, f"`{show_path(self.path)}` cannot be assigned", at=outside(), hint="give it in the call")

    def declaration(self, kind: Type) -> Decl:
        """The neutral record."""
        return Decl(kind, where=self.where, **self.arguments)


@overload
def option(
    *,
    default: T,
    doc: str = ...,
    example: Any = ...,
    aliases: list[str] = ...,
    read_only: bool = ...,
    internal: bool = ...,
    visible: bool | str = ...,
    default_text: str = ...,
    apply: Callable[[Any], Any] | None = ...,
    entries: dict[str, str] | None = ...,
) -> T: ...
@overload
def option(
    *,
    doc: str = ...,
    example: Any = ...,
    aliases: list[str] = ...,
    read_only: bool = ...,
    internal: bool = ...,
    visible: bool | str = ...,
    default_text: str = ...,
    apply: Callable[[Any], Any] | None = ...,
    entries: dict[str, str] | None = ...,
) -> Any: ...
def option(
    *,
    default: Any = REQUIRED,
    doc: str = "",
    example: Any = UNSET,
    aliases: list[str] | None = None,
    read_only: bool = False,
    internal: bool = False,
    visible: bool | str = True,
    default_text: str | None = None,
    apply: Callable[[Any], Any] | None = None,
    entries: dict[str, str] | None = None,
) -> Any:
    """Declare an option: a field of a `Module` or a `Record`.

    `doc` is Markdown; `aliases` are dotted paths of other names it can be set and read by; `read_only` allows one
    definition, the default included; `apply` maps the merged value. `entries` are names in a mapping that stand for other
    options: with `{"groups": "groups"}` what is set as its entry `groups` is set as the option `groups`.
    """
    frame = sys._getframe(1)
    where = Where(frame.f_code.co_filename, frame.f_lineno)
    arguments = {
        "default": default,
        "description": doc or UNSET,
        "example": example,
        "read_only": read_only or None,
        "internal": internal or None,
        "visible": None if visible is True else visible,
        "default_text": default_text if default_text is not None else UNSET,
        "apply": apply,
        "entries": {name: parse_path(path) for name, path in (entries or {}).items()},
    }
    return Option(where, aliases or [], arguments)
