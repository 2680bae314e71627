"""The lock file: written the same way every time, read back whole, and refused with its place when it is damaged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micros.base.digest import digest_of
from micros.base.errors import Kind, MicrosError
from micros.debian.index import Offer
from micros.debian.lock import VERSION, Pins, lock_text, read_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def offer(name: str, arch: str = "amd64") -> Offer:
    digest = digest_of(name.encode())
    return Offer(name, "1:2~rc1-3", arch, f"pool/{name}.deb", 1234, digest, "trixie", depends="a (>= 1) | b", provides="c")


def pins(*names: str, arch: str = "amd64") -> Pins:
    record = {"date": 1, "sha256": digest_of(b""), "url": "http://mirror.invalid", "indices": {}}
    return Pins({"trixie": record}, tuple(sorted(names)), {name: offer(name, arch) for name in sorted(names)})


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "micros.lock"
    locked = {"amd64": pins("x", "y"), "armhf": pins("z", arch="armhf")}
    path.write_text(lock_text(locked))
    assert read_lock(path) == locked


def test_order_of_making_does_not_show() -> None:
    one = pins("a", "b", "c")
    other = Pins(one.releases, one.requests[::-1], dict(reversed(one.packages.items())))
    assert lock_text({"amd64": one, "armhf": one}) == lock_text({"armhf": other, "amd64": other})


def test_a_change_is_a_few_lines_of_diff() -> None:
    before = lock_text({"amd64": pins("a", "b")}).splitlines()
    after = lock_text({"amd64": pins("a", "b", "c")}).splitlines()
    assert set(before) - set(after) <= {'    "b"'}
    assert len(after) - len(before) < 12


@pytest.mark.parametrize(
    ("text", "line"),
    [("", 1), ("{", 1), ('{\n "version": 1,\n oops\n}', 3), ("[]", 1), ("null", 1), ('{"version": 99}', 1), ("{}", 1)],
)
def test_damage_is_named_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "micros.lock"
    path.write_text(text)
    with pytest.raises(MicrosError) as caught:
        read_lock(path)
    assert caught.value.kind is Kind.BAD_LOCK
    assert [(where.file, where.line) for where in caught.value.places] == [(str(path), line)]


@pytest.mark.parametrize("data", [b"\xff\xfe", b"\0" * 10, b"[" * 100_000, b'{"version": ' + b"9" * 5000 + b"}"])
def test_what_is_no_text_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "micros.lock"
    path.write_bytes(data)
    with pytest.raises(MicrosError) as caught:
        read_lock(path)
    assert caught.value.kind is Kind.BAD_LOCK


def _package(document: Any) -> Any:
    return document["architectures"]["amd64"]["packages"]["a"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: document.pop("architectures"),
        lambda document: document.update(architectures=[]),
        lambda document: document["architectures"].update(amd64=None),
        lambda document: document["architectures"]["amd64"].pop("releases"),
        lambda document: document["architectures"]["amd64"].update(releases=3),
        lambda document: document["architectures"]["amd64"].update(releases="ab"),
        lambda document: document["architectures"]["amd64"].update(requests=3),
        lambda document: document["architectures"]["amd64"].update(packages=[1]),
        lambda document: _package(document).pop("version"),
        lambda document: _package(document).update(sha256="0" * 63),
        lambda document: _package(document).update(sha256="../" * 21 + "x"),
        lambda document: _package(document).update(sha256=3),
        lambda document: _package(document).update(size="5"),
        lambda document: _package(document).update(size=-5),
        lambda document: _package(document).update(size=True),
        lambda document: _package(document).update(version=3),
        lambda document: _package(document).update(architecture=None),
        lambda document: _package(document).update(depends=None),
        lambda document: _package(document).update(filename=["x"]),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, damage: Callable[[Any], object]) -> None:
    path = tmp_path / "micros.lock"
    document = json.loads(lock_text({"amd64": pins("a")}))
    damage(document)
    path.write_text(json.dumps(document))
    with pytest.raises(MicrosError) as caught:
        read_lock(path)
    assert caught.value.kind is Kind.BAD_LOCK
    assert caught.value.places[0].file == str(path)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "amd64", "packages", "releases", "requests", "sha256", "size"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(_json)
def test_any_document_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, value: object) -> None:
    path = tmp_path_factory.getbasetemp() / "micros.lock"
    path.write_text(json.dumps({"version": VERSION, "architectures": value}))
    try:
        read_lock(path)
    except MicrosError as problem:
        if problem.kind is not Kind.BAD_LOCK:
            raise
