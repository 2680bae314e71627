"""The way in: modules of every form become an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, error
from micros.lang.evaluation import Evaluation
from micros.lang.files import data_file
from micros.lang.refs import outside
from micros.lang.surface import Module, Record, as_data
from micros.lang.values import Wrapper, kind_name

if TYPE_CHECKING:
    from micros.lang.values import Loc


def evaluate(
    modules: Sequence[Any],
    *,
    special_args: Mapping[str, Any] | None = None,
    kind: str | None = None,
    prefix: Loc = (),
    checked: bool = True,
) -> Evaluation:
    """Evaluate modules: classes, their calls, mappings, and paths of TOML and JSON files, in collection order.

    Nothing is computed yet; reading `config`, or `check()`, raises what is wrong. `special_args` are for modules in data or
    as records; `kind` is the class they must be of; `prefix` stands before every path in messages; unless `checked`,
    definitions that nothing declares are dropped.
    """
    roots = [as_root(module) for module in modules]
    return Evaluation(roots, special_args=special_args, kind=kind, prefix=prefix, checked=checked)


def as_root(module: Any) -> Any:
    """A module of any form as the engine takes it."""
    if isinstance(module, Path):
        return data_file(module)
    if isinstance(module, Mapping) and "_type" not in module:
        return as_data(module)
    if isinstance(module, Wrapper) and isinstance(inner := getattr(module, "value", None), Module):
        name = type(inner).__name__
        headline = f"a wrapper stands around a whole {name}(...)"
        hint = f"put it around the values inside: {name}(option=when(condition, value))"
        raise error(Kind.BAD_MODULE, headline, at=outside(), hint=hint)
    if isinstance(module, Record):
        name = type(module).__name__
        raise error(
            Kind.BAD_MODULE, f"a {name} stands where a module is expected", at=outside(), hint=f"a {name} is a value of an option"
        )
    if isinstance(module, list | tuple | str | int | float | None):
        hint = "give each module as an argument of its own: system(a, b), or system(*modules)"
        if isinstance(module, str):
            hint = f"a data file is given as a path: Path({module!r})"
        raise error(Kind.BAD_MODULE, f"{kind_name(module)} stands where a module is expected", at=outside(), hint=hint)
    return module
