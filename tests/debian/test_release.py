"""Release files: what is believed, and what each forgery, mix-up and wrong date gets."""

from __future__ import annotations

import time
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest
from pysequoia import SignatureMode, Tsk, sign

from micros.base.digest import digest_of
from micros.base.errors import Kind, MicrosError
from micros.debian.release import KEYS, Release, verify

if TYPE_CHECKING:
    from pathlib import Path

URL = "http://mirror.invalid/dists/trixie/InRelease"
DIGEST = digest_of(b"index")
SHA256 = f"SHA256:\n {DIGEST} 5 main/binary-amd64/Packages.xz\n"


def text(*, suite: str = "trixie", date: float | None = None, until: float | None = None, rest: str = SHA256) -> str:
    lines = [f"Suite: stable\nCodename: {suite}", f"Date: {formatdate(time.time() if date is None else date, usegmt=True)}"]
    if until is not None:
        lines.append(f"Valid-Until: {formatdate(until, usegmt=True)}")
    return "\n".join([*lines, "Architectures: amd64 armhf", rest])


class Archive:
    """A signing key, and a keyring that trusts it."""

    def __init__(self, directory: Path) -> None:
        self.key = Tsk.generate("archive <archive@example.org>")
        self.keyring = directory / "archive.gpg"
        self.keyring.write_bytes(bytes(self.key.extract_certificate()))

    def signed(self, content: str, *, key: Tsk | None = None, mode: SignatureMode = SignatureMode.CLEAR) -> bytes:
        return bytes(sign((key or self.key).signer(), content.encode(), mode=mode))

    def verify(self, data: bytes, suite: str = "trixie", *, accept_expired: bool = False) -> Release:
        return verify(data, suite, url=URL, keyring=self.keyring, accept_expired=accept_expired)

    def kind_of(self, data: bytes, suite: str = "trixie") -> Kind:
        with pytest.raises(MicrosError) as caught:
            self.verify(data, suite)
        return caught.value.kind


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path)


def test_a_good_release_is_read(archive: Archive) -> None:
    now = int(time.time())
    data = archive.signed(text(date=now, until=now + 1000))
    release = archive.verify(data)
    assert release.date == now
    assert release.valid_until == now + 1000
    assert release.files == {"main/binary-amd64/Packages.xz": (DIGEST, 5)}
    assert release.architectures == ("amd64", "armhf")
    assert release.digest == digest_of(data)
    assert archive.verify(data, "stable").suite == "stable"


def test_nobody_signed(archive: Archive) -> None:
    for data in (b"", text().encode(), b"<html>Please log in</html>", b"\xff\x00" * 100):
        assert archive.kind_of(data) is Kind.BAD_SIGNATURE


def test_somebody_else_signed(archive: Archive) -> None:
    stranger = Tsk.generate("archive <archive@example.org>")
    data = archive.signed(text(), key=stranger)
    assert archive.kind_of(data) is Kind.BAD_SIGNATURE
    with pytest.raises(MicrosError) as caught:
        verify(data, "trixie", url=URL, keyring=KEYS)
    assert caught.value.kind is Kind.BAD_SIGNATURE
    assert URL in str(caught.value)


def test_the_text_was_changed(archive: Archive) -> None:
    data = archive.signed(text())
    for change in (data.replace(b"amd64", b"arm64", 1), data.replace(b" 5 ", b" 6 ", 1)):
        assert archive.kind_of(change) is Kind.BAD_SIGNATURE


def test_the_signature_was_cut_off(archive: Archive) -> None:
    data = archive.signed(text())
    start = data.index(b"-----BEGIN PGP SIGNATURE")
    for cut in (start, start + 40, start + 120):
        assert archive.kind_of(data[:cut]) is Kind.BAD_SIGNATURE


def test_a_detached_signature_is_no_release_file(archive: Archive) -> None:
    assert archive.kind_of(archive.signed(text(), mode=SignatureMode.DETACHED)) is Kind.BAD_SIGNATURE


