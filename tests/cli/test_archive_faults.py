"""What a bad mirror, release or package gets, through the command; and that the next good run succeeds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Command, Outcome
from tests.debian.small_mirror import SmallMirror

SUITES = ("trixie", "trixie-updates", "trixie-security")
PACKAGES = ("busybox", "busybox-static", "runit", "linux-image-cloud-amd64")
DAY = 86400


class Setting:
    """A small mirror of all that a system asks for, and the command that uses it with a store of its own."""

    def __init__(self, root: Path) -> None:
        self.mirror = SmallMirror(root)
        self.command = Command(root / "store", root)
        for name in PACKAGES:
            self.mirror.add(name, {f"usr/bin/{name}": name.encode()})
        self.mirror.publish(suites=SUITES)
        self.command.write("box.toml", 'platform.host = "x86_64-linux"\n')

    def lock(self, *more: str) -> Outcome:
        return self.command(
            "lock", "box.toml", "--json", "--mirror", self.mirror.url, "--keyring", str(self.mirror.keyring), *more
        )

    def fails(self, kind: str, *more: str) -> str:
        done = self.lock(*more)
        assert (done.status, done.kinds[:1]) == (1, [kind]), done.err
        return done.err

    def heals(self) -> None:
        self.mirror.publish(suites=SUITES, age_seconds=60)
        done = self.lock("--update") if (self.command.directory / "micros.lock").exists() else self.lock()
        assert done.status == 0, done.err
        assert self.command("store", "verify").status == 0


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    return Setting(tmp_path)


def _edit(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def test_a_changed_release_and_one_of_a_stranger(setting: Setting) -> None:
    _edit(setting.mirror.root / "dists/trixie/InRelease", b"Suite: stable", b"Suite: stablf")
    assert "InRelease" in setting.fails("bad-signature")
    setting.mirror.publish(suites=SUITES)
    done = setting.command("lock", "box.toml", "--json", "--mirror", setting.mirror.url)
    assert (done.status, done.kinds) == (1, ["bad-signature"])
    setting.heals()


def test_an_unsigned_release(setting: Setting) -> None:
    (setting.mirror.root / "dists/trixie/InRelease").write_text("Suite: stable\nCodename: trixie\n")
    setting.fails("bad-signature")
    setting.heals()


def test_a_release_past_its_date_and_the_override_that_the_lock_records(setting: Setting) -> None:
    past = "Valid-Until: Sat, 01 Nov 2025 00:00:00 GMT\n"
    setting.mirror.publish(suites=SUITES, age_seconds=60 * DAY, fields=past)
    assert "trixie" in setting.fails("expired")
    assert setting.lock("--accept-expired").status == 0
    assert "accepted_expired" in (setting.command.directory / "micros.lock").read_text()
    setting.heals()


def test_a_release_from_the_future_of_another_suite_and_an_older_one(setting: Setting) -> None:
    setting.mirror.publish(suites=SUITES, age_seconds=-30 * DAY)
    setting.fails("clock")
    setting.mirror.publish(suites=SUITES)
    wrong = setting.mirror.root / "dists/trixie-updates/InRelease"
    (setting.mirror.root / "dists/trixie/InRelease").write_bytes(wrong.read_bytes())
    setting.fails("wrong-suite")
    setting.mirror.publish(suites=SUITES)
    assert setting.lock().status == 0
    before = (setting.command.directory / "micros.lock").read_text()
    setting.mirror.publish(suites=SUITES, age_seconds=9 * DAY)
    setting.fails("downgrade", "--update")
    assert (setting.command.directory / "micros.lock").read_text() == before
    setting.heals()


def test_a_package_of_other_bytes_and_one_cut_off(setting: Setting) -> None:
    path = setting.mirror.root / "pool/runit_1_amd64.deb"
    good = path.read_bytes()
    path.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    assert "runit" in setting.fails("digest-mismatch")
    path.write_bytes(good)
    setting.heals()


@pytest.mark.parametrize(
    "name", ["../outside", "/absolute", "usr/../../x", "usr/bin/a\nb"], ids=["parent", "absolute", "inner", "newline"]
)
def test_a_member_that_would_leave_the_tree(setting: Setting, name: str) -> None:
    setting.mirror.add("runit", {name: b"x"})
    setting.mirror.publish(suites=SUITES)
    assert "runit" in setting.fails("unsafe-member")
    setting.mirror.add("runit", {"usr/bin/runit": b"x"})
    setting.heals()


def test_dependencies_nobody_can_meet(setting: Setting) -> None:
    setting.mirror.add("runit", {"usr/bin/runit": b"x"}, fields="Depends: nowhere (>= 3)\n")
    setting.mirror.publish(suites=SUITES)
    assert "nowhere" in setting.fails("unsatisfiable")
    setting.mirror.add("runit", {"usr/bin/runit": b"x"})
    setting.heals()


def test_a_lock_holds_every_package_to_the_byte(setting: Setting) -> None:
    assert setting.lock().status == 0
    document = json.loads((setting.command.directory / "micros.lock").read_text())
    assert set(document["architectures"]) == {"amd64", "amd64:initrd"}
    for part in document["architectures"].values():
        for record in part["packages"].values():
            assert len(record["sha256"]) == 64
            assert record["size"] > 0
