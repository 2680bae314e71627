"""Interfaces, names and addresses."""
