"""Python's own types as option types."""

from __future__ import annotations

import sys
import types as python_types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

from micros.base.errors import Kind, error
from micros.lang import types as kinds
from micros.lang.containers import Anything, AttrsOf, CoercedTo, FunctionTo, ListOf, NullOr, RawOpen, one_of
from micros.lang.formats import Format
from micros.lang.records import Submodule
from micros.lang.types import Leaf, Type


class Range:
    """Bounds of a number, both included; None is no bound. `Annotated[int, Range(0, 7)]`."""

    __slots__ = ("high", "low")

    def __init__(self, low: float | None = None, high: float | None = None) -> None:
        if low is not None and high is not None and low > high:
            raise error(Kind.BAD_DECLARATION, f"the range from {low} to {high} is empty")
        self.low, self.high = low, high


class Pattern:
    """A regular expression (`re`) a text must match as a whole. `Annotated[str, Pattern("[a-z]+")]`."""

    __slots__ = ("description", "pattern")

    def __init__(self, pattern: str, description: str = "") -> None:
        self.pattern, self.description = pattern, description


class Converted:
    """Another form of a value, of type `kind`, which a function turns into the annotated one.

    `Annotated[Script, Converted(str, lambda text: {"text": text})]`: on the data surface a text alone will do.
    """

    __slots__ = ("function", "kind")

    def __init__(self, kind: Any, function: Callable[[Any], Any]) -> None:
        self.kind, self.function = kind, function


Port = Annotated[int, kinds.PORT]
"""A TCP or UDP port, 0 to 65535."""
Lines = Annotated[str, kinds.LINES]
"""Text of which several definitions are joined by newlines."""
Raw = Annotated[Any, RawOpen()]
"""Exactly one definition, of any value, left as it is."""
Source = Annotated[str | Path | kinds.Located, kinds.LOCATED]
"""Text or a path, with the place that named it: its value is a `Located`."""
NonEmptyStr = Annotated[str, kinds.NON_EMPTY_STR]
"""Text with more than white space."""

_LEAVES: dict[Any, Type] = {
    bool: kinds.BOOL,
    int: kinds.INT,
    float: kinds.NUMBER,
    str: kinds.STR,
    Path: kinds.PATH,
    PurePath: kinds.PATH,
    Any: Anything(),
    object: Anything(),
}
_RECORDS: dict[type, Submodule] = {}


def leaf_type(kind: type, *, name: str = "", coerce: Callable[[Any], Any] | None = None) -> None:
    """Make a class an option type: its instances, and whatever `coerce` turns into one.

    `coerce` gets every value that is no instance; ValueError or TypeError say that it is of the wrong type.
    """
    _LEAVES[kind] = Leaf(kind, name, coerce)


def string_filter(function: Callable[[str], Any]) -> None:
    """What texts are passed through when they are set, such as `${pkgs.x}` becoming a marker."""
    _LEAVES[str] = Filtered(function)
    kinds.LINES.function = function


class Filtered(kinds.Scalar):
    """Texts that go through a function when they are merged."""

    immediate = False

    def __init__(self, function: Callable[[str], Any]) -> None:
        super().__init__("str", "string", kinds.STR.accepts)
        self.function = function

    def combine(self, ev: Any, loc: Any, defs: Any) -> Any:
        """One value of computed, valid definitions."""
        value = super().combine(ev, loc, defs)
        return self.function(value) if "${" in value else value


def types_of(cls: Any) -> dict[str, Type]:
    """The type of every option of a class. Raises an error of kind `bad-declaration` for an annotation we have no type for."""
    found: dict[str, Type] = {}
    hints = _hints(cls)
    for name, field in cls.__options__.items():
        if name not in hints:
            raise error(Kind.BAD_DECLARATION, f"the option `{name}` has no annotation", at=field.where)
        try:
            found[name] = type_of(hints[name])
        except TypeError as problem:
            raise error(Kind.BAD_DECLARATION, f"the option `{name}`: {problem}", at=field.where) from None
    return found


def inspect_annotations(cls: type) -> dict[str, Any]:
    """A class's own annotations, as they are written."""
    from inspect import get_annotations

    return get_annotations(cls)


