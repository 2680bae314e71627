"""`python -m tests.parity` writes docs/parity.md; with `--pending` also the list of names that are still to come."""

import sys

from tests.parity.table import PAGE, PENDING, page, rows

if __name__ == "__main__":
    PAGE.write_text(page())
    if "--pending" in sys.argv:
        PENDING.write_text("".join(f"{theirs}\n" for theirs, here, _ in rows() if not here))
