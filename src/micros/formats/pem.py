"""PEM bundles (RFC 7468): many certificates in one file, as TLS libraries read their authorities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.base.tree import File, Tree

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.base.step import Job

SOURCE = "usr/share/ca-certificates/"
BUNDLE = "etc/ssl/certs/ca-certificates.crt"


def bundle(job: Job) -> Digest:
    """Step program: a tree with the bundle of every certificate in the tree `package` (Debian's ca-certificates; may be left
    out) and of parameter `more`, texts in PEM."""
    parts: list[bytes] = []
    if "package" in job.inputs:
        tree = job.tree(job.inputs["package"])
        paths = [path for path in tree if path.startswith(SOURCE) and path.endswith(".crt")]
        parts = [job.read(entry.digest) for path in paths if isinstance(entry := tree[path], File)]
    parts += [text.encode() for text in job.parameters.get("more", [])]
    data = b"".join(part.rstrip(b"\n") + b"\n" for part in parts)
    return job.put_tree(Tree.of([(BUNDLE, File(job.put(data), len(data)))]))
