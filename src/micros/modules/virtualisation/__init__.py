"""Running as a guest."""
