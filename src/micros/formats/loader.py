"""Entries of boot loaders (UAPI group specification 1, type 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.base.step import Job


def entry(job: Job) -> Digest:
    """Step program: the entry of a kernel and an initrd at their usual places. Input `cmdline`; parameter `title`."""
    cmdline = job.read(job.inputs["cmdline"]).decode().strip()
    text = f"title {job.parameters['title']}\nlinux /micros/kernel\ninitrd /micros/initrd\noptions {cmdline}\n"
    return job.put(text.encode())


def menu(job: Job) -> Digest:
    """Step program: a text in which a mark stands for the command line. Input `cmdline`, if there is a mark; parameters `text`,
    `mark`.
    """
    text = job.parameters["text"]
    if "cmdline" in job.inputs:
        text = text.replace(job.parameters["mark"], job.read(job.inputs["cmdline"]).decode().strip())
    return job.put(text.encode())
