"""`python -m tests.parity` writes docs/parity.md."""

from tests.parity.table import PAGE, page

if __name__ == "__main__":
    PAGE.write_text(page())
