"""INI and its relatives as text, of plain values. No two programs read them alike, so what could be misread is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, error
from micros.lang.modules import Decl, Spec
from micros.lang.records import Submodule

if TYPE_CHECKING:
    from collections.abc import Callable

    from micros.lang.types import Type

Sections = dict[str, dict[str, Any]]


def with_global(top: Type, sections: Type) -> Type:
    """The type of a file with keys before all sections."""
    options = {"globalSection": Decl(top, default={}), "sections": Decl(sections, default={})}
    return Submodule([Spec(options=options)], title="INI file with a global section")


def ini(top: dict[str, Any], sections: Sections, join: Callable[[list[Any]], str] | None) -> str:
    """Keys before all sections, then each section, an empty line between."""
    parts = [_lines(top, "=", join)] if any(value is not None for value in top.values()) else []
    for name in sorted(sections):
        parts.append([f"[{_name(name, ']')}]", *_lines(sections[name], "=", join)])
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n" if parts else ""


def key_value(values: dict[str, Any], separator: str) -> str:
    """A line for each key."""
    return "".join(f"{line}\n" for line in _lines(values, separator, None))


def git(sections: dict[str, dict[str, Any]]) -> str:
    """Git's INI: a section's own keys, then its subsections."""
    parts: list[str] = []
    for name in sorted(sections):
        subsections = {sub: inner for sub, inner in sections[name].items() if isinstance(inner, dict)}
        own = {key: value for key, value in sections[name].items() if key not in subsections}
        if own or not subsections:
            parts.append(_git_section(f"[{_name(name, ']')}]", own))
        for sub in sorted(subsections):
            parts.append(_git_section(f'[{_name(name, "]")} "{_git_escaped(sub)}"]', subsections[sub]))
    return "\n".join(parts)


def _git_section(head: str, values: dict[str, Any]) -> str:
    rows = [head]
    for key in sorted(values):
        rows += [f"\t{_name(key, '=')} = {_git_value(item)}" for item in _many(values[key])]
    return "\n".join(rows) + "\n"


def _git_escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _git_value(value: Any) -> str:
    """In quotes where a text holds what git would take for a comment, or leading or trailing space."""
    text = _atom(value)
    return f'"{_git_escaped(text)}"' if isinstance(value, str) and (text != text.strip() or set(text) & set('#;"\\')) else text


def _lines(values: dict[str, Any], separator: str, join: Callable[[list[Any]], str] | None) -> list[str]:
    rows: list[str] = []
    for key in sorted(values):
        items = _many(values[key])
        if join is not None and isinstance(values[key], list):
            items = [join(items)]
        rows += [f"{_name(key, separator)}{separator}{_atom(item)}" for item in items]
    return rows


def _many(value: Any) -> list[Any]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if item is not None]


def _atom(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _name(name: str, end: str) -> str:
    """A name that ends where it should."""
    if not name or name != name.strip() or (end.strip() and end.strip() in name) or "\n" in name or name[0] in "[#;":
        raise error(Kind.WRONG_TYPE, f"{name!r} cannot be the name of a section or key: a reader would take it for another")
    return name
