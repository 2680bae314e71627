"""`micros options [PATTERN]`: every option a system can be told, with its type, default and description."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, error
from micros.cli.loading import evaluation_of
from micros.lang.docs import reference
from micros.lang.markdown import page
from micros.lang.search import matching

if TYPE_CHECKING:
    import argparse

MADE_BY = "micros options --markdown"
WIDTH = 100


def options(parser: argparse.ArgumentParser) -> None:
    """This verb's arguments."""
    parser.add_argument("pattern", metavar="PATTERN", nargs="?", help="part of a name or description, or a glob (*.enable)")
    parser.add_argument("--file", metavar="FILE", help="also the options of the modules that this system uses")
    parser.add_argument("--internal", action="store_true", help="also what modules use among themselves")
    parser.add_argument("--markdown", action="store_true", help="print a page of documentation (docs/options.md)")


def run(arguments: argparse.Namespace) -> int:
    """Print the options that match: an error where none does."""
    records = [one for one in reference(evaluation_of(arguments)) if arguments.internal or not _is_internal(one)]
    if arguments.pattern:
        records = matching(records, arguments.pattern)
    if not records:
        raise error(
            Kind.UNKNOWN_OPTION,
            f"no option's name or description holds {arguments.pattern!r}",
            hint="`micros options` lists all of them",
        )
    if arguments.json:
        print(json.dumps(records, ensure_ascii=False, indent=1))
    elif arguments.markdown:
        print(page(records, MADE_BY), end="")
    else:
        print("\n\n".join(map(_shown, records)))
    return 0


def _is_internal(record: dict[str, Any]) -> bool:
    return bool(record["internal"])


def _shown(record: dict[str, Any]) -> str:
    """One option for a person at a terminal."""
    lines = [record["name"]]
    lines += textwrap.wrap(record["description"], WIDTH, initial_indent="  ", subsequent_indent="  ")
    default = record["default"]
    facts = [("type", record["type"]), ("default", "none: required" if default is None else default)]
    facts += [("example", record["example"])] if record["example"] else []
    facts += [("also", ", ".join(record["aliases"]))] if record["aliases"] else []
    facts.append(("declared", ", ".join(record["declared"])))
    return "\n".join([*lines, *(f"  {name + ':':<10}{text}" for name, text in facts)])
