"""The typed surface: modules and records as classes, options as annotated fields, methods as deferred definitions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

from micros.base.errors import Kind, error
from micros.base.where import Where
from micros.lang.bodies import Body, Entry, Hook, below, check, defines, definition_of, reading, warns
from micros.lang.modules import Decl, Spec, spec_of
from micros.lang.places import KeySite, Site
from micros.lang.refs import REQUIRED, Option, option, outside, outside_frame
from micros.lang.values import At, Loc, Merge, parse_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType

    from micros.lang.evaluation import Evaluation


@dataclass_transform(kw_only_default=True, field_specifiers=(option,))
class Base:
    """What modules and records share: options from annotated fields, bodies and checks from methods."""

    __at__: ClassVar[Loc] = ()
    __options__: ClassVar[dict[str, Option]] = {}
    __bodies__: ClassVar[list[Body]] = []
    __hooks__: ClassVar[dict[str, Hook]] = {}
    __spec__: ClassVar[Spec | None] = None
    __freeform__: ClassVar[Any] = None
    __own_tree__: ClassVar[bool] = False
    """Whether its options are at the top of a tree of their own: a record's are."""
    if TYPE_CHECKING:
        _view: ClassVar[Any]
        _ev: ClassVar[Any]
        _given: ClassVar[dict[str, Any]]
        _site: ClassVar[dict[str, Site]]
    if not TYPE_CHECKING:

        def __init__(self, *values: Any, **given: Any) -> None:
            if values:
                name, first = type(self).__name__, next(iter(type(self).__options__), "option")
                headline = f"{name}(...) takes its options by name"
                raise error(Kind.WRONG_TYPE, headline, at=outside(), hint=f"write {name}({first}=...)")
            self._view = None
            self._ev = None
            self._given = given
            frame = sys._getframe(1)
            self._site = {name: Site(frame, name) for name in given} or {"": Site(frame, "")}

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.__options__ = dict(cls.__options__)
        cls.__bodies__ = list(cls.__bodies__)
        cls.__hooks__ = dict(cls.__hooks__)
        cls.__spec__ = None
        for name, value in list(vars(cls).items()):
            if isinstance(value, Option):
                cls.__options__[name] = value
            elif isinstance(value, Body):
                cls.__bodies__.append(value)
            elif isinstance(value, Hook):
                cls.__hooks__[name] = value

    def __micros_value__(self) -> dict[str, Any]:
        """This call as data: each field with the line that gave it."""
        return {name: At(self._site[name], value) for name, value in self._given.items()}

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or self._view is None:
                raise AttributeError(name)
            try:
                return self._view[name]
            except KeyError:
                raise self._view._ev.unknown((*self._view._node.path, name)) from None


def _own_spec(cls: type[Base]) -> Spec:
    """The module record of a class: its declarations, and its methods as definitions."""
    from micros.lang.annotations import freeform_type, types_of

    kinds = types_of(cls)
    options: dict[str, Any] = {}
    extra: list[Any] = []
    for name, field in cls.__options__.items():
        options[name] = field.declaration(kinds[name])
    tree: dict[str, Any] = options
    for part in reversed(cls.__at__):
        tree = {part: tree}
    for name, field in cls.__options__.items():
        for alias in field.aliases:
            _plant(tree, parse_path(alias), Decl(where=field.where, redirect=(*cls.__at__, name), silent=True))
    for body in cls.__bodies__:
        extra.append(definition_of(cls, body))
    module = sys.modules.get(cls.__module__)
    file = Where(getattr(module, "__file__", None) or cls.__module__)
    freeform = None if cls.__freeform__ is None else freeform_type(cls.__freeform__)
    return Spec(file=file, options=tree, config=Merge(extra) if extra else None, freeform=freeform)


def _plant(tree: dict[str, Any], path: Loc, decl: Decl) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = decl


class _RecordAccess:
    """The neutral record of a record class; an instance is a value, not a module."""

    def __get__(self, instance: Any, owner: Any) -> Callable[[], Spec]:
        if instance is not None:
            raise AttributeError("__micros_module__")
        return lambda: _record_spec(owner)


