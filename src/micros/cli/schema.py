"""`micros schema`: a JSON Schema with which editors complete and check systems in TOML and JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from micros.cli.loading import evaluation_of
from micros.lang.schema import schema

if TYPE_CHECKING:
    import argparse


def options(parser: argparse.ArgumentParser) -> None:
    """This verb's arguments."""
    parser.add_argument("--file", metavar="FILE", help="also the options of the modules that this system uses")


def run(arguments: argparse.Namespace) -> int:
    """Print the schema."""
    print(json.dumps(schema(evaluation_of(arguments), "A MicrOS system"), ensure_ascii=False, indent=1))
    return 0
