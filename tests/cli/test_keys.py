"""`micros keys`: what it makes, by other readers; where it refuses to."""

from __future__ import annotations

import stat
import struct
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from micros.debian.boot_keys import SIGNERS
from tests.conftest import Command

if TYPE_CHECKING:
    from tests.conftest import Program

X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
"""EFI_CERT_X509_GUID (UEFI 2.10, 32.4.1)."""
OF_THE_FIRMWARE, OF_IMAGES = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c"), uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
"""EFI_GLOBAL_VARIABLE and EFI_IMAGE_SECURITY_DATABASE_GUID."""
ATTRIBUTES = 0x27
"""Kept, seen while booting and later, written only with a signature and its time."""


@pytest.fixture(scope="module")
def keys(store_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    done = Command(store_root, home)("keys", "mine", XDG_CONFIG_HOME=str(home))
    assert done.status == 0, done.err
    assert Path(done.out.strip()) == home / "micros/keys/mine"
    return home / "micros/keys/mine"


def test_only_the_owner_can_read_the_private_keys(keys: Path) -> None:
    endings = ("auth", "cer", "crt", "esl", "key")
    assert sorted(path.name for path in keys.iterdir()) == sorted(["GUID", *(f"{name}.{e}" for name in SIGNERS for e in endings)])
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    assert {stat.S_IMODE((keys / f"{name}.key").stat().st_mode) for name in SIGNERS} == {0o600}


@pytest.mark.parametrize("name", SIGNERS)
def test_the_firmware_is_given_lists_signed_by_the_key_above(keys: Path, program: Program, tmp_path: Path, name: str) -> None:
    certificate, owner = (keys / f"{name}.cer").read_bytes(), uuid.UUID((keys / "GUID").read_text().strip())
    head = X509.bytes_le + struct.pack("<III", 28 + 16 + len(certificate), 0, 16 + len(certificate))
    assert (keys / f"{name}.esl").read_bytes() == head + owner.bytes_le + certificate
    # EFI_VARIABLE_AUTHENTICATION_2 (UEFI 2.10, 8.2.2): time, a certificate of a given length, and the list
    data = (keys / f"{name}.auth").read_bytes()
    (length,) = struct.unpack_from("<I", data, 16)
    assert data[16 + length :] == head + owner.bytes_le + certificate
    variables = OF_IMAGES if name == "db" else OF_THE_FIRMWARE
    text = name.encode("utf-16-le") + variables.bytes_le + struct.pack("<I", ATTRIBUTES) + data[:16] + data[16 + length :]
    signature, content = tmp_path / "signature", tmp_path / "content"
    body = data[40 : 16 + length]  # a SignedData without the ContentInfo that PKCS #7 would have around it
    inner = bytes.fromhex("06092a864886f70d010702") + _der(0xA0, body)
    signature.write_bytes(_der(0x30, inner))
    content.write_bytes(text)
    by = str(keys / f"{SIGNERS[name]}.crt")
    command = [program("openssl", "openssl"), "cms", "-verify", "-binary", "-inform", "DER", "-in", str(signature)]
    command += ["-content", str(content), "-certfile", by, "-CAfile", by, "-purpose", "any", "-out", str(tmp_path / "out")]
    subprocess.run(command, check=True)


def _der(tag: int, content: bytes) -> bytes:
    return bytes([tag, 0x82]) + len(content).to_bytes(2) + content


def test_keys_are_never_overwritten(micros: Command, keys: Path) -> None:
    before = (keys / "db.key").read_bytes()
    done = micros("keys", "mine", "--directory", str(keys), "--json")
    assert (done.status, done.kinds) == (2, ["usage"])
    assert (keys / "db.key").read_bytes() == before


@pytest.mark.parametrize("marker", [".git", "version"])
def test_places_where_others_would_find_them(micros: Command, tmp_path: Path, marker: str) -> None:
    """A work tree, and the store."""
    place = tmp_path / "place"
    store = Command(place / "store" if marker == "version" else micros.store, tmp_path)
    if marker == ".git":
        (place / ".git").mkdir(parents=True)
    directory = place / "store/keys" if marker == "version" else place / "below/keys"
    done = store("keys", "--directory", str(directory), "--json")
    assert (done.status, done.kinds) == (2, ["usage"])
    assert "--anywhere" in done.errors[0]["hint"]
    assert not directory.exists()
    assert marker != ".git" or micros("keys", "--directory", str(directory), "--anywhere").status == 0


def test_a_place_that_cannot_be_made(micros: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = micros("keys", "--directory", str(tmp_path / "file/keys"), "--json")
    assert (done.status, done.kinds) == (1, ["bad-file"])
    assert micros("keys", "../up", "--json").kinds == ["usage"]
