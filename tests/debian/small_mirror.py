"""A mirror of a few packages in a directory, signed by a key of its own."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import http.server
import io
import lzma
import shutil
import tarfile
import threading
import time
from email.utils import formatdate
from typing import TYPE_CHECKING

from pysequoia import SignatureMode, Tsk, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


def deb(control: str, files: Mapping[str, bytes]) -> bytes:
    """A package of executable files."""
    data = b"!<arch>\n"
    members = [("debian-binary", b"2.0\n"), ("control.tar.xz", _tar({"control": control.encode()}))]
    for name, content in [*members, ("data.tar.xz", _tar(files))]:
        data += b"%-16s%-12s%-6s%-6s%-8s%-10d`\n" % (name.encode(), b"0", b"0", b"0", b"100644", len(content))
        data += content + b"\n" * (len(content) % 2)
    return data


def _tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as out:
        for name, content in files.items():
            info = tarfile.TarInfo("./" + name)
            info.size, info.mode = len(content), 0o755
            out.addfile(info, io.BytesIO(content))
    return lzma.compress(buffer.getvalue(), preset=0)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is the base class's
        pass


class SmallMirror:
    """<root>/mirror/   dists and pool of the suite trixie, amd64 and what else packages are added for
    <root>/keys.gpg  the certificate that its releases are signed with"""

    def __init__(self, root: Path) -> None:
        self.root = root / "mirror"
        self.keyring = root / "keys.gpg"
        self.key = Tsk.generate("archive <archive@example.org>")
        self.keyring.write_bytes(bytes(self.key.extract_certificate()))
        self._paragraphs: dict[tuple[str, str], dict[str, str]] = {("main", "amd64"): {}}
        """By component and architecture."""

    @property
    def url(self) -> str:
        return f"file://{self.root}"

    @contextlib.contextmanager
    def served(self) -> Iterator[str]:
        """The mirror over HTTP on the loopback."""
        handler = functools.partial(_Quiet, directory=str(self.root))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listener:
            thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield f"http://127.0.0.1:{listener.server_address[1]}"
            finally:
                listener.shutdown()
                thread.join()

    def add(
        self,
        name: str,
        files: Mapping[str, bytes] | None = None,
        *,
        version: str = "1",
        fields: str = "",
        architecture: str = "amd64",
        component: str = "main",
        data: bytes | None = None,
    ) -> Path:
        """Put a package into the pool; `fields` are further lines of its paragraph. Returns its file.

        `data`: the package itself, for one that no packager would make.
        """
        paragraph = f"Package: {name}\nVersion: {version}\nArchitecture: {architecture}\nInstalled-Size: 100\n{fields}"
        data = deb(paragraph, files or {}) if data is None else data
        path = self.root / "pool" / f"{name}_{version}_{architecture}.deb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        known = self._paragraphs.setdefault((component, architecture), {})
        known[f"{name} {version}"] = f"{paragraph}Filename: pool/{path.name}\nSize: {len(data)}\nSHA256: {digest}\n"
        return path

    def clear_signed(self, text: bytes, key: Tsk | None = None) -> bytes:
        """A text as a message of the archive, or of another key."""
        return bytes(sign((key or self.key).signer(), text, mode=SignatureMode.CLEAR))

    def publish(
        self,
        *,
        age_seconds: float = 3600,
        suites: Sequence[str] = ("trixie",),
        fields: str = "",
        seal: Callable[[bytes], bytes] | None = None,
    ) -> None:
        """Replace indices and release files, as of some time ago; indices of before are gone.

        `fields` go into the release; `seal` makes its file of its text, `clear_signed` if nothing else is said.
        """
        shutil.rmtree(self.root / "dists", ignore_errors=True)
        date = formatdate(time.time() - age_seconds, usegmt=True)
        for suite in suites:
            text = f"Suite: stable\nCodename: {suite}\nDate: {date}\n{fields}"
            architectures = dict.fromkeys(architecture for _, architecture in self._paragraphs)
            text += f"Architectures: {' '.join(architectures)}\nSHA256:\n" + "".join(self._indices(suite))
            (self.root / "dists" / suite / "InRelease").write_bytes((seal or self.clear_signed)(text.encode()))

    def _indices(self, suite: str) -> Iterator[str]:
        """Write a suite's indices; their lines in its release file."""
        for (component, architecture), paragraphs in self._paragraphs.items():
            index = lzma.compress("\n".join(paragraphs.values()).encode())
            digest = hashlib.sha256(index).hexdigest()
            path = f"{component}/binary-{architecture}"
            directory = self.root / "dists" / suite / path
            (directory / "by-hash/SHA256").mkdir(parents=True)
            (directory / "by-hash/SHA256" / digest).write_bytes(index)
            (directory / "Packages.xz").write_bytes(index)
            yield f" {digest} {len(index)} {path}/Packages.xz\n"
