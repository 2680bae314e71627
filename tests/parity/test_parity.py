"""Every option of the parents is here, or says what to use instead; each has a test; the page that shows it is not stale."""

from __future__ import annotations

import ast

import pytest

from tests.parity.scan import is_default, option_at, settings_in
from tests.parity.table import NAMES, PAGE, PENDING, page, rows


def test_every_option_is_here_or_answered() -> None:
    assert {theirs for theirs, here, _ in rows() if not here} == set(PENDING.read_text().split())


def test_every_option_is_set_by_a_test() -> None:
    assert {theirs for theirs, here, files in rows() if here.startswith("`") and not files} == set()


def test_the_page_is_not_stale() -> None:
    assert PAGE.read_text() == page(), "run `python -m tests.parity`"


def test_the_names_are_sorted_and_each_there_once() -> None:
    assert sorted(set(NAMES), key=str.lower) == NAMES


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("Networking(host_name='box')", ["networking.host_name"]),
        ("Networking(host_name='micros')", []),
        ("x = {'networking': {'hostName': 'box'}, 'other': 3}", ["networking.host_name"]),
        ("Accounts(users={'ann': User(uid=3)})", ["users", "users.<name>.uid"]),
        ("f('[users.ann]\\nuid = 3')", ["users.<name>.uid"]),
        ("f(f'users.ann.uid={x}')", ["users.<name>.uid"]),
        ("f('networking.host_name=box')", ["networking.host_name"]),
        ("f('from micros.modules import *\\nb = system(Networking(host_name=1))')", ["networking.host_name"]),
        ("plan({}, target='docker_image')", ["system.build.docker_image"]),
        ("f('just = words')", []),
    ],
)
def test_the_scan_sees(source: str, names: list[str]) -> None:
    found = [(option_at(path), value) for path, value in settings_in(ast.parse(source))]
    assert sorted({record["name"] for record, value in found if record is not None and not is_default(record, value)}) == names
