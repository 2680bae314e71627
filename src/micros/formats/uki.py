"""Unified kernel images: a UEFI program that holds kernel, initrd and command line (UAPI group specification 5).

The program is a stub, systemd's, which finds the rest in its own sections:

    .osrel | .uname | .cmdline | .initrd | .linux
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from micros.base.sparse import write_sparse
from micros.formats.contents import blob_pieces
from micros.formats.pe import with_sections

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.base.step import Job


def write(job: Job) -> Digest:
    """Step program. Inputs: `stub`, `kernel`, `initrd`, `cmdline`, a line of text; parameters: `os_release`, `release` (the
    kernel's, as `uname -r` says it).
    """
    texts = {
        ".osrel": job.parameters["os_release"].encode(),
        ".uname": job.parameters["release"].encode(),
        ".cmdline": job.read(job.inputs["cmdline"]).rstrip(b"\n"),
    }
    files = {".initrd": job.inputs["initrd"], ".linux": job.inputs["kernel"]}
    sizes = [(name, len(text)) for name, text in texts.items()]
    sizes += [(name, _size(job, digest)) for name, digest in files.items()]
    program, offsets, size = with_sections(job.read(job.inputs["stub"]), sizes)
    out = job.scratch / "uki.efi"
    with out.open("xb") as stream:
        stream.write(program)
        for offset, text in zip(offsets, texts.values(), strict=False):
            stream.seek(offset)
            stream.write(text)
        for offset, (name, digest) in zip(offsets[len(texts) :], files.items(), strict=True):
            stream.seek(offset)
            for piece in blob_pieces(f"the section {name}", digest, job):
                write_sparse(stream, piece)
        stream.truncate(size)
    return job.put_file(out)


def _size(job: Job, digest: Digest) -> int:
    with job.open(digest) as stream:
        return stream.seek(0, os.SEEK_END)
