"""Run a case file: `python -m tests.conformance CASES.json`.

Prints a line for each failed check, how many cases also ran as typed classes and from TOML files, and how many pass: a
case passes where it does in every form it has.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conformance import toml, typed
from tests.conformance.checks import failures

if TYPE_CHECKING:
    from collections.abc import Iterator


HERE = Path(__file__).parent
CASE_FILES = (HERE / "cases.json", HERE / "more-cases.json")


def forms(case: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The failed checks of a case in each form it has: "records", "typed classes", "TOML"."""
    yield "records", failures(case)
    if typed.expressible(case):
        yield "typed classes", failures(case, typed.typed_roots)
    if toml.expressible(case):
        with toml.toml_roots() as roots:
            yield "TOML", failures(case, roots)


def main(arguments: list[str]) -> int:
    """Run the cases of files, those of the repository without any."""
    cases = [case for path in arguments or CASE_FILES for case in json.loads(Path(path).read_text("utf-8"))]
    failed = 0
    shares: Counter[str] = Counter()
    for case in cases:
        sound = True
        for form, lines in forms(case):
            shares[form] += 1
            sound = sound and not lines
            for line in lines:
                sys.stdout.write(f"{line} ({form})\n")
        failed += not sound
    listing = ", ".join(f"{shares[form]} as {form}" for form in ("records", "typed classes", "TOML"))
    sys.stdout.write(f"{len(cases)} cases: {listing}\n")
    sys.stdout.write(f"{len(cases) - failed} passed, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
