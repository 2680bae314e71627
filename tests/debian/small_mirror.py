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
    from collections.abc import Iterator, Mapping, Sequence
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
    """<root>/mirror/   dists and pool of the suite trixie, amd64
    <root>/keys.gpg  the certificate that its releases are signed with"""

    def __init__(self, root: Path) -> None:
        self.root = root / "mirror"
        self.keyring = root / "keys.gpg"
        self._key = Tsk.generate("archive <archive@example.org>")
        self.keyring.write_bytes(bytes(self._key.extract_certificate()))
        self._paragraphs: dict[str, str] = {}

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

    def add(self, name: str, files: Mapping[str, bytes] | None = None, *, version: str = "1", fields: str = "") -> Path:
        """Put a package into the pool; `fields` are further lines of its paragraph. Returns its file."""
        paragraph = f"Package: {name}\nVersion: {version}\nArchitecture: amd64\nInstalled-Size: 100\n{fields}"
        data = deb(paragraph, files or {})
        path = self.root / "pool" / f"{name}_{version}_amd64.deb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        self._paragraphs[f"{name} {version}"] = f"{paragraph}Filename: pool/{path.name}\nSize: {len(data)}\nSHA256: {digest}\n"
        return path

    def publish(self, *, age_seconds: float = 3600, suites: Sequence[str] = ("trixie",), fields: str = "") -> None:
        """Replace index and release file, as of some time ago; indices of before are gone. `fields` go into the release."""
        shutil.rmtree(self.root / "dists", ignore_errors=True)
        for suite in suites:
            self._publish(suite, formatdate(time.time() - age_seconds, usegmt=True), fields)

    def _publish(self, suite: str, date: str, fields: str) -> None:
        index = lzma.compress("\n".join(self._paragraphs.values()).encode())
        digest = hashlib.sha256(index).hexdigest()
        directory = self.root / "dists" / suite / "main/binary-amd64"
        (directory / "by-hash/SHA256").mkdir(parents=True)
        (directory / "by-hash/SHA256" / digest).write_bytes(index)
        (directory / "Packages.xz").write_bytes(index)
        text = f"Suite: stable\nCodename: {suite}\nDate: {date}\n{fields}Architectures: amd64\nSHA256:\n"
        text += f" {digest} {len(index)} main/binary-amd64/Packages.xz\n"
        signed = sign(self._key.signer(), text.encode(), mode=SignatureMode.CLEAR)
        (self.root / "dists" / suite / "InRelease").write_bytes(bytes(signed))
