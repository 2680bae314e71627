"""`micros explain FILE OPTION`: where an option's value comes from, and what reads it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from micros.cli.loading import loaded
from micros.lang.explain import explain

if TYPE_CHECKING:
    import argparse

PRIORITIES = {10: "vm", 50: "force", 60: "image", 100: "plain", 1000: "default", 1500: "the option's default"}
LONGEST = 240
"""Characters of a value that are shown to a person."""


def options(parser: argparse.ArgumentParser) -> None:
    """This verb's arguments."""
    parser.add_argument("file", metavar="FILE", help="file that describes the system, or FILE:name")
    parser.add_argument("option", metavar="OPTION", help="dotted path of an option, or of an entry below one")


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation."""
    described, _ = loaded(arguments)
    record = explain(described.evaluation, arguments.option)
    if arguments.json:
        print(json.dumps(record, ensure_ascii=False, indent=1))
    else:
        print(_shown(record))
    return 0


def _shown(record: dict[str, Any]) -> str:
    value = _short(record["value"]) if "value" in record else "(an error, see below)"
    lines = [f"{record['option']} = {value}"]
    lines += [f"  {record['description']}"] if record["description"] else []
    lines += [f"  type:     {record['type']}", f"  declared: {', '.join(record['declarations'])}"]
    for title in ("that won", "that lost", "whose condition does not hold"):
        lines += _section(f"definitions {title}", [_row(one) for one in record["definitions"] if _title(one) == title])
    lines += _section("reads", [(edge["option"], edge["where"] or "in a condition") for edge in record["reads"]])
    lines += _section("read by", [(edge["option"], edge["where"] or "in a condition") for edge in record["read_by"]])
    lines += ["error: " + record["error"]] if "error" in record else []
    return "\n".join(lines)


def _title(one: dict[str, Any]) -> str:
    if one["priority"] is None:
        return "whose condition does not hold"
    return "that won" if one["wins"] else "that lost"


def _row(one: dict[str, Any]) -> tuple[str, str]:
    priority = "" if one["priority"] is None else f"  (priority {_priority(one['priority'])})"
    return one["where"], _short(one["value"]) + priority


def _section(title: str, rows: list[tuple[str, str]]) -> list[str]:
    width = max((len(left) for left, _ in rows), default=0)
    return [f"  {title}:", *(f"    {left:<{width}}  {right}" for left, right in rows)] if rows else []


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text)} characters; all of it with --json)"


def _priority(number: int) -> str:
    return f"{number}, {PRIORITIES[number]}" if number in PRIORITIES else str(number)
