"""The typed surface: modules and records as classes, options as annotated fields, methods as deferred definitions."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, dataclass_transform, overload

from micros.base.errors import Kind, error
from micros.base.where import Where
from micros.lang.modules import UNSET, Decl, Spec
from micros.lang.places import KeySite, Site
from micros.lang.values import At, Deferred, If, Loc, Order, Override, parse_path, show_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType
    from typing import LiteralString

    from micros.lang.evaluation import Config, Evaluation
    from micros.lang.types import Type

T = TypeVar("T")
M = TypeVar("M")

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
        raise _no_value(self.path)

    def __str__(self) -> str:
        raise _no_value(self.path)

    def __iter__(self) -> Any:
        raise _no_value(self.path)

    def __repr__(self) -> str:
        return f"<{self.__micros_show__()}>"

    def __micros_show__(self) -> str:
        """As messages write it."""
        return f"option {show_path(self.path)}"


def _no_value(path: Loc) -> Exception:
    return error(
        Kind.IMPURE,
        f"`{show_path(path)}` has no value here: options have values only inside bodies",
        at=outside(),
        hint="read it in a method (`self.x`, `config[Other].x`), or write lazy(lambda config: ...)",
    )


_INTERNAL = ("micros.lang", "micros.system", "micros.cli", "functools")


def _outside_frame() -> FrameType:
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_INTERNAL):
        frame = frame.f_back
    return frame


def outside() -> Where:
    """The nearest line that is not the language's own."""
    frame = _outside_frame()
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
            raise _no_value(self.path)
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
) -> Any:
    """Declare an option: a field of a `Module` or a `Record`.

    `doc` is Markdown; `aliases` are dotted paths of other names it can be set and read by; `read_only` allows one
    definition, the default included; `apply` maps the merged value.
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
    }
    return Option(where, aliases or [], arguments)


class _Body:
    """A method that defines a target."""

    __slots__ = ("function", "order", "priority", "target", "when")

    def __init__(self, function: Any, target: Any, when: Any, priority: int | None, order: int | None) -> None:
        self.function, self.target, self.when = function, target, when
        self.priority, self.order = priority, order


class _Hook:
    """A method that checks or warns."""

    __slots__ = ("function", "kind")

    def __init__(self, function: Any, kind: str) -> None:
        self.function, self.kind = function, kind


@overload
def defines(  # type: ignore[overload-overlap] # a literal target widens to str in pyright only with this first
    target: LiteralString, *, when: Any = ..., priority: int | None = ..., order: int | None = ...
) -> Callable[[Callable[[Any, Config], str]], Any]: ...
@overload
def defines(
    target: T, *, when: Any = ..., priority: int | None = ..., order: int | None = ...
) -> Callable[[Callable[[Any, Config], T]], Any]: ...
def defines(
    target: Any, *, when: Any = True, priority: int | None = None, order: int | None = None
) -> Callable[[Callable[[Any, Config], Any]], Any]:
    """Make a method a definition of an option, of one key of a mapping, or of a field below one.

    The body runs when the target is read, and only where `when` (a bool option, or `lazy(...)`) holds.
    """
    if not isinstance(target, Ref):
        raise error(Kind.BAD_DECLARATION, "a definition's target is not an option", at=outside(), hint="defines(Other.option)")
    return lambda function: _Body(function, target, when, priority, order)


def check(function: Callable[[Any, Config], str | None]) -> Callable[[Any, Config], str | None]:
    """Make a method an assertion: it returns None, or what is wrong."""
    return _Hook(function, "check")  # type: ignore[return-value] # collected when the class is made


def warns(function: Callable[[Any, Config], Any]) -> Callable[[Any, Config], Any]:
    """Make a method a source of warnings: it returns None, a message, or a list of them."""
    return _Hook(function, "warns")  # type: ignore[return-value] # collected when the class is made


class Entry:
    """What a record's own deferred values read: its options by attribute, `name`, and `entry[Module].x` of the system."""

    __slots__ = ("_entry",)

    def __init__(self, ev: Evaluation) -> None:
        self._entry = ev

    def __getitem__(self, module: type[M]) -> M:
        return root_of(self._entry).config[module]

    def __getattr__(self, name: str) -> Any:
        if name == "name" and name not in self._entry.root.children:
            return self._entry.special_args["name"]
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._entry.config, name)


def root_of(ev: Evaluation) -> Evaluation:
    """The evaluation of the whole system."""
    while ev.parent is not None:
        ev = ev.parent
    return ev


def argument_of(ev: Evaluation) -> Config | Entry:
    """What a deferred value of a user is given: the record where a record's class says it, else the system."""
    return ev.config if ev.parent is None else Entry(ev)


