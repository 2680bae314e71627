"""The reference of options as one Markdown page."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def page(records: Sequence[dict[str, Any]], made_by: str) -> str:
    """A page of records of `micros.lang.docs.reference`, by the first part of their names. Its places have no lines, so that
    an edit elsewhere in a file does not change it."""
    lines = [f"<!-- Made by `{made_by}`; a test fails where it is stale. -->", "# Options", ""]
    lines += ["`<name>` stands for a name that the user gives, `*` for each element of a list.", ""]
    ordered = sorted(records, key=lambda record: record["name"].split("."))
    for section, inside in groupby(ordered, key=lambda record: record["name"].partition(".")[0]):
        lines += [f"## {section}", ""]
        for record in inside:
            lines += _entry(record)
    return "\n".join(lines).rstrip("\n") + "\n"


def _entry(record: dict[str, Any]) -> list[str]:
    facts = [("type", _code(record["type"])), ("default", _code(record["default"]) if record["default"] else "none: required")]
    if record["example"]:
        facts.append(("example", _code(record["example"])))
    if record["aliases"]:
        facts.append(("other names", ", ".join(map(_code, record["aliases"]))))
    if record["read_only"]:
        facts.append(("read-only", "set once"))
    facts.append(("declared in", ", ".join(_code(place.rpartition(":")[0] or place) for place in record["declared"])))
    lines = [f"### `{record['name']}`", ""]
    if record["description"]:
        lines += [record["description"], ""]
    return [*lines, *(f"- {name}: {text}" for name, text in facts), ""]


def _code(text: str) -> str:
    fence = "``" if "`" in text else "`"
    return f"{fence}{text}{fence}"
