"""Documentation of options as records that can be written as JSON; no option's value is needed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from micros.base.errors import MicrosError
from micros.lang.arguments import own_declarations
from micros.lang.merging import Def, force
from micros.lang.modules import UNSET
from micros.lang.tree import Node, Option
from micros.lang.values import Deferred, Literal, Loc, Wrapper, show_path, show_value

if TYPE_CHECKING:
    from micros.lang.evaluation import Evaluation


def documentation(ev: Evaluation) -> list[dict[str, Any]]:
    """A record for each declared option, those of records below `<name>` or `*`.

    Keys: loc, name, description, declarations (places), internal, visible, readOnly, type (its description), default and
    example (each `{"text": ...}`, where there is one).
    """
    relaxed = ev if not ev.checked else type(ev)(ev.roots, prefix=ev.prefix, special_args=ev.special_args, checked=False)
    found: list[dict[str, Any]] = []
    _section(relaxed, found, 0)
    return found


def _section(ev: Evaluation, found: list[dict[str, Any]], depth: int) -> None:
    ev.ready()
    own = Node(("_module",))
    for name, decl in own_declarations().items():
        node = Node(("_module", name))
        node.decls.append(decl)
        own.children[name] = node
    _walk(ev, ev.root, found, depth)
    _walk(ev, own, found, depth)


def _walk(ev: Evaluation, node: Node, found: list[dict[str, Any]], depth: int) -> None:
    if node.decls:
        if node.decls[0].silent:
            return
        option = node.option(ev.prefix)
        found.append(_record(ev, node, option))
        visible = option.get("visible", True)
        if visible is not False and visible != "shallow" and depth < 12:
            for _loc, inner in option.type.suboptions(ev.prefix + node.path):
                _section(inner, found, depth + 1)
        return
    for child in node.children.values():
        _walk(ev, child, found, depth)


def _record(ev: Evaluation, node: Node, option: Option) -> dict[str, Any]:
    loc = ev.prefix + node.path
    visible = option.get("visible", True)
    record: dict[str, Any] = {
        "loc": list(loc),
        "name": show_path(loc),
        "description": option.get("description", None),
        "declarations": [str(decl.where) for decl in reversed(node.decls) if decl.where.file != "<unknown-file>"],
        "internal": bool(option.get("internal", False)),
        "visible": visible not in (False,),
        "readOnly": option.read_only,
        "type": option.type.description,
    }
    default = option.get("default_text", option.default)
    text = _text(ev, loc, default, option)
    if text is None and option.type.has_empty and option.default is UNSET:
        text = _empty_text(option)
    if text is not None:
        record["default"] = {"text": text}
    example = option.get("example", UNSET)
    if example is not UNSET:
        record["example"] = {"text": _text(ev, loc, example, option)}
    return record


def _empty_text(option: Option) -> str:
    name = option.type.name
    return "[ ]" if "list" in name.lower() else "null" if name == "nullOr" else "{ }"


def _text(ev: Evaluation, loc: Loc, value: Any, option: Option) -> str | None:
    """How a default or an example is shown."""
    if value is UNSET:
        return None
    if isinstance(value, Literal):
        return value.text
    if type(value) is Deferred:
        try:
            value = force(Def(value, option.default_where, ev), loc)
        except MicrosError:
            return "computed"
    if isinstance(value, Wrapper):
        return show_value(value)
    given = getattr(value, "__micros_value__", None)
    return show_value(given() if given is not None else value, lines=40)


def as_json(ev: Evaluation) -> str:
    """The documentation as JSON text."""
    return json.dumps(documentation(ev), indent=1, sort_keys=True) + "\n"
