"""Cases whose definitions are plain data, written as TOML files and loaded as a user's are."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from micros.lang import formats
from tests.conformance.translate import Scope, module_from, modules_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def is_data(form: Any) -> bool:
    """Whether a value can be written in TOML."""
    if isinstance(form, dict):
        return not any(key.startswith("$") for key in form) and all(map(is_data, form.values()))
    if isinstance(form, list):
        return all(map(is_data, form))
    return form is not None


def is_data_module(form: Any) -> bool:
    """Whether a module only defines options, all as data."""
    return (
        isinstance(form, dict) and "config" in form and not form.keys() - {"file", "config", "args"} and is_data(form["config"])
    )


def expressible(case: dict[str, Any]) -> bool:
    """Whether any module of a case can be a TOML file; the others stay records."""
    return any(is_data_module(form) for form in modules_of(case))


@contextmanager
def toml_roots() -> Iterator[Callable[[dict[str, Any], Scope], list[Any]]]:
    """The modules of a case, those of plain data as paths of TOML files."""
    with tempfile.TemporaryDirectory() as name:

        def roots(case: dict[str, Any], scope: Scope) -> list[Any]:
            found: list[Any] = []
            for number, form in enumerate(modules_of(case)):
                if not is_data_module(form):
                    found.append(module_from(form, scope))
                    continue
                path = Path(name, str(number), f"{form.get('file', 'unknown')}.toml")
                path.parent.mkdir(exist_ok=True)
                path.write_text(formats.TOML.generate(form["config"]), "utf-8")
                found.append(path)
            return found

        yield roots
