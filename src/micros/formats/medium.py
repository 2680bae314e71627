"""What tells a medium from others of the same label: a number made of what it holds, in a file there and in what starts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.base.digest import digest_of

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.base.step import Job

MARKER = "@medium@"
"""Where texts name the medium."""
DIGITS = 32


def identity(job: Job) -> Digest:
    """Step program: the number of a medium, a line of hexadecimal digits. Inputs: what it holds; parameter `label`."""
    held = "".join(f"{role} {digest}\n" for role, digest in sorted(job.inputs.items()))
    return job.put(digest_of(f"{job.parameters['label']}\n{held}".encode())[:DIGITS].encode() + b"\n")


def named(job: Job) -> Digest:
    """Step program: a text that names the medium. Input `identity`; parameter `text`, with `MARKER` where it is to stand."""
    number = job.read(job.inputs["identity"]).decode().strip()
    return job.put(job.parameters["text"].replace(MARKER, number).encode())