def config_of(ev: Evaluation) -> Config:
    """The configuration as bodies see it: of the whole system, also inside records."""
    return root_of(ev).config


def _below(view: Any, path: Loc) -> Any:
    for name in path:
        view = view[name]
    return view


def _reader(cls: Any, ev: Evaluation, view: Any) -> Any:
    instance = object.__new__(cls)
    instance._view, instance._ev, instance._given, instance._site = view, ev, {}, None
    return instance


@dataclass_transform(kw_only_default=True, field_specifiers=(option,))
class Base:
    """What modules and records share: options from annotated fields, bodies and checks from methods."""

    __at__: ClassVar[Loc] = ()
    __options__: ClassVar[dict[str, Option]] = {}
    __bodies__: ClassVar[list[_Body]] = []
    __hooks__: ClassVar[dict[str, _Hook]] = {}
    __spec__: ClassVar[Spec | None] = None
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
            elif isinstance(value, _Body):
                cls.__bodies__.append(value)
            elif isinstance(value, _Hook):
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
    from micros.lang.annotations import types_of

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
        extra.append(_definition(cls, body))
    from micros.lang.values import Merge

    module = sys.modules.get(cls.__module__)
    file = Where(getattr(module, "__file__", None) or cls.__module__)
    return Spec(file=file, options=tree, config=Merge(extra) if extra else None)


def _plant(tree: dict[str, Any], path: Loc, decl: Decl) -> None:
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = decl


def _definition(cls: type[Base], body: _Body) -> Any:
    """A method as a definition of its target."""
    code = body.function.__code__
    where = Where(code.co_filename, code.co_firstlineno)

    def run(ev: Evaluation) -> Any:
        return body.function(_reader(cls, ev, _below(ev.config, cls.__at__)), config_of(ev))

    value: Any = Deferred(run)
    if body.order is not None:
        value = Order(body.order, value)
    if body.priority is not None:
        value = Override(body.priority, value)
    if body.when is not True:
        value = If(condition_of(body.when), value)
    value = At(where, value)
    for part in reversed(body.target.path):
        value = {part: value}
    return value


def condition_of(condition: Any) -> Any:
    """What stands for a condition: a bool, a deferred bool, or an option that is read."""
    if isinstance(condition, Ref):
        path = condition.path
        ref = condition

        def run(ev: Evaluation) -> Any:
            owner = ref._base.owner
            if owner is not None and issubclass(owner, Record):
                return ev.config.lookup(path)
            return root_of(ev).config.lookup(path)

        return Deferred(run)
    return condition


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
    """A value made of options: an entry of a mapping or a list, or a value of its own."""

    __micros_module__ = _RecordAccess()


class _ModuleAccess:
    """The neutral record of a class as a module, of an instance as a definition."""

    def __get__(self, instance: Any, owner: Any) -> Callable[[], Spec]:
        return (lambda: _class_spec(owner)) if instance is None else (lambda: _call_spec(instance))


def _class_spec(cls: Any) -> Spec:
    spec = cls.__dict__.get("__spec__")
    if not isinstance(spec, Spec):
        spec = cls.__spec__ = _own_spec(cls)
        spec.key = f"{cls.__module__}.{cls.__qualname__}"
        spec.imports = list(getattr(cls, "__imports__", ()))
    return spec


def _call_spec(instance: Any) -> Spec:
    value: Any = instance.__micros_value__()
    for part in reversed(type(instance).__at__):
        value = {part: value}
    file = next(iter(instance._site.values()))
    return Spec(file=file, imports=[type(instance)], config=value)


class Module(Base):
    """A module: options below `at`, and what they define. Calling it gives a definition of its options."""

    __imports__: ClassVar[list[Any]] = []
    __micros_module__ = _ModuleAccess()

    def __init_subclass__(cls, *, at: str = "", imports: list[Any] | None = None, **keywords: Any) -> None:
        cls.__at__ = parse_path(at)
        cls.__imports__ = imports or []
        super().__init_subclass__(**keywords)


def as_data(value: Mapping[str, Any]) -> Spec:
    """A module of plain data, whose keys have the lines of the call that holds them."""
    frame = _outside_frame()
    return Spec(config=_keyed(value, frame, ()), file=Site(frame, ""))


def _keyed(value: Mapping[str, Any], frame: FrameType, path: Loc) -> dict[str, Any]:
    found = {}
    for name, item in value.items():
        here = (*path, name)
        found[name] = At(KeySite(frame, here, item), _keyed(item, frame, here) if type(item) is dict else item)
    return found


def reader(cls: Any, ev: Evaluation) -> Any:
    """A module's options as an instance of its class."""
    return _reader(cls, ev, _below(ev.config, cls.__at__))
