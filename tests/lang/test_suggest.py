"""Suggestions for names and values that are wrong."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from micros.lang import types as kinds
from micros.lang.annotations import type_of
from micros.lang.hints import instead
from micros.lang.suggest import did_you_mean, distance, is_close, nearest

WORDS = st.text("abc_", max_size=6)


@pytest.mark.parametrize(
    ("left", "right", "apart"),
    [("", "abc", 3), ("same", "same", 0), ("prot", "port", 1), ("ab", "ba", 1), ("kitten", "sitting", 3), ("ca", "abc", 3)],
)
def test_distance(left: str, right: str, apart: int) -> None:
    assert distance(left, right) == apart


@given(WORDS, WORDS)
def test_distance_is_symmetric_and_bounded(left: str, right: str) -> None:
    apart = distance(left, right)
    assert apart == distance(right, left)
    assert abs(len(left) - len(right)) <= apart <= max(len(left), len(right))
    assert (apart == 0) == (left == right)
    assert distance(left, right, 2) == min(apart, 2)


def test_spelling_does_not_count() -> None:
    assert is_close("hostName", "host_name")
    assert is_close("host-name", "host_name")
    assert is_close("sehll", "shell")
    assert not is_close("services", "storage")


def test_a_crowd_is_searched_for_near_names_only() -> None:
    crowd = [f"option_{number:03}" for number in range(200)]
    assert nearest("something_else", crowd) == []
    assert [distance("option_01", name) for name in nearest("option_01", crowd)] == [1, 1, 1]
    assert len(nearest("x", ["a", "b", "c", "d"])) == 3


def test_hints_read_as_sentences() -> None:
    assert did_you_mean(["a.b"], ["a.c", "a.b"]) == "did you mean `a.b`? There is also `a.c`"
    assert did_you_mean(["a", "b"]) == "did you mean `a` or `b`?"
    assert did_you_mean([], ["a", "b"]) == "there are `a`, `b`"
    assert did_you_mean([]) == ""


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (list[str], "a", 'write a list: ["a"]'),
        (list[str] | None, "a", 'write a list: ["a"]'),
        (list[int], "a", ""),
        (dict[str, int], [1], "write a mapping: names with values, not a list"),
        (bool, "yes", "write true or false without quotes (in Python True or False)"),
        (bool, 1, "write true or false (in Python True or False)"),
        (int, "4", "write 4 without quotes"),
        (float, "0.5", "write 0.5 without quotes"),
        (kinds.PORT, "70000", ""),
        (kinds.PORT, "many", ""),
        (str, 4, 'a text stands in quotes: "4"'),
        (str, True, 'a text stands in quotes: "true"'),
        (kinds.Enum(["zstd", "xz"]), "zst", 'did you mean "zstd"?'),
        (kinds.Enum([9600, 115200]), 11520, "did you mean 115200?"),
        (kinds.Enum(["zstd", "xz"]), "lz4", ""),
    ],
)
def test_what_to_write_instead(kind: Any, value: Any, said: str) -> None:
    assert instead(type_of(kind), value) == said
