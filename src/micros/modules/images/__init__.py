"""Artefacts: what can be built from a system."""
