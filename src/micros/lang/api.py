"""The way in: modules of every form become an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from micros.lang.evaluation import Evaluation
from micros.lang.files import data_file
from micros.lang.surface import as_data

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
    return module
