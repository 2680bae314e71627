"""Release files that must not be believed (faults 12 to 18, 20): what each gets, and that the next good one is taken."""

from __future__ import annotations

import time
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pysequoia import Cert, SignatureMode, Tsk, sign

from tests.faults.conftest import SUITES, Box

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = 86400
EVIL = b"Suite: stable\nCodename: trixie\nDate: Thu, 01 Jan 2037 00:00:00 GMT\nSHA256:\n 00 1 main/binary-amd64/Packages.xz\n"


def _unsigned(box: Box, text: bytes) -> bytes:
    return text


def _stranger(box: Box, text: bytes) -> bytes:
    return box.mirror.clear_signed(text, Tsk.generate("archive <archive@example.org>"))


def _changed(box: Box, text: bytes) -> bytes:
    return box.mirror.clear_signed(text).replace(b"Suite: stable", b"Suite: stablf", 1)


def _detached(box: Box, text: bytes) -> bytes:
    return bytes(sign(box.mirror.key.signer(), text, mode=SignatureMode.DETACHED))


def _cut(box: Box, text: bytes) -> bytes:
    data = box.mirror.clear_signed(text)
    return data[: data.index(b"-----BEGIN PGP SIGNATURE") + 60]


def _before(box: Box, text: bytes) -> bytes:
    return EVIL + b"\n" + box.mirror.clear_signed(text)


def _after(box: Box, text: bytes) -> bytes:
    return box.mirror.clear_signed(text) + b"\n" + EVIL


def _two_messages(box: Box, text: bytes) -> bytes:
    return box.mirror.clear_signed(text) + box.mirror.clear_signed(EVIL, Tsk.generate("other <other@example.org>"))


def _strangers_message_first(box: Box, text: bytes) -> bytes:
    return box.mirror.clear_signed(EVIL, Tsk.generate("other <other@example.org>")) + box.mirror.clear_signed(text)


def _in_the_armor(box: Box, text: bytes) -> bytes:
    return box.mirror.clear_signed(text).replace(b"\n\n", b"\nSuite: evil\n\n", 1)


@pytest.mark.parametrize("seal", [_unsigned, _stranger, _changed, _detached, _cut])
def test_a_release_without_a_good_signature(box: Box, seal: Callable[[Box, bytes], bytes]) -> None:
    box.mirror.publish(suites=SUITES, seal=lambda text: seal(box, text))
    said = box.fails("bad-signature")
    assert f"{box.server.url}/dists/trixie/InRelease" in said
    assert str(box.mirror.keyring) in said
    assert not (box.root / "micros.lock").exists()
    box.heals()


def test_a_stranger_is_named_beside_those_who_are_trusted(box: Box) -> None:
    stranger = Tsk.generate("archive <archive@example.org>")
    box.mirror.publish(suites=SUITES, seal=lambda text: box.mirror.clear_signed(text, stranger))
    said = box.fails("bad-signature").lower()
    assert box.mirror.key.extract_certificate().fingerprint.lower() in said
    assert "keys it names" in said
    box.heals()


@pytest.mark.parametrize("seal", [_before, _after, _two_messages, _strangers_message_first, _in_the_armor])
def test_text_that_nobody_signed_is_never_parsed(box: Box, seal: Callable[[Box, bytes], bytes]) -> None:
    """Refused, or used as if it were not there: `EVIL` names a date and an index that no run could survive."""
    box.mirror.publish(suites=SUITES, seal=lambda text: seal(box, text))
    done = box.lock()
    if done.status:
        box.failed(done, "bad-signature")
    else:
        assert "2037" not in (box.root / "micros.lock").read_text()
    box.heals()


def test_a_revoked_key(box: Box) -> None:
    certificate = box.mirror.key.extract_certificate()
    good = box.mirror.keyring.read_bytes()
    revoked = Cert.from_bytes(good + bytes(certificate.revoke(box.mirror.key.certifier())))
    assert revoked.is_revoked
    box.mirror.keyring.write_bytes(bytes(revoked))
    assert "(revoked)" in box.fails("bad-signature")
    box.mirror.keyring.write_bytes(good)
    box.heals()


def test_an_expired_key_beside_a_good_one(box: Box) -> None:
    # Certificates are made a minute old; this one lives four seconds more, in which it signs.
    short = Tsk.generate("archive <archive@example.org>", validity_seconds=64)
    box.mirror.publish(suites=SUITES, seal=lambda text: box.mirror.clear_signed(text, short))
    good = box.mirror.keyring.read_bytes()
    box.mirror.keyring.write_bytes(good + bytes(short.extract_certificate()))
    end = short.extract_certificate().expiration
    assert end is not None
    time.sleep(max(0.0, end.timestamp() - time.time()) + 1)
    assert "(expired" in box.fails("bad-signature")
    box.mirror.keyring.write_bytes(bytes(short.extract_certificate()))
    assert "expired" in box.fails("clock")
    box.mirror.keyring.write_bytes(good)
    box.heals()


