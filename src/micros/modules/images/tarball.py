"""The root file system as a tar archive: what container engines import, and everything of a system in one file."""

from __future__ import annotations

from typing import Literal

from micros.lang import Module, lazy, option
from micros.modules.system import Artefact


class Tarball(Module, at="images.tarball"):
    """How the archive is made."""

    compression: Literal["zstd", "xz", "gzip", "none"] = option(default="gzip", doc="Compression of `system.build.tarball`.")


class Archives(Module, at="system.build"):
    """Artefacts that are archives of the root."""

    tarball: Artefact = option(
        default=lazy(
            lambda config: Artefact("micros.plan.artefacts.tarball:tarball", {"compression": config[Tarball].compression})
        ),
        default_text="compressed as images.tarball.compression says",
        doc="the root file system as a tar archive, as container engines import it: rootfs.tar.gz",
    )
    toplevel: Artefact = option(
        default=Artefact("micros.plan.artefacts.tarball:tarball", {"name": "toplevel", "compression": "none"}),
        doc="everything the running system finds below /, as an uncompressed tar archive: toplevel.tar",
    )
