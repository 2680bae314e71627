"""A JSON Schema of what a system may say in TOML or JSON, made from the declarations (JSON Schema, draft 2020-12).

Names complete in our spelling; the others that mean the same (`hostName`, `host-name`, aliases) are checked all the same.
Nothing is `required`: a file may be one of several that make up a system.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from micros.lang import types as kinds
from micros.lang.containers import AnyAttrs, AttrListOf, AttrsOf, CoercedTo, Either, FunctionTo, ListOf, NullOr, Unique
from micros.lang.docs import relaxed
from micros.lang.modules import UNSET
from micros.lang.records import AttrTag, Submodule
from micros.lang.spelling import record_name, spelled
from micros.lang.values import Deferred, Loc, Wrapper, show_path

if TYPE_CHECKING:
    from micros.lang.evaluation import Evaluation
    from micros.lang.tree import Node
    from micros.lang.types import Type

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]

_SCALARS: dict[str, Schema] = {
    "bool": {"type": "boolean"},
    "str": {"type": "string"},
    "nonEmptyStr": {"type": "string", "pattern": r"\S"},
    "passwdEntry": {"type": "string", "pattern": "^[^:\\n]*$"},
    "float": {"type": "number"},
    "number": {"type": "number"},
    "path": {"type": "string", "pattern": "^/"},
    "boolByOr": {"type": "boolean"},
    "singleLineStr": {"type": "string", "pattern": "^[^\\n]*\\n?$"},
}


def schema(ev: Evaluation, title: str) -> Schema:
    """The schema of a data file for these modules."""
    ev = relaxed(ev)
    made = _Schema(ev)
    body = made.tree(ev, ev.root)
    body["properties"]["$schema"] = {"type": "string", "description": "Where the editor finds this schema."}
    return {"$schema": DIALECT, "title": title, **body, "$defs": made.records}


class _Schema:
    """One schema in the making: records are written once, below `$defs`."""

    def __init__(self, ev: Evaluation) -> None:
        self.ev = ev
        self.records: dict[str, Schema] = {}
        self._names: dict[int, str] = {}

    def tree(self, ev: Evaluation, node: Node, at: str = "#") -> Schema:
        """The options below a node, as an object that takes no other names."""
        properties: dict[str, Any] = {}
        patterns: dict[str, Any] = {}
        for name, child in node.children.items():
            if child.hidden:
                patterns[_exactly([name, *_spellings(name)])] = self._hidden(ev, child)
                continue
            where = f"{at}/properties/{_pointer(name)}"
            properties[name] = self.option(ev, child) if child.decls else self.tree(ev, child, where)
            others = _spellings(name)
            if others:
                patterns[_exactly(others)] = {"$ref": where}
        found: Schema = {"type": "object", "properties": properties}
        if patterns:
            found["patternProperties"] = patterns
        found["additionalProperties"] = bool(ev.spreading is not None and ev.spreading.has_freeform)
        return found

    def _hidden(self, ev: Evaluation, node: Node) -> Schema:
        """Another name of an option, or a tree of such."""
        if not node.decls:
            inner = {_exactly([name, *_spellings(name)]): self._hidden(ev, child) for name, child in node.children.items()}
            return {"type": "object", "patternProperties": inner, "additionalProperties": False}
        decl = node.decls[0]
        if decl.removed is not None:
            return {"not": {}, "description": decl.removed}
        if decl.convert is not None or decl.redirect is None:
            return {}
        target = self._target(ev, decl.redirect)
        return target if target is not None else {}

    def _target(self, ev: Evaluation, path: Loc) -> Schema | None:
        node: Node | None = ev.root
        for name in path:
            node = node.children.get(name) if node is not None else None
        if node is None or not node.decls:
            return None
        return {"$ref": "#" + "".join(f"/properties/{_pointer(name)}" for name in path)} if ev is self.ev else None

    def option(self, ev: Evaluation, node: Node) -> Schema:
        """One option, with its documentation."""
        option = node.option(ev.prefix)
        found = self.kind(option.type, ev.prefix + node.path)
        documented: Schema = {}
        description = option.get("description", "")
        documented["description"] = f"{description}\n\n{spelled(option.type)}".strip()
        default = _data(option.default)
        if default is not UNSET and not isinstance(option.get("default_text", None), str):
            documented["default"] = default
        example = _data(option.get("example", UNSET))
        if example is not UNSET:
            documented["examples"] = [example]
        if option.read_only:
            documented["readOnly"] = True
        return {**documented, **found}

    def kind(self, kind: Type, loc: Loc) -> Schema:  # noqa: C901 # one case for each type
        """The values of a type."""
        match kind:
            case kinds.Number():
                return _number(kind)
            case kinds.Enum():
                return {"enum": list(kind.values)}
            case kinds.Matching():
                return {"type": "string", "pattern": f"^(?:{_pattern(kind)})$"}
            case kinds.Separated():
                return {"type": "string"}
            case kinds.Leaf():
                return {"type": "string"} if kind.coerce is not None else {"not": {}}
            case ListOf():
                found: Schema = {"type": "array", "items": self.kind(kind.elem, (*loc, "*"))}
                return {**found, "minItems": 1} if kind.non_empty else found
            case AttrsOf():
                names = {} if kind.keys is None else {"propertyNames": self.kind(kind.keys, loc)}
                return {"type": "object", **names, "additionalProperties": self.kind(kind.elem, (*loc, f"<{kind.placeholder}>"))}
            case NullOr():
                return {"anyOf": [self.kind(kind.elem, loc), {"type": "null"}]}
            case Either():
                return {"anyOf": [self.kind(kind.left, loc), self.kind(kind.right, loc)]}
            case CoercedTo():
                return {"anyOf": [self.kind(kind.target, loc), self.kind(kind.source, loc)]}
            case Unique():
                return self.kind(kind.elem, loc)
            case Submodule():
                return {"$ref": f"#/$defs/{_pointer(self._record(kind, loc))}"}
            case AttrTag():
                return {"type": "object", "minProperties": 1, "maxProperties": 1}
            case AnyAttrs():
                return {"type": "object"}
            case AttrListOf():
                return {"type": ["array", "object"]}
            case FunctionTo():
                return {"not": {}, "description": "a function: only Python can say it"}
        return dict(_SCALARS.get(kind.name, {}))

    def _record(self, kind: Submodule, loc: Loc) -> str:
        """The name of a record below `$defs`; written when it is met first, so that a record may hold itself."""
        name = self._names.get(id(kind))
        if name is None:
            wanted = record_name(kind)
            name = wanted if wanted not in self.records and wanted != "record" else show_path(loc)
            self._names[id(kind)] = name
            self.records[name] = {}
            inner = kind.evaluation(self.ev, loc, [], checked=False)
            inner.ready()
            self.records[name] = self.tree(inner, inner.root, f"#/$defs/{_pointer(name)}")
        return name


def _number(kind: kinds.Number) -> Schema:
    found: Schema = {"type": "number" if kind.real else "integer"}
    if kind.low is not None:
        found["minimum"] = kind.low
    if kind.high is not None:
        found["maximum"] = kind.high
    return found


def _pattern(kind: kinds.Matching) -> str:
    return kind.name.removeprefix("strMatching ")


def _spellings(name: str) -> list[str]:
    """Other ways to write a name that mean the same: `hostName` and `host-name` for `host_name`."""
    if "_" not in name.strip("_"):
        return []
    camel = re.sub(r"(?<=[a-z0-9])_([a-z])", lambda match: match[1].upper(), name)
    shouted = re.sub(r"(Tcp|Udp)(?=[A-Z])", lambda match: match[1].upper(), camel)
    return [other for other in dict.fromkeys((camel, shouted, name.replace("_", "-"))) if other != name]


def _exactly(names: list[str]) -> str:
    escaped = [re.sub(r"[^A-Za-z0-9_-]", r"\\\g<0>", name) for name in names]
    return f"^({'|'.join(escaped)})$"


def _pointer(name: str) -> str:
    """A name in a JSON pointer within a URI fragment (RFC 6901, sections 3 and 6)."""
    from urllib.parse import quote

    return quote(name.replace("~", "~0").replace("/", "~1"), safe="")


def _data(value: Any) -> Any:
    """A default as JSON; UNSET where it is none."""
    if isinstance(value, Deferred | Wrapper) or value is UNSET:
        return UNSET
    if isinstance(value, Mapping) or hasattr(value, "__micros_value__"):
        return UNSET if value else {}
    try:
        return json.loads(json.dumps(value))
    except TypeError:
        return UNSET