@pytest.mark.parametrize("content", [None, b"", b"no certificate at all"], ids=["missing", "empty", "nonsense"])
def test_a_keyring_that_cannot_be_used(box: Box, content: bytes | None) -> None:
    good = box.mirror.keyring.read_bytes()
    if content is None:
        box.mirror.keyring.unlink()
    else:
        box.mirror.keyring.write_bytes(content)
    assert str(box.mirror.keyring) in box.fails("bad-file")
    box.mirror.keyring.write_bytes(good)
    box.heals()


def test_a_release_past_its_date_and_the_override_that_the_lock_records(box: Box) -> None:
    past = f"Valid-Until: {formatdate(time.time() - 50 * DAY, usegmt=True)}\n"
    box.mirror.publish(suites=SUITES, age_seconds=60 * DAY, fields=past)
    said = box.fails("expired")
    assert "trixie" in said
    assert past.partition(": ")[2].strip() in said
    assert box.lock("--accept-expired").status == 0
    assert "accepted_expired" in (box.root / "micros.lock").read_text()
    box.heals()
    assert "accepted_expired" not in (box.root / "micros.lock").read_text()


def test_a_release_from_the_future_means_a_wrong_clock(box: Box) -> None:
    box.mirror.publish(suites=SUITES, age_seconds=-30 * DAY)
    assert "clock" in box.fails("clock")
    box.heals()


def test_a_clock_at_1970(box: Box) -> None:
    said = box.failed(box.lock_after("import time; time.time = lambda: 1000.0"), "clock")
    assert "1970" in said
    assert "signature" not in said
    box.heals()


def test_a_clock_at_2099(box: Box) -> None:
    """The archive's certificates end; a clock beyond all of them is more likely wrong than they are."""
    mortal = Tsk.generate("archive <archive@example.org>", validity_seconds=10 * 365 * DAY)
    good = box.mirror.keyring.read_bytes()
    box.mirror.keyring.write_bytes(bytes(mortal.extract_certificate()))
    box.mirror.publish(suites=SUITES, seal=lambda text: box.mirror.clear_signed(text, mortal))
    said = box.failed(box.lock_after("import time; time.time = lambda: 4_070_908_800.0"), "clock")
    assert "2099" in said
    box.mirror.keyring.write_bytes(good)
    box.heals()


def test_an_older_release_than_the_pinned_one(box: Box) -> None:
    assert box.lock().status == 0
    lock = box.root / "micros.lock"
    before = lock.read_text()
    box.mirror.publish(suites=SUITES, age_seconds=9 * DAY)
    said = box.fails("downgrade", more=("--update",))
    for age in (3600, 9 * DAY):
        assert time.strftime("%Y-%m-%d", time.gmtime(time.time() - age)) in said
    assert lock.read_text() == before
    box.heals()


def test_another_suite_than_the_one_asked_for(box: Box) -> None:
    dists = box.mirror.root / "dists"
    (dists / "trixie/InRelease").write_bytes((dists / "trixie-updates/InRelease").read_bytes())
    said = box.fails("wrong-suite")
    assert "trixie-updates" in said
    box.heals()


def test_weak_digests_alone(box: Box) -> None:
    box.mirror.publish(suites=SUITES, seal=lambda text: box.mirror.clear_signed(text.replace(b"SHA256:", b"MD5Sum:")))
    assert "MD5Sum" in box.fails("weak-hash")
    box.heals()


def test_a_release_without_a_date_or_without_the_index(box: Box) -> None:
    box.mirror.publish(suites=SUITES, seal=lambda text: box.mirror.clear_signed(text.replace(b"Date:", b"Dote:")))
    box.fails("bad-index")
    box.mirror.publish(suites=SUITES, seal=lambda text: box.mirror.clear_signed(text.replace(b"amd64", b"m68k")))
    assert "m68k" in box.fails("bad-index")
    box.heals()


def test_a_lock_that_was_written_holds_every_package_to_the_byte(box: Box) -> None:
    import json

    assert box.lock().status == 0
    document = json.loads(Path(box.root, "micros.lock").read_text())
    assert set(document["architectures"]) == {"amd64", "amd64:initrd"}
    for part in document["architectures"].values():
        for record in part["packages"].values():
            assert len(record["sha256"]) == 64
            assert record["size"] > 0
