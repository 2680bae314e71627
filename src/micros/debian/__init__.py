"""The pinned archive: mirrors, release signatures, index, dependency solving, slimming."""
