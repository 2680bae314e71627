"""The template boots, and means the same as data in NixOS spelling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from micros.base.crypt import sha512_crypt
from micros.system import load
from micros.testing import Driver, machine

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_it_is_the_same_as_data() -> None:
    typed, _ = load(str(EXAMPLES / "template.py"))
    data, _ = load(str(EXAMPLES / "template.json"))
    assert replace(typed.plan(), module_places={}) == replace(data.plan(), module_places={})


@pytest.fixture(scope="module")
def guest(store_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    with machine(EXAMPLES / "template.py", store=store_root, lock=tmp_path_factory.mktemp("template") / "micros.lock") as guest:
        yield guest


def test_it_boots_with_all_it_describes(guest: Driver) -> None:
    guest.wait_for_service("greeting")
    assert guest.succeed("cat /run/greeting") == "Hello, I am template\n"
    guest.wait_for_console_text("template login:")
    guest.succeed("id ann", "nano --version", "file /etc/passwd", "echo changed >/etc/changed")
    assert " / overlay rw" in guest.succeed("grep ' / ' /proc/mounts")
    guest.wait_until_succeeds("ip -4 addr show dev eth0 | grep 10.0.2.15")
    assert "policy drop" in guest.succeed("nft list ruleset")
    hashed = next(line for line in guest.succeed("cat /etc/shadow").splitlines() if line.startswith("ann:")).split(":")[1]
    assert sha512_crypt("micros", hashed.split("$")[2]) == hashed
