"""Cases as a user writes them in Python: source of module classes and calls, compiled under the labels of their files."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, Any

from micros import lang
from tests.conformance.expressions import mentions, value_from
from tests.conformance.translate import Scope, module_from, modules_of, option_from
from tests.conformance.type_forms import type_from

if TYPE_CHECKING:
    from micros.lang.values import Loc

PYTHON = {"bool": "bool", "int": "int", "str": "str", "lines": "Lines", "port": "Port", "nonEmptyStr": "NonEmptyStr",
          "anything": "Any", "raw": "Raw", "path": "Path"}  # fmt: skip
KEYWORDS = {"default": "default", "description": "doc", "example": "example", "apply": "apply", "read_only": "read_only",
            "internal": "internal", "visible": "visible", "default_text": "default_text"}  # fmt: skip


class Inexpressible(Exception):  # noqa: N818 # not an error: the case has no typed form
    """A case that needs what classes do not have."""


class Source:
    """Python source in the making: its lines, and the objects it names."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.names: dict[str, Any] = {**vars(lang), "Any": Any, "__name__": "a_case"}
        exec("from typing import Annotated, Literal; from pathlib import Path", self.names)
        self.owners: dict[Loc, str] = {}
        """The class that declares each option, by path."""
        self.records: list[str] = []
        self.roots: list[Any] = []
        self.calls = 0

    def named(self, value: Any, prefix: str = "v") -> str:
        """A variable that holds an object."""
        name = f"{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    def run(self, text: str, label: str) -> None:
        """Execute source as that of a file."""
        exec(compile(text, label, "exec", dont_inherit=True), self.names)

    # types
    def annotation(self, form: Any) -> str:
        """A type as Python spells it, or as an object of the engine where it has no spelling."""
        if isinstance(form, str) and form in PYTHON:
            return PYTHON[form]
        match form:
            case ["listOf", inner]:
                return f"list[{self.annotation(inner)}]"
            case ["attrsOf", inner]:
                return f"dict[str, {self.annotation(inner)}]"
            case ["nullOr", inner]:
                return f"{self.annotation(inner)} | None"
            case ["between", int(low), int(high)]:
                return f"Annotated[int, Range({low}, {high})]"
            case ["enum", [*values]] if values and all(isinstance(value, bool | int | str) for value in values):
                return f"Literal[{', '.join(map(repr, values))}]"
            case ["strMatching", str(pattern)]:
                return f"Annotated[str, Pattern({pattern!r})]"
            case ["submodule", [{"options": dict(options), **rest}]] if not rest.keys() - {"file"}:
                return self.record(options)
        return f"Annotated[Any, {self.named(type_from(form, self.scope), 't')}]"

    def record(self, options: dict[str, Any]) -> str:
        """A record class of these options."""
        if any("$option" not in item for item in options.values()):
            raise Inexpressible("nested options in a record")
        name = f"Record{len(self.names)}"
        self.names[name] = None
        self.records.append("\n".join([f"class {name}(Record):", *self.fields(options), "    pass"]))
        return name

    # declarations
    def fields(self, options: dict[str, Any]) -> list[str]:
        """Annotated fields of leaves of an options tree."""
        lines = []
        for name, leaf in options.items():
            form = leaf["$option"]
            if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_") or hasattr(lang.Module, name):
                raise Inexpressible(f"a field named {name}")
            if "type" not in form or form.keys() - KEYWORDS.keys() - {"type"}:
                raise Inexpressible("an option without a type, or with an attribute that classes do not have")
            decl = option_from(form, self.scope)
            values = {KEYWORDS[key]: getattr(decl, key) for key in form if key != "type"}
            arguments = ", ".join(f"{key}={self.named(value)}" for key, value in values.items())
            lines.append(f"    {name}: {self.annotation(form['type'])} = option({arguments})")
        return lines

    def declare(self, tree: dict[str, Any], label: str, path: Loc = ()) -> None:
        """A class for each place of the tree that has options."""
        leaves = {name: item for name, item in tree.items() if isinstance(item, dict) and "$option" in item}
        if leaves:
            if any("." in part or '"' in part for part in path):
                raise Inexpressible("a path with dots in a part")
            name = f"Module{len(self.names)}"
            self.names[name] = None
            lines = [f'class {name}(Module, at="{".".join(path)}"):', *self.fields(leaves)]
            for record in self.records:
                self.run(record, label)
            self.records.clear()
            self.run("\n".join(lines), label)
            self.roots.append(self.names[name])
            for leaf in leaves:
                self.owners.setdefault((*path, leaf), name)
        for name, item in tree.items():
            if name not in leaves:
                if not isinstance(item, dict) or any(key.startswith("$") for key in item):
                    raise Inexpressible("what is no option among the options")
                self.declare(item, label, (*path, name))

    # definitions
    def define(self, tree: Any, label: str) -> bool:
        """Calls of the classes for a module's definitions; False where they have no such form."""
        found: dict[str, dict[str, Any]] = {}
        if not self._gather(tree, (), found):
            return False
        for owner, values in found.items():
            arguments = ", ".join(f"{key}={self.named(value)}" for key, value in values.items())
            result = f"call{len(self.names)}"
            self.run(f"{result} = {owner}({arguments})", label)
            self.roots.append(self.names[result])
            self.calls += 1
        return True

    def _gather(self, tree: Any, path: Loc, found: dict[str, dict[str, Any]]) -> bool:
        if not isinstance(tree, dict) or any(key.startswith("$") for key in tree):
            return False
        for name, item in tree.items():
            owner = self.owners.get((*path, name))
            if owner is not None:
                found.setdefault(owner, {})[name] = value_from(item, self.scope)
            elif not self._gather(item, (*path, name), found):
                return False
        return True


def typed_roots(case: dict[str, Any], scope: Scope) -> list[Any]:
    """The modules of a case as classes and calls. Raises Inexpressible where not all options can be declared by classes."""
    source = Source(scope)
    definitions = 0
    for form in modules_of(case):
        if not isinstance(form, dict) or form.keys() - {"file", "options", "config", "args"}:
            raise Inexpressible("a module that is more than options and config")
        source.declare(form.get("options", {}), form.get("file", "<unknown-file>"))
    for form in modules_of(case):
        if form.get("config"):
            definitions += 1
            rest = {key: value for key, value in form.items() if key != "options"}
            if not source.define(form["config"], form.get("file", "<unknown-file>")):
                source.roots.append(module_from(rest, scope))
    if not source.owners or (definitions and not source.calls):
        raise Inexpressible("nothing that a class declares is defined by a call")
    return source.roots


def expressible(case: dict[str, Any]) -> bool:
    """Whether a case has a form in classes."""
    if mentions(case.get("modules"), {"$outercfg"}):
        return False  # a record's deferred default gets the record and the whole, not the evaluation around it
    try:
        typed_roots(case, Scope(case))
    except Exception:  # what cannot be declared at all is reported where the case runs as records
        return False
    return True


__all__ = ["Inexpressible", "expressible", "typed_roots"]
