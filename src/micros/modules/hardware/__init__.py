"""The hardware a system runs on."""
