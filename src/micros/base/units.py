"""Sizes for people: bytes in, `12.3 MB` out."""

from __future__ import annotations


def human_bytes(count: int) -> str:
    """A size in decimal units, as disks are sold: `917 B`, `3.4 MB`."""
    if count < 1000:
        return f"{count} B"
    size = float(count)
    for unit in ("kB", "MB", "GB"):
        size /= 1000
        if size < 999.95:
            return f"{size:.1f} {unit}"
    return f"{size / 1000:.1f} TB"
