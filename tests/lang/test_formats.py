"""Formats of settings: each text is read back by the standard library, or by PyYAML, to the same value."""

from __future__ import annotations

import configparser
import json
import shutil
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from micros.base.errors import Kind, MicrosError
from micros.base.where import Where
from micros.lang import formats
from micros.lang.evaluation import Evaluation
from micros.lang.modules import Decl, Spec

if TYPE_CHECKING:
    from pathlib import Path

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBERS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)


def nested(atoms: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    values = st.recursive(
        atoms, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
    )
    return st.dictionaries(TEXT, values, max_size=5)


ATOMS = NUMBERS | TEXT
WORD = st.from_regex(r"[A-Za-z][A-Za-z0-9_.-]{0,8}", fullmatch=True)
LINE = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), max_size=12).filter(lambda text: text == text.strip())
SECTIONS = st.dictionaries(WORD, st.dictionaries(WORD, st.integers() | LINE, max_size=4), max_size=4)


def exact(value: Any) -> Any:
    """The value with its kinds, so that 1, 1.0 and true differ."""
    if isinstance(value, dict):
        return {name: exact(item) for name, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return (type(value).__name__, value)


@settings(max_examples=150, deadline=None)
@given(nested(ATOMS | st.none()))
def test_json_is_read_back(value: dict[str, Any]) -> None:
    assert exact(json.loads(formats.JSON.generate(value))) == exact(value)


@settings(max_examples=300, deadline=None)
@given(nested(ATOMS))
def test_toml_is_read_back(value: dict[str, Any]) -> None:
    assert exact(tomllib.loads(formats.TOML.generate(value))) == exact(value)


@settings(max_examples=300, deadline=None)
@given(nested(ATOMS | st.none()))
def test_yaml_is_read_back(value: dict[str, Any]) -> None:
    assert exact(yaml.safe_load(formats.YAML.generate(value))) == exact(value)


@pytest.mark.parametrize("value", ["no", "1.0", "null", "", "2024-01-01", [], {}, [[]], [{}, [1, {"a": []}]], float("inf")])
def test_yaml_values_that_are_often_misread(value: Any) -> None:
    assert exact(yaml.safe_load(formats.YAML.generate({"on": value}))) == exact({"on": value})


@settings(max_examples=150, deadline=None)
@given(SECTIONS)
def test_ini_is_read_back(value: dict[str, dict[str, Any]]) -> None:
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",), comment_prefixes=(), default_section="\0")
    parser.optionxform = str  # type: ignore[assignment,method-assign] # keeps the case of keys
    parser.read_string(formats.INI.generate(value))
    found = {name: dict(parser[name]) for name in parser.sections()}
    assert found == {name: {key: str(item) for key, item in inner.items()} for name, inner in value.items()}


@settings(max_examples=100, deadline=None)
@given(nested(ATOMS))
def test_order_of_definitions_does_not_show(value: dict[str, Any]) -> None:
    for one in (formats.JSON, formats.YAML, formats.TOML):
        assert one.generate(value) == one.generate(dict(reversed(value.items())))


def test_variants_of_ini() -> None:
    lists = {"s": {"a": [1, "x"], "b": None, "c": True}}
    assert formats.SYSTEMD.generate(lists) == "[s]\na=1\na=x\nc=true\n"
    assert formats.ini(join=lambda items: ",".join(map(str, items))).generate(lists) == "[s]\na=1,x\nc=true\n"
    both = {"globalSection": {"x": 1}, "sections": {"s": {"y": 2}, "e": {}}}
    assert formats.ini(global_section=True).generate(both) == "x=1\n\n[e]\n\n[s]\ny=2\n"
    assert formats.KEY_VALUE.generate({"b": 2.5, "a": "x y", "n": None}) == "a=x y\nb=2.5\n"
    assert formats.key_value(separator=" ").generate({"a": 1}) == "a 1\n"
    assert formats.key_value(duplicate_keys=True).generate({"a": [1, 2]}) == "a=1\na=2\n"
    assert formats.INI.generate({}) == formats.TOML.generate({}) == ""


@pytest.mark.skipif(shutil.which("git") is None, reason="git is the reader here")
def test_git_reads_its_own_format(tmp_path: Path) -> None:
    value = {"user": {"name": "A # b", "odd": ' "q" \\'}, "remote": {"up.stream": {"fetch": ["+a:b", "c"]}, "x": {"url": "u"}}}
    path = tmp_path / "config"
    path.write_text(formats.GIT_INI.generate(value))
    listing = subprocess.run(["git", "config", "--file", str(path), "--list", "-z"], capture_output=True, text=True, check=True)
    found = sorted(row.split("\n", 1) for row in listing.stdout.split("\0") if row)
    assert found == [
        ["remote.up.stream.fetch", "+a:b"],
        ["remote.up.stream.fetch", "c"],
        ["remote.x.url", "u"],
        ["user.name", "A # b"],
        ["user.odd", ' "q" \\'],
    ]


def evaluated(one: formats.Format, *values: Any) -> Evaluation:
    specs = [Spec(file=Where(f"f{number}"), config={"x": value}) for number, value in enumerate(values)]
    return Evaluation([Spec(options={"x": Decl(one.type)}), *specs])


def test_definitions_of_several_modules_merge() -> None:
    for one in (formats.JSON, formats.TOML, formats.YAML, formats.GIT_INI):
        merged = evaluated(one, {"a": {"b": {"p": 1}}}, {"a": {"b": {"q": 2}}}).get("x")
        assert json.loads(formats.JSON.generate(merged)) == {"a": {"b": {"p": 1, "q": 2}}}
    lists = formats.ini(duplicate_keys=True, lists=True)
    assert lists.generate(evaluated(lists, {"s": {"k": 1}}, {"s": {"k": [2, 3]}}).get("x")) == "[s]\nk=1\nk=2\nk=3\n"


@pytest.mark.parametrize(
    ("one", "value"),
    [
        (formats.TOML, {"a": None}),
        (formats.TOML, {"a": [{"b": None}]}),
        (formats.TOML, 1),
        (formats.JSON, {"a": float("nan")}),
        (formats.JSON, {"a": object()}),
        (formats.INI, {"a": {"b": [1]}}),
        (formats.INI, {"a": {"b": "two\nlines"}}),
        (formats.KEY_VALUE, {"a": {"b": 1}}),
        (formats.GIT_INI, {"a": 1}),
    ],
)
def test_what_a_format_cannot_say_is_of_the_wrong_type(one: formats.Format, value: Any) -> None:
    problems = evaluated(one, value).problems
    assert [problem.kind for problem in problems] == [Kind.WRONG_TYPE]
    assert problems[0].places == (Where("f0"),)


@pytest.mark.parametrize("name", ["", "a=b", " a", "#a", "[a", "a\nb"])
def test_names_that_would_be_misread_are_refused(name: str) -> None:
    with pytest.raises(MicrosError) as caught:
        formats.INI.generate({"s": {name: 1}})
    assert caught.value.kind is Kind.WRONG_TYPE
