"""`python -m micros` is the command `micros`."""

import sys

from micros.cli import main

sys.exit(main())
