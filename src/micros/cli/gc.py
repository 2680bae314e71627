"""`micros gc`: remove from the store what nothing needs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from micros.base.units import human_bytes
from micros.cli.session import not_negative, open_store
from micros.store.keeping import KEEP_DAYS, collect

if TYPE_CHECKING:
    import argparse


def options(parser: argparse.ArgumentParser) -> None:
    """This verb's arguments."""
    parser.add_argument(
        "--keep-days",
        type=not_negative,
        default=KEEP_DAYS,
        metavar="N",
        help=f"keep what was used in the last N days ({KEEP_DAYS})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Collect, and say what that freed."""
    store = open_store(arguments)
    try:
        done = collect(store, keep_days=arguments.keep_days)
    finally:
        store.close()
    if arguments.json:
        print(json.dumps({"blobs": done.blobs, "results": done.results, "bytes": done.bytes}))
    else:
        print(f"removed {done.blobs} blobs and {done.results} results: {human_bytes(done.bytes)}")
    return 0
