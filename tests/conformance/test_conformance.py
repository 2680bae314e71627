"""All cases of the case file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.checks import failures

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("cases.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']}-{case['topic']}")
def test_case(case: dict[str, Any]) -> None:
    assert failures(case) == []
