"""Debian's order of versions (policy 5.6.12), against cases of our own and against the archive's dpkg."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micros.debian.version import key, satisfies

if TYPE_CHECKING:
    from tests.conftest import Program

PAIRS = 300
RISING = (
    "0", "0a", "0+", "0.0~1", "0.0", "0.1~rc1-1", "0.1-0~exp1", "0.1-1~bpo1", "0.1-1", "0.1-1+b1", "0.1-1.1",
    "0.2", "0.9", "0.10", "1.0a", "1.0z", "1.0+", "2", "10", "1:0", "1:0.1", "2:0~",
)  # fmt: skip
VERSIONS = st.builds(
    lambda epoch, upstream, revision: epoch + upstream + revision,
    st.sampled_from(["", "", "0:", "1:"]),
    st.from_regex(r"\A[0-9][0-9a-c.+~]{0,6}\Z"),
    st.one_of(st.just(""), st.from_regex(r"\A-[0-9a-c.+~]{1,4}\Z")),
)


def test_every_pair_of_a_rising_list() -> None:
    for left, right in itertools.combinations(RISING, 2):
        assert key(left) < key(right), (left, right)


@pytest.mark.parametrize(("left", "right"), [("0~~", "0~"), ("0~", "0"), ("1-0~exp1", "1"), ("0~git1-1", "0-1")])
def test_a_tilde_right_after_a_single_zero(left: str, right: str) -> None:
    assert key(left) < key(right)


@pytest.mark.parametrize(("left", "right"), [
    ("1.0", "1.0-0"), ("1.0", "0:1.0"), ("1.0", "1.00"), ("1.0", "1."), ("1-01", "1-1"), ("a0", "a"), ("1-2-3", "1-2-3"),
])  # fmt: skip
def test_equal(left: str, right: str) -> None:
    assert key(left) == key(right)


@given(VERSIONS, VERSIONS, VERSIONS)
@settings(max_examples=100)
def test_it_is_an_order(a: str, b: str, c: str) -> None:
    low, middle, high = sorted((a, b, c), key=key)
    assert key(low) <= key(middle) <= key(high)
    assert key(low) <= key(high)
    assert satisfies(a, "<<", b) + satisfies(a, "=", b) + satisfies(a, ">>", b) == 1
    assert satisfies(a, "<=", b) == (not satisfies(a, ">>", b))
    assert satisfies(a, ">=", b) == (not satisfies(a, "<<", b))
    assert satisfies(a, "", b)


def test_as_dpkg_orders_them(program: Program) -> None:
    dpkg = program("dpkg", "dpkg")
    seed = random.SystemRandom().randrange(1 << 32)
    sys.stdout.write(f"seed {seed}\n")
    chance = random.Random(seed)
    pairs = [(_drawn(chance), _drawn(chance)) for _ in range(PAIRS)]
    lines = [f"{dpkg} --compare-versions {left} lt {right} && echo 1 || echo 0" for left, right in pairs]
    answer = subprocess.run(["sh", "-c", "\n".join(lines)], check=True, capture_output=True, text=True).stdout
    expected = [f"{int(key(left) < key(right))}" for left, right in pairs]
    assert dict(zip(pairs, answer.split(), strict=True)) == dict(zip(pairs, expected, strict=True))


def _drawn(chance: random.Random) -> str:
    """A version, often one that differs from others by a single mark."""
    epoch = chance.choice(["", "", "", "0:", "1:"])
    upstream = "".join(chance.choices("01299ab.+~", k=chance.randint(0, 5)))
    revision = "-" + "".join(chance.choices("01ab.+~", k=chance.randint(1, 4))) if chance.random() < 0.5 else ""
    return f"{epoch}{chance.randint(0, 2)}{upstream}{revision}"
