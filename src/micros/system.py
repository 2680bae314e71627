"""`system(...)`: the object a user's file ends with; and finding it in a file."""

from __future__ import annotations

import importlib.machinery
import os
import re
import sys
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Note, Problem, error
from micros.base.where import Where
from micros.lang import Module, Record, as_root, evaluate, force, read_text
from micros.lang.places import users_frames
from micros.lang.suggest import did_you_mean, is_close, nearest
from micros.lang.values import show_path
from micros.packages import pkgs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from micros.lang import Config, Evaluation
    from micros.packages import Packages
    from micros.plan.described import SystemPlan


class MicrosSystem:
    """A described system: evaluated when it is read, built when asked.

    `file` is the file that describes it, beside which its lock lies; None where no file does.
    """

    def __init__(self, modules: Sequence[Any], file: Path | None = None) -> None:
        self._modules = tuple(modules)
        self.file = file

    @cached_property
    def evaluation(self) -> Evaluation:
        """All modules together."""
        # Imported late: every import of `micros` passes here, and most need no module classes.
        from micros.modules import all_modules

        return evaluate([*all_modules(), *self._modules])

    @property
    def config(self) -> Config:
        """Every option's value, computed when read."""
        return self.evaluation.config

    @property
    def options(self) -> dict[str, Any]:
        """The tree of options, nested by name: type, definitions and their places, default, priority."""
        return self.evaluation.options

    @property
    def pkgs(self) -> Packages:
        """The packages this system can have."""
        return pkgs

    def extend(self, *modules: Any) -> MicrosSystem:
        """A system with more modules; this one stays as it is."""
        return MicrosSystem([*self._modules, *(as_root(module) for module in modules)], self.file)

    def plan(self, target: str = "dist") -> SystemPlan:
        """What a build of `system.build.<target>` needs, once everything is checked. Raises one error with every problem."""
        plan = self._plan(target)
        variants = {plan.machine: plan}
        for name in plan.platforms:
            if name not in variants:
                variants[name] = self.extend({"platform": {"host": force(name)}})._plan(target)
        return replace(plan, variants=tuple(variants[name] for name in plan.platforms))

    def _plan(self, target: str) -> SystemPlan:
        """The plan for one machine."""
        from micros.plan.described import plan_of

        self.evaluation.check()
        return plan_of(self.evaluation, target)


def system(*modules: Any) -> MicrosSystem:
    """A system of these modules: calls of module classes, classes, mappings, paths of TOML and JSON files."""
    return MicrosSystem([as_root(module) for module in modules], _callers_file())


def micros_system(*, modules: Sequence[Any], specialArgs: Mapping[str, Any] | None = None) -> MicrosSystem:  # noqa: N803
    """A system in NixOS spelling (`lib.microsSystem`): a list of modules as data. Special arguments have no meaning here."""
    if specialArgs:
        raise error(Kind.USAGE, "micros_system takes no specialArgs: a Python module closes over what it needs")
    return MicrosSystem([as_root(module) for module in modules], _callers_file())


def _callers_file() -> Path | None:
    """The file that calls the function that asks."""
    file = Path(sys._getframe(2).f_code.co_filename)
    return file if file.exists() else None


def load(target: str, extra: Sequence[Any] = ()) -> tuple[MicrosSystem, Path]:
    """The system of `FILE` or `FILE:name`, with more modules; and the file's path.

    A Python file holds one system object, or several with names; a TOML or JSON file is one module of data.
    """
    file, _, name = target.partition(":") if not os.path.exists(target) else (target, "", "")
    path = Path(file)
    if not os.path.isfile(path):
        what = f"{file} is not a file" if os.path.lexists(path) else f"there is no file {file[:200]}"
        raise error(Kind.BAD_FILE, what, hint="the first argument is the file that describes the system")
    if path.suffix in (".toml", ".json"):
        if name:
            raise error(Kind.BAD_FILE, f"{file} is one system without a name", hint=f"leave out `:{name}`")
        return MicrosSystem([path, *extra], path), path
    if path.suffix in (".yaml", ".yml", ".nix"):
        raise error(Kind.BAD_FILE, f"{file} is none of the languages of a system", hint="write it in Python, TOML or JSON")
    found = systems_of(executed(path))
    distinct = {id(value): value for value in found.values()}
    if name and name in found:
        return found[name].extend(*extra), path
    if not found:
        raise error(Kind.BAD_FILE, f"{file} describes no system", at=Where(file), hint="end it with `name = system(...)`")
    if name or len(distinct) != 1:
        listing = ", ".join(f"{file}:{key}" for key in found) or "none"
        what = f"{file} has no system named {name!r}" if name else f"{file} holds {len(distinct)} systems, not one"
        raise error(Kind.BAD_FILE, what, notes=[f"systems: {listing}"], hint=f"name one: {file}:NAME; a file makes one with "
                    "`name = system(...)`")  # fmt: skip
    return next(iter(distinct.values())).extend(*extra), path


