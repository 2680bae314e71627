"""All cases: those of the reference, and our own of the same form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conformance import toml, typed
from tests.conformance.__main__ import CASE_FILES, forms, main

CASES: list[dict[str, Any]] = [case for path in CASE_FILES for case in json.loads(path.read_text("utf-8"))]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']}-{case['topic']}")
def test_case(case: dict[str, Any]) -> None:
    assert {form: lines for form, lines in forms(case) if lines} == {}


def test_shares_of_the_surfaces() -> None:
    """Most cases also run as module classes and their calls, and half with definitions from TOML files."""
    assert sum(map(typed.expressible, CASES)) >= 0.7 * len(CASES)
    assert sum(map(toml.expressible, CASES)) >= 0.5 * len(CASES)


def test_a_failed_check_is_reported(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    case = {**CASES[0], "expect": [{"get": "config.a.b", "value": 1}, {"get": "options.a.b.isDefined", "value": False}]}
    path = tmp_path / "cases.json"
    path.write_text(json.dumps([case, CASES[1]]))
    assert main([str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "1 passed, 1 failed"
    assert lines[0].startswith(f"{case['id']} config.a.b: raised no-value")