@pytest.mark.parametrize("place", ["before", "after", "twice", "inner"])
def test_only_signed_text_is_parsed(archive: Archive, place: str) -> None:
    evil = text(suite="evil", rest=f"SHA256:\n {'0' * 64} 5 main/binary-amd64/Packages.xz\n").encode()
    good = archive.signed(text())
    header = b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
    data = {
        "before": evil + b"\n" + good,
        "after": good + b"\n" + evil,
        "twice": header + evil + b"\n" + good,
        "inner": good.replace(b"Hash: SHA512\n", b"Hash: SHA512\nSuite: evil\n", 1),
    }[place]
    try:
        files = archive.verify(data).files
    except MicrosError as problem:
        if problem.kind is not Kind.BAD_SIGNATURE:
            raise
    else:
        assert files == {"main/binary-amd64/Packages.xz": (DIGEST, 5)}


def test_lines_with_dashes_survive(archive: Archive) -> None:
    release = archive.verify(archive.signed("- x\n-----BEGIN PGP SIGNATURE-----\n" + text()))
    assert release.files == {"main/binary-amd64/Packages.xz": (DIGEST, 5)}


def test_another_suite_is_refused(archive: Archive) -> None:
    assert archive.kind_of(archive.signed(text()), "trixie-security") is Kind.WRONG_SUITE
    assert archive.kind_of(archive.signed(text(suite="sid"))) is Kind.WRONG_SUITE


def test_expired(archive: Archive) -> None:
    data = archive.signed(text(date=time.time() - 900_000, until=time.time() - 1000))
    assert archive.kind_of(data) is Kind.EXPIRED
    accepted = archive.verify(data, accept_expired=True)
    assert accepted.valid_until is not None
    assert accepted.valid_until < time.time()


def test_a_release_from_the_future_means_a_wrong_clock(archive: Archive) -> None:
    assert archive.kind_of(archive.signed(text(date=time.time() + 3 * 86400))) is Kind.CLOCK


@pytest.mark.parametrize("signed", [True, False])
def test_a_clock_at_1970_is_named_before_anything_else(archive: Archive, monkeypatch: pytest.MonkeyPatch, signed: bool) -> None:
    data = archive.signed(text()) if signed else text().encode()  # to a clock at 1970 no signature is valid yet
    monkeypatch.setattr(time, "time", lambda: 1000.0)
    assert archive.kind_of(data) is Kind.CLOCK


def test_a_clock_beyond_all_certificates_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 4_070_908_800.0)  # 2099
    with pytest.raises(MicrosError) as caught:
        verify(text().encode(), "trixie", url=URL, keyring=KEYS)
    assert caught.value.kind is Kind.CLOCK


def test_weak_digests_alone_are_refused(archive: Archive) -> None:
    weak = "MD5Sum:\n 0 5 x\nSHA1:\n 0 5 x\n"
    assert archive.kind_of(archive.signed(text(rest=weak))) is Kind.WEAK_HASH
    assert archive.kind_of(archive.signed(text(rest=""))) is Kind.WEAK_HASH


@pytest.mark.parametrize("date", ["", "Date: yesterday\n", "Date: Mon, 99 Foo 2026 25:00:00 UTC\n", "Date:\n"])
def test_a_release_without_a_date_is_bad(archive: Archive, date: str) -> None:
    content = f"Suite: stable\nCodename: trixie\n{date}{SHA256}"
    assert archive.kind_of(archive.signed(content)) is Kind.BAD_INDEX


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_keyring_that_cannot_be_used_is_named(archive: Archive, content: bytes | None) -> None:
    data = archive.signed(text())
    if content is None:
        archive.keyring.unlink()
    else:
        archive.keyring.write_bytes(content)
    assert archive.kind_of(data) in (Kind.BAD_FILE, Kind.BAD_SIGNATURE)


def test_the_bundled_certificates_are_those_the_readme_names() -> None:
    from pysequoia import Cert

    named = (KEYS / "README.md").read_text().lower()
    found = [cert for path in sorted(KEYS.glob("*.gpg")) for cert in Cert.split_bytes(path.read_bytes())]
    assert len(found) == 3
    assert all(cert.fingerprint.lower() in named for cert in found)
