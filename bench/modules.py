"""Evaluate a synthetic system deeply and print it: `python -m bench.modules SIZE.json [PATH]` (or `.json.xz`).

Prints canonical JSON (sorted keys, no spaces, UTF-8) on stdout; processor time and peak memory on stderr. With PATH, one
option by its dotted name.
"""

from __future__ import annotations

import gc
import json
import lzma
import os
import resource
import sys
import time
from typing import TYPE_CHECKING, Any

from micros.base.where import Where
from micros.lang import containers as c
from micros.lang import types as t
from micros.lang.evaluation import Evaluation
from micros.lang.modules import UNSET, Decl, Spec
from micros.lang.reading import plain
from micros.lang.records import Submodule
from micros.lang.values import Deferred, If, Order, Override

if TYPE_CHECKING:
    from micros.lang.types import Type

SIMPLE: dict[str, Type] = {"str": t.STR, "int": t.INT, "bool": t.BOOL, "lines": t.LINES}
_known: dict[str, Type] = {}


def type_of(form: Any) -> Type:
    if isinstance(form, str):
        return SIMPLE[form]
    key = json.dumps(form)
    found = _known.get(key)
    if found is None:
        found = _known[key] = _made(form)
    return found


def _made(form: list[Any]) -> Type:
    match form:
        case ["listOf", inner]:
            return c.ListOf(type_of(inner))
        case ["attrsOf", inner]:
            return c.AttrsOf(type_of(inner))
        case ["nullOr", inner]:
            return c.NullOr(type_of(inner))
        case ["enum", values]:
            return t.Enum(values)
        case ["submodule", fields]:
            options = {one["name"]: Decl(type_of(one["type"]), default=one.get("default", UNSET)) for one in fields}
            return Submodule([Spec(options=options)])
    raise ValueError(form)


def value_of(form: Any) -> Any:
    if type(form) is dict:
        if "$str" in form:
            parts = [tuple(part["$cfg"]) if isinstance(part, dict) else part for part in form["$str"]]
            return Deferred(lambda ev: _joined(ev, parts))
        if "$cfg" in form:
            return reference(form["$cfg"])
        return {name: value_of(item) for name, item in form.items()}
    if type(form) is list and form and type(form[0]) is not str:
        return [value_of(item) for item in form]
    return form


def reference(path: list[str]) -> Deferred:
    parts = tuple(path)
    return Deferred(lambda ev: ev.config.lookup(parts))


def _joined(ev: Evaluation, parts: list[Any]) -> str:
    config = ev.config
    return "".join([_text(config.lookup(part)) if type(part) is tuple else part for part in parts])


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def module_of(form: dict[str, Any]) -> Spec:
    where = Where(form["file"])
    options: dict[str, Any] = {}
    for one in form["options"]:
        decl = Decl(type_of(one["type"]), where=where, default=one.get("default", UNSET))
        _put(options, one["path"], decl)
    config: dict[str, Any] = {}
    for one in form["definitions"]:
        value = value_of(one["value"])
        if "order" in one:
            value = Order(one["order"], value)
        if "priority" in one:
            value = Override(one["priority"], value)
        if "if" in one:
            value = If(reference(one["if"]), value)
        _put(config, one["path"], value)
    return Spec(file=where, options=options, config=config)


def _put(tree: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        tree = tree.setdefault(name, {})
    if path[-1] in tree:
        from micros.lang.values import Merge

        value = Merge([tree[path[-1]], value])
    tree[path[-1]] = value


def main(arguments: list[str]) -> None:
    gc.disable()
    name = arguments[0]
    if name.endswith(".xz"):
        with lzma.open(name) as stream:
            system = json.load(stream)
    else:
        with open(name, "rb") as stream:
            system = json.load(stream)
    roots: list[Any] = []
    forms = system["modules"]
    forms.reverse()
    while forms:
        roots.append(module_of(forms.pop()))
    config = Evaluation(roots).config
    value = plain(config.lookup(tuple(arguments[1].split("."))) if arguments[1:] else config)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    sys.stdout.buffer.write(text.encode("utf-8") + b"\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.process_time():.2f} s, {peak:.0f} MiB", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # taking down a hundred thousand objects one by one is no part of an evaluation
