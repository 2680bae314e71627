"""Documentation of options as records that can be written as JSON; no option's value is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.errors import MicrosError
from micros.lang.arguments import own_declarations
from micros.lang.merging import Def, force
from micros.lang.modules import UNSET
from micros.lang.places import portable
from micros.lang.spelling import spelled, spelled_value
from micros.lang.tree import Node, Option
from micros.lang.values import Deferred, Literal, Loc, Wrapper, show_path, show_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from micros.lang.evaluation import Evaluation

Declared = tuple["Evaluation", Node, Option]
MOST_LEVELS = 12
"""How deep records within records are shown: a record may hold itself."""


def declared(ev: Evaluation) -> Iterator[Declared]:
    """Every declared option, those of records below `<name>` or `*`; other names of an option are left out."""
    yield from _section(relaxed(ev), 0)


def relaxed(ev: Evaluation) -> Evaluation:
    """The same modules, ready, where definitions without a declaration do not count."""
    if ev.checked:
        ev = type(ev)(ev.roots, prefix=ev.prefix, special_args=ev.special_args, kind=ev.kind, checked=False)
    ev.ready()
    return ev


def documentation(ev: Evaluation) -> list[dict[str, Any]]:
    """A record for each declared option, in the words of the model.

    Keys: loc, name, description, declarations (places), internal, visible, readOnly, type (its description), default and
    example (each `{"text": ...}`, where there is one), relatedPackages (where they are said).
    """
    return [_record(*one) for one in declared(ev)]


def reference(ev: Evaluation) -> list[dict[str, Any]]:
    """A record for each declared option, in the words of Python; what is not meant to be seen is left out.

    Keys: name (with `<name>` and `*` placeholders), type, default and example (texts, or None), description, declared
    (places as `file:line`, relative to where Python or the user finds them), aliases (other names), internal, read_only.
    """
    ev = relaxed(ev)
    aliases = _aliases(ev)
    found = []
    internal: list[Loc] = []
    for inner, node, option in declared(ev):
        loc = inner.prefix + node.path
        if option.get("visible", True) is False or "_module" in loc:
            continue
        if option.get("internal", False):
            internal.append(loc)
        found.append(
            {
                "name": show_path(loc),
                "type": spelled(option.type),
                "default": _spelled_default(inner, loc, option),
                "example": _spelled(inner, loc, option, option.get("example", UNSET)),
                "description": option.get("description", ""),
                "declared": [portable(decl.where) for decl in reversed(node.decls)],
                "aliases": aliases.get(loc, []),
                "internal": any(loc[: len(outer)] == outer for outer in internal),
                "read_only": option.read_only,
            }
        )
    return found


def _aliases(ev: Evaluation) -> dict[Loc, list[str]]:
    """Other names of options, by the path of the option."""
    found: dict[Loc, list[str]] = {}

    def visit(node: Node) -> None:
        for decl in node.decls[:1]:
            if decl.redirect is not None and not decl.warn:
                found.setdefault(ev.prefix + decl.redirect, []).append(show_path(ev.prefix + node.path))
        for child in node.children.values():
            visit(child)

    visit(ev.root)
    return found


def _section(ev: Evaluation, depth: int) -> Iterator[Declared]:
    ev.ready()
    own = Node(("_module",))
    for name, decl in own_declarations().items():
        node = Node(("_module", name))
        node.decls.append(decl)
        own.children[name] = node
    yield from _walk(ev, ev.root, depth)
    yield from _walk(ev, own, depth)


def _walk(ev: Evaluation, node: Node, depth: int) -> Iterator[Declared]:
    if node.decls:
        if node.decls[0].silent:
            return
        option = node.option(ev.prefix)
        yield ev, node, option
        visible = option.get("visible", True)
        if visible is not False and visible != "shallow" and depth < MOST_LEVELS:
            for _loc, inner in option.type.suboptions(ev.prefix + node.path):
                yield from _section(inner, depth + 1)
        return
    for child in node.children.values():
        yield from _walk(ev, child, depth)


def _record(ev: Evaluation, node: Node, option: Option) -> dict[str, Any]:
    loc = ev.prefix + node.path
    record: dict[str, Any] = {
        "loc": list(loc),
        "name": show_path(loc),
        "description": option.get("description", None),
        "declarations": [str(decl.where) for decl in reversed(node.decls) if decl.where.file != "<unknown-file>"],
        "internal": bool(option.get("internal", False)),
        "visible": option.get("visible", True) is not False,
        "readOnly": option.read_only,
        "type": option.type.description,
    }
    text = _text(ev, loc, option, option.get("default_text", option.default))
    if text is None and option.type.has_empty and option.default is UNSET:
        text = _empty_text(option)
    if text is not None:
        record["default"] = {"text": text}
    example = option.get("example", UNSET)
    if example is not UNSET:
        record["example"] = {"text": _text(ev, loc, option, example)}
    related = option.get("related", UNSET)
    if related is not UNSET:
        record["relatedPackages"] = related
    return record


def _empty_text(option: Option) -> str:
    name = option.type.name
    return "[ ]" if "list" in name.lower() else "null" if name == "nullOr" else "{ }"


def _text(ev: Evaluation, loc: Loc, option: Option, value: Any) -> str | None:
    """How a default or an example is shown, in the model's words."""
    if value is UNSET:
        return None
    if isinstance(value, Literal):
        return value.text
    value = _computed(ev, loc, option, value)
    return "computed" if value is UNSET else show_value(value, lines=40)


def _spelled_default(ev: Evaluation, loc: Loc, option: Option) -> str | None:
    """How the default is shown: said in words, written, or what the type has where nothing is said."""
    said = option.get("default_text", UNSET)
    if isinstance(said, str):
        return said
    if option.default is UNSET and option.type.has_empty:
        return _empty_text(option).replace(" ", "")
    return _spelled(ev, loc, option, option.default if said is UNSET else said)


def _spelled(ev: Evaluation, loc: Loc, option: Option, value: Any) -> str | None:
    if value is UNSET:
        return None
    if isinstance(value, Literal):
        return value.text
    value = _computed(ev, loc, option, value)
    return "computed" if value is UNSET else spelled_value(value)


def _computed(ev: Evaluation, loc: Loc, option: Option, value: Any) -> Any:
    """A deferred value, run; UNSET where it cannot be known without a system."""
    if type(value) is Deferred:
        try:
            value = force(Def(value, option.default_where, ev), loc)
        except MicrosError:
            return UNSET
    if isinstance(value, Wrapper):
        return value
    given = getattr(value, "__micros_value__", None)
    return given() if given is not None else value
