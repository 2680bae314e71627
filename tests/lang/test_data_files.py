"""Data as modules: TOML and JSON with the lines of their keys, settings of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micros.base.errors import Kind, MicrosError
from micros.lang import Module, Raw, Record, evaluate, option, setting
from micros.lang.annotations import Filtered
from micros.lang.containers import AttrsOf, ListOf
from micros.lang.evaluation import Evaluation
from micros.lang.lines import json_lines, toml_lines
from micros.lang.modules import Decl, Spec
from micros.lang.reading import plain
from micros.lang.values import parse_path, show_path, snake

if TYPE_CHECKING:
    from pathlib import Path


class Net(Module, at="net"):
    host_name: str = option(default="a")
    ports: list[int] = option(default=[])
    limits: dict[str, int] = option(default={})


TOML = """# a comment
[net]
hostName = "kiosk"
ports = [
  1,
  2,
]

[net.limits]
a = 1
"b.c" = 2
"""


def test_toml(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(TOML)
    config = evaluate([Net, path]).config
    assert config[Net].host_name == "kiosk"
    assert config[Net].ports == [1, 2]
    assert dict(config[Net].limits) == {"a": 1, "b.c": 2}


@pytest.mark.parametrize(
    ("name", "text", "kind", "line"),
    [
        ("a.toml", "[net]\n\nhost_name = 5\n", Kind.WRONG_TYPE, 3),
        ("a.toml", "net.ports = [1,\n'x']\n", Kind.WRONG_TYPE, 1),
        ("a.toml", "[net]\nhots = 1\n", Kind.UNKNOWN_OPTION, 2),
        ("a.toml", "[net]\nhost_name = \n", Kind.BAD_FILE, 2),
        ("a.json", '{\n "net": {\n  "host_name": 5\n }\n}', Kind.WRONG_TYPE, 3),
        ("a.json", '{\n "net": {\n  "limits": {"a": 1},\n  "host_name": 5\n }\n}', Kind.WRONG_TYPE, 4),
        ("a.json", "{\n nonsense", Kind.BAD_FILE, 2),
        ("a.json", "[]", Kind.BAD_FILE, 1),
        ("a.ini", "", Kind.BAD_FILE, 0),
    ],
)
def test_places_in_files(tmp_path: Path, name: str, text: str, kind: Kind, line: int) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(MicrosError) as caught:
        evaluate([Net, path]).check()
    assert caught.value.kind is kind
    assert (caught.value.places[0].file, caught.value.places[0].line) == (str(path), line)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MicrosError) as caught:
        evaluate([tmp_path / "none.toml"])
    assert caught.value.kind is Kind.BAD_FILE


def test_settings_win() -> None:
    config = evaluate([Net, Net(host_name="x"), setting("net.hostName=y"), setting("net.ports=[3]")]).config
    assert (config[Net].host_name, config[Net].ports) == ("y", [3])
    with pytest.raises(MicrosError) as caught:
        setting("net")
    assert caught.value.kind is Kind.USAGE


NAMES = st.text(st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(st.lists(NAMES, min_size=1, max_size=4))
def test_paths_read_back(parts: list[str]) -> None:
    assert parse_path(show_path(tuple(parts))) == tuple(parts)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_line_scanners_accept_anything(text: str) -> None:
    toml_lines(text)
    json_lines(text)


def test_filtered_texts_inside_containers() -> None:
    kind = Filtered(lambda text: text.replace("${x}", "X"))
    options = {"a": Decl(ListOf(kind)), "b": Decl(AttrsOf(kind)), "c": Decl(kind)}
    config = {"a": ["${x}1"], "b": {"k": "${x}2"}, "c": "${x}3"}
    assert plain(Evaluation([Spec(options=options, config=config)]).config) == {"a": ["X1"], "b": {"k": "X2"}, "c": "X3"}


def test_spelling() -> None:
    assert [snake(name) for name in ("hostName", "rpi-firmware", "host_name", "hostPlatform")] == [
        "host_name",
        "rpi_firmware",
        "host_name",
        "host_platform",
    ]


class Rule(Record):
    port: int = option(default=1)


class Rules(Module, at="rules"):
    list: list[Rule] = option(default=[])
    raw: Raw = option(default=None)
    any: Any = option(default=None)


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.toml", "[[rules.list]]\nport = 1\n[[rules.list]]\n# [[rules.list]]\nport = '1'\n", 5),
        ("a.toml", '[rules]\nraw = """\n[rules]\nlist = 1\n"""\nlist = [\n  {port = 1},\n  {port = "1"},\n]\n', 8),
        ("a.toml", "rules.list = [\n  { port = 1 },\n\n  { prot = 1 },\n]\n", 4),
        ("a.json", '{"rules": {"list": [\n{"port": 1},\n{\n"port": "1"}]}}', 4),
        ("a.json", '{"rules": {"raw": "a\\"{[,\\n", "list": [{"port": 1},\n{"prot": 1}]}}', 2),
    ],
)
def test_places_inside_lists(tmp_path: Path, name: str, text: str, line: int) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(MicrosError) as caught:
        evaluate([Rules, path]).check()
    assert [where.line for where in caught.value.places] == [line]


def test_values_without_a_type_are_plain(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("[rules]\nraw = {a = [{b = 1}]}\nany = [{c = {d = 2}}]\n")
    config = evaluate([Rules, path]).config
    assert plain(config[Rules].raw) == {"a": [{"b": 1}]}
    assert plain(config[Rules].any) == [{"c": {"d": 2}}]


def test_a_schema_named_for_the_editor_is_no_option(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"$schema": "micros.schema.json", "net": {"host_name": "x"}}')
    assert evaluate([Net, path]).config[Net].host_name == "x"
