"""The kernel, and what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from micros.plan.builder import Builder, FileSteps


def image(build: Builder) -> FileSteps:
    """The kernel's image, as its package has it."""
    return {"kernel": build.kernel_image}


def cmdline(build: Builder) -> FileSteps:
    """The command line, one line of text."""
    return {"cmdline": build.store.add_bytes((build.plan.cmdline + "\n").encode())}
