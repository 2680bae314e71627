"""`python -m tests.parity` writes docs/parity.md; with `--pending` also what is still to come."""

import sys

from tests.parity.table import PAGE, page, rows
from tests.parity.test_parity import PENDING

if __name__ == "__main__":
    PAGE.write_text(page())
    if "--pending" in sys.argv:
        missing = [theirs for theirs, here, _ in rows() if not here]
        untested = [theirs for theirs, here, files in rows() if here.startswith("`") and not files]
        PENDING.write_text("\n".join(["missing:", *missing, "", "untested:", *untested, ""]))