def _record_spec(cls: Any) -> Spec:
    spec = cls.__dict__.get("__spec__")
    if not isinstance(spec, Spec):
        spec = cls.__spec__ = _own_spec(cls)
    return spec


class Record(Base):
    """A value made of options: an entry of a mapping or a list, or a value of its own.

    With `freeform` it is open: names that it does not declare are welcome too, each of this type. That is for settings of
    programs that have more of them than anyone declares: `class Settings(Record, freeform=str | int | bool)`, or a whole
    format, `freeform=formats.TOML`. `Settings(port=80) | {"log-level": "info"}` sets one, `settings["log-level"]` reads it.
    """

    __own_tree__ = True
    __micros_module__ = _RecordAccess()

    def __init_subclass__(cls, *, freeform: Any = None, **keywords: Any) -> None:
        if freeform is not None:
            cls.__freeform__ = freeform
        super().__init_subclass__(**keywords)

    def __or__(self, more: Mapping[str, Any]) -> Self:
        """The same with more fields, by their names as they are written."""
        result: Any = object.__new__(type(self))
        result._view, result._ev = None, None
        result._given = {**self._given, **more}
        site = Site(sys._getframe(1), "")
        result._site = {**self._site, **dict.fromkeys(more, site)}
        return result  # type: ignore[no-any-return] # an object of its class, made without its __init__

    if TYPE_CHECKING:

        def __getitem__(self, name: str) -> Any:
            """The value of a field that is not declared, or not a name of Python."""


class _ModuleAccess:
    """The neutral record of a class as a module, of an instance as a definition."""

    def __get__(self, instance: Any, owner: Any) -> Callable[[], Spec]:
        return (lambda: _class_spec(owner)) if instance is None else (lambda: _call_spec(instance))


def _class_spec(cls: Any) -> Spec:
    spec = cls.__dict__.get("__spec__")
    if not isinstance(spec, Spec):
        spec = cls.__spec__ = _own_spec(cls)
        spec.key = f"{cls.__module__}.{cls.__qualname__}"
        spec.imports, spec.disabled = list(cls.__imports__), list(cls.__disables__)
    return spec


def _call_spec(instance: Any) -> Spec:
    value: Any = instance.__micros_value__()
    for part in reversed(type(instance).__at__):
        value = {part: value}
    file = next(iter(instance._site.values()))
    return Spec(file=file, imports=[type(instance)], config=value)


class Module(Base):
    """A module: options below `at`, and what they define. Calling it gives a definition of its options.

    `imports` are modules of any form that it brings along; `disables` are modules that do not count where it does, with all
    that only they import: classes, paths of data files, or keys.
    """

    __imports__: ClassVar[list[Any]] = []
    __disables__: ClassVar[list[Any]] = []
    __micros_module__ = _ModuleAccess()

    def __init_subclass__(
        cls, *, at: str = "", imports: list[Any] | None = None, disables: list[Any] | None = None, **keywords: Any
    ) -> None:
        cls.__at__ = parse_path(at)
        cls.__imports__, cls.__disables__ = imports or [], disables or []
        super().__init_subclass__(**keywords)


DEEPEST_PLACE = 16
"""Keys below this many levels are at their parent's line: no option lies as deep."""


def as_data(value: Mapping[str, Any]) -> Spec:
    """A module of plain data, whose keys have the lines of the call that holds them."""
    frame = outside_frame()
    spec = spec_of(dict(value), Site(frame, ""))
    if type(spec.config) is dict:
        spec.config = _keyed(spec.config, frame, ("config",) if "config" in value else ())
    return spec


def _keyed(value: Mapping[str, Any], frame: FrameType, path: Loc) -> dict[str, Any]:
    found = {}
    for name, item in value.items():
        here = (*path, name)
        has_places = type(item) is dict and len(here) < DEEPEST_PLACE
        found[name] = At(KeySite(frame, here, item), _keyed(item, frame, here) if has_places else item)
    return found


def reader(cls: Any, ev: Evaluation) -> Any:
    """A module's options as an instance of its class."""
    return reading(cls, ev, below(ev.config, cls.__at__))


__all__ = [
    "REQUIRED", "Base", "Entry", "Module", "Option", "Record", "as_data", "check", "defines", "option", "reader", "warns",
]  # fmt: skip
