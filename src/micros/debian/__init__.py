"""The pinned archive: mirrors, release signatures, index, dependency solving, slimming."""

SUITES = ("trixie", "trixie-updates", "trixie-security")
"""What is asked for packages where nothing else is said: Debian 13, its updates and its security fixes."""
