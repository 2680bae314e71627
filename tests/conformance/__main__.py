"""Run a case file: `python -m tests.conformance CASES.json` prints a line for each failed check, and how many cases pass."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.conformance.checks import failures


def main(arguments: list[str]) -> int:
    path = Path(arguments[0]) if arguments else Path(__file__).with_name("cases.json")
    cases = json.loads(path.read_text("utf-8"))
    failed = 0
    for case in cases:
        lines = failures(case)
        failed += bool(lines)
        for line in lines:
            sys.stdout.write(line + "\n")
    sys.stdout.write(f"{len(cases) - failed} passed, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
