"""Assertions and warnings of an evaluation, and all its problems at once."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, MicrosError, Note, Problem
from micros.base.where import Where
from micros.lang.cells import DONE
from micros.lang.complaints import Complaint
from micros.lang.merging import body_failed, holds
from micros.lang.places import place
from micros.lang.purity import is_module, pure
from micros.lang.reading import problems_in
from micros.lang.values import show_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from micros.lang.evaluation import Evaluation
    from micros.lang.tree import Node


def all_problems(ev: Evaluation) -> list[Problem]:
    """Every independent problem of an evaluation; assertions only where all values are sound."""
    try:
        ev.ready()
    except MicrosError as problem:
        found = list(problem.problems)
        return found + sound_rest(ev)
    found = problems_in(ev.config)
    if found:
        return found
    return [problem for _, _, problem in _said(ev, "check")]


def sound_rest(ev: Evaluation) -> list[Problem]:
    """Problems of declared options, beside definitions of undeclared ones."""
    spreading = ev.spreading
    if spreading is None or not ev.root.children or not (spreading.undeclared or spreading.problems):
        return []
    again = type(ev)(
        ev.roots, prefix=ev.prefix, special_args=ev.special_args, kind=ev.kind, parent=ev.parent, template=ev.template,
        values=ev.values, checked=False,
    )  # fmt: skip
    try:
        again.ready()
    except MicrosError:
        if not spreading.problems or again.spreading is None:
            return []
        # Only definitions that fit no option stood in the way; without them the others can be computed.
        again.state, again.failure = DONE, None
    return problems_in(again.config)


def all_warnings(ev: Evaluation) -> list[str]:
    """Uses of old names, then what `@warns` methods say."""
    ev.ready()
    found = [renamed_warning(ev, node) for node in _nodes(ev.root) if _warns(ev, node)]
    found += [_deprecation(ev, node, text) for node in _nodes(ev.root) if (text := _type_deprecated(node))]
    for _, text, _ in _said(ev, "warns"):
        found.append(text)
    return list(dict.fromkeys(found))


def _nodes(node: Node) -> Iterator[Node]:
    if node.decls:
        yield node
    for child in node.children.values():
        yield from _nodes(child)


def _warns(ev: Evaluation, node: Node) -> bool:
    decl = node.decls[0]
    if not decl.warn or not ev.cell(node).is_defined:
        return False
    return holds(decl.condition, ev, ev.prefix + node.path, decl.where)


def _type_deprecated(node: Node) -> str:
    return next((decl.type.deprecated for decl in node.decls if decl.type is not None and decl.type.deprecated), "")


def _deprecation(ev: Evaluation, node: Node, text: str) -> str:
    files = ", ".join(str(decl.where) for decl in node.decls)
    return f"the type of the option `{show_path(ev.prefix + node.path)}`, declared in {files}, is deprecated: {text}"


def renamed_warning(ev: Evaluation, node: Node) -> str:
    """The warning about an old name that is in use."""
    decl = node.decls[0]
    files = ", ".join(dict.fromkeys(str(place(one.where)) for one in ev.cell(node).surviving()))
    new = show_path(ev.prefix + (decl.redirect or decl.replaced_by or ()))
    changed = " and its type has changed" if decl.convert is not None or decl.replaced_by is not None else ""
    return f"the option `{show_path(ev.prefix + node.path)}` set in {files} was renamed to `{new}`{changed}"


def _said(ev: Evaluation, kind: str) -> list[tuple[Any, str, Problem]]:
    """What the hooks of all module classes say: class, text, problem."""
    from micros.lang.bodies import config_of
    from micros.lang.surface import reader

    found: list[tuple[Any, str, Problem]] = []
    for cls in module_classes(ev):
        for name, hook in cls.__hooks__.items():
            if hook.kind != kind:
                continue
            code = hook.function.__code__
            where = Where(code.co_filename, code.co_firstlineno)
            try:
                said = pure(hook.function, (*cls.__at__, name), reader(cls, ev), config_of(ev))
            except MicrosError as problem:
                found += [(cls, one.message, one) for one in problem.problems]
                continue
            except Exception as problem:
                failed = body_failed(problem, (*cls.__at__, name), where).problems[0]
                found.append((cls, failed.message, failed))
                continue
            for text in [said] if isinstance(said, str | Complaint) else said or []:
                if isinstance(text, Complaint):
                    found.append((cls, text.text, text.problem(config_of(ev))))
                    continue
                places = _set_places(ev, cls)
                is_known = is_module(where.file) and places  # where MicrOS' own modules demand it helps nobody
                notes = tuple(places) if is_known else (*places, Note(where, "demanded here"))
                found.append((cls, text, Problem(Kind.ASSERTION, text, notes)))
    return found


def module_classes(ev: Evaluation) -> list[Any]:
    """The module classes that take part, in the order they were met."""
    found: dict[Any, None] = {}

    def visit(thing: Any) -> None:
        if isinstance(thing, type) and hasattr(thing, "__hooks__"):
            if thing not in found:
                found[thing] = None
                for inner in getattr(thing, "__imports__", ()):
                    visit(inner)
        elif hasattr(type(thing), "__hooks__"):
            visit(type(thing))

    for root in ev.roots:
        visit(root)
    return list(found)


def _set_places(ev: Evaluation, cls: Any) -> list[Note]:
    """Where the options of a class are set, but for places in the package of the class: its users look at their own."""
    notes: list[Note] = []
    package = sys.modules.get(cls.__module__.partition(".")[0]) if "." in cls.__module__ else None
    inside = tuple(os.path.join(folder, "") for folder in getattr(package, "__path__", ()))
    for name in cls.__options__:
        for one in ev.defs.get((*cls.__at__, name), []):
            from micros.lang.values import At

            where = one.where
            value = one.value
            while type(value) is At:
                where, value = value.where, value.value
            if not place(where).file.startswith(inside or "\0"):
                notes.append(Note(place(where), show_path((*cls.__at__, name))))
    return notes[:5]