def systems_of(module: ModuleType) -> dict[str, MicrosSystem]:
    """The systems of a user's file, by name."""
    return {key: value for key, value in vars(module).items() if isinstance(value, MicrosSystem)}


class _FreshLoader(importlib.machinery.SourceFileLoader):
    """Imports a user's modules from their source, never from cached bytecode, which would miss an edit of equal size and
    time."""

    def path_stats(self, path: str) -> Mapping[str, Any]:
        raise OSError(f"no cached bytecode for {path}")

    def set_data(self, path: str, data: bytes | Any, *, _mode: int = 0o666) -> None:
        """Write nothing beside a user's files."""


class _FreshFinder:
    """Finds modules beside the user's file."""

    def __init__(self, directory: Path) -> None:
        self._finder = importlib.machinery.FileFinder(str(directory), (_FreshLoader, [".py"]))

    def find_spec(self, name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None) -> ModuleSpec | None:
        """The module, where it lies beside the user's file."""
        return self._finder.find_spec(name) if path is None else None


def _users_lines(problem: BaseException, path: Path) -> tuple[Note, ...]:
    """The lines of the user's files that a failure came through."""
    ours = str(Path(__file__).parent)
    lines = [Note(where, text) for where, text in users_frames(problem.__traceback__) if not where.file.startswith(ours)]
    return tuple(lines) or (Note(Where(str(path))),)


def _failure(problem: BaseException, path: Path) -> Problem:
    """What a user's file raised."""
    notes = _users_lines(problem, path)
    if isinstance(problem, AttributeError) and isinstance(problem.obj, type) and issubclass(problem.obj, Module | Record):
        cls, name = problem.obj, problem.name or ""
        known = [show_path((*cls.__at__, other)) for other in nearest(name, cls.__options__)]
        message = f"{cls.__name__} has no option `{name}`"
        return Problem(Kind.UNKNOWN_OPTION, message, notes, did_you_mean(known[:1], known[1:]) if known else "")
    missing = re.match(r"cannot import name '(\w+)' from 'micros\.modules'", str(problem))
    if missing is None:
        return Problem(Kind.BAD_FILE, f"{path} fails: {type(problem).__name__}: {problem}", notes)
    from micros.modules import public_names

    close = [name for name in nearest(missing[1], public_names()) if is_close(missing[1], name)]
    hint = did_you_mean(close) or "`micros options` lists what there is; docs/options.md shows it by name"
    return Problem(Kind.BAD_FILE, f"`micros.modules` has no `{missing[1]}`", notes, hint)


def executed(path: Path) -> ModuleType:
    """A user's Python file, run. What it raises becomes an error with the place in the user's file."""
    read_text(path)  # for its limit, and for what no file of any kind may hold
    name = "micros_user_" + "".join(char if char.isalnum() else "_" for char in path.stem)
    loader = _FreshLoader(name, str(path))
    spec = importlib.machinery.ModuleSpec(name, loader, origin=str(path))
    spec.has_location = True
    from importlib.util import module_from_spec

    module = module_from_spec(spec)
    sys.modules[name] = module
    finder = _FreshFinder(path.parent.resolve())
    sys.meta_path.insert(0, finder)
    try:
        loader.exec_module(module)
    except MicrosError as problem:
        notes = _users_lines(problem, path)
        raise MicrosError(
            *(one if one.places else replace(one, notes=(*notes, *one.notes)) for one in problem.problems)
        ) from None
    except SyntaxError as problem:
        note = Note(Where(problem.filename or str(path), problem.lineno or 0), (problem.text or "").strip())
        raise MicrosError(Problem(Kind.BAD_FILE, f"{path} is not valid Python: {problem.msg}", (note,))) from None
    except KeyboardInterrupt:
        raise
    except BaseException as problem:
        raise MicrosError(_failure(problem, path)) from None
    finally:
        sys.meta_path.remove(finder)
    return module