def _hints(cls: Any) -> dict[str, Any]:
    hints: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        own = inspect_annotations(base)
        scope = dict(vars(sys.modules.get(base.__module__, python_types)))
        for name, value in own.items():
            if name not in cls.__options__:
                continue
            if isinstance(value, str):
                try:
                    holder = type("_Hints", (), {"__annotations__": {name: value}})
                    value = get_type_hints(holder, scope, _local_names(cls), include_extras=True)[name]
                except NameError as problem:
                    field = cls.__options__[name]
                    raise error(
                        Kind.BAD_DECLARATION,
                        f"the annotation of `{name}` cannot be resolved: {problem}",
                        at=field.where,
                        hint="import what it names at the top of the file, not under TYPE_CHECKING",
                    ) from None
            hints[name] = value
    return hints


def _local_names(cls: Any) -> dict[str, Any]:
    """Names a class sees that are not its module's: those where it was made, inside a function."""
    return dict(getattr(cls, "__locals__", None) or {}) | {cls.__name__: cls}


def type_of(annotation: Any) -> Type:
    """The option type of an annotation. Raises TypeError where there is none."""
    if isinstance(annotation, Type):
        return annotation
    known = _LEAVES.get(annotation) if _hashable(annotation) else None
    if known is not None:
        return known
    if annotation is None or annotation is type(None):
        return kinds.Enum([None])
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _annotated(arguments[0], arguments[1:])
    if origin is Literal:
        return kinds.Enum(list(arguments))
    if origin in (list, Sequence) or annotation is list:
        return ListOf(type_of(arguments[0]) if arguments else Anything())
    if origin in (dict, Mapping) or annotation is dict:
        if not arguments:
            return AttrsOf(Anything())
        return AttrsOf(type_of(arguments[1]), keys=None if arguments[0] in (str, Any) else type_of(arguments[0]))
    if origin in (Union, python_types.UnionType):
        return _union(arguments)
    if origin in (Callable, python_types.FunctionType) or annotation is Callable:
        return FunctionTo(type_of(arguments[1]) if len(arguments) > 1 else Anything())
    if type(annotation).__name__ == "TypeAliasType":  # `type Name = ...` of Python 3.12
        return type_of(annotation.__value__)
    if isinstance(annotation, NewType):
        return type_of(annotation.__supertype__)
    if isinstance(annotation, type):
        return _class_type(annotation)
    raise TypeError(f"{annotation!r} is no option type")


def freeform_type(annotation: Any) -> Type:
    """The type of all undeclared fields of a record: a format's, or a mapping to the annotated type."""
    return annotation.type if isinstance(annotation, Format) else AttrsOf(type_of(annotation))


def _class_type(annotation: type) -> Type:
    if hasattr(annotation, "__options__"):
        record = _RECORDS.get(annotation)
        if record is None:
            record = _RECORDS[annotation] = Submodule([annotation])
        return record
    for base in annotation.__mro__[1:-1]:
        leaf = _LEAVES.get(base)
        if isinstance(leaf, Leaf):
            return Leaf(annotation, "", leaf.coerce)
    return Leaf(annotation)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _annotated(base: Any, extras: tuple[Any, ...]) -> Type:
    """The type of a base with what is said about it; a range or pattern of `T | None` is one of T."""
    result = type_of(base)
    for extra in extras:
        if isinstance(extra, Type):
            result = extra
        elif isinstance(extra, Format):
            result = extra.type
        elif isinstance(extra, Converted):
            result = CoercedTo(type_of(extra.kind), extra.function, result)
        elif isinstance(extra, Range | Pattern):
            result = _narrowed(result, extra)
        elif callable(extra):
            check: Callable[[Any], Any] = extra
            result = kinds.add_check(result, check)
    return result


def _narrowed(kind: Type, extra: Range | Pattern) -> Type:
    if isinstance(kind, NullOr):
        return NullOr(_narrowed(kind.elem, extra))
    if isinstance(extra, Range):
        narrow = kinds.Number(extra.low, extra.high, real=isinstance(kind, kinds.Number) and kind.real)
        if not isinstance(kind, kinds.Number):
            raise TypeError(f"a range is one of numbers, not of {kind.description}")
    else:
        if kind.name != "str":
            raise TypeError(f"a pattern is one of texts, not of {kind.description}")
        return kinds.Matching(extra.pattern, extra.description)
    united = kind.unite(narrow)
    if united is None:
        raise TypeError(f"no number is {kind.description} and within this range")
    return united


def _union(arguments: tuple[Any, ...]) -> Type:
    rest = [argument for argument in arguments if argument is not type(None)]
    inner = one_of([type_of(argument) for argument in rest])
    return inner if len(rest) == len(arguments) else NullOr(inner)
