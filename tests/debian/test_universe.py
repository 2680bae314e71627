"""From requests to slim trees and a lock, on a small mirror of our own."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.debian.small_mirror import SmallMirror

from micros.base.errors import Kind, MicrosError
from micros.base.tree import File
from micros.debian import universe
from micros.debian.lock import Pins, lock_text, read_lock
from micros.debian.universe import Settings, Universe
from micros.machine import machine_named
from micros.store.keeping import collect
from micros.store.scheduler import Scheduler
from micros.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    Open = Callable[..., Universe]

LUA = b"#!/usr/bin/lua\nprint('x')\n"


@pytest.fixture
def mirror(tmp_path: Path) -> SmallMirror:
    made = SmallMirror(tmp_path)
    app = {"usr/bin/app": LUA, "usr/share/doc/app/copyright": b"text", "usr/share/man/man1/app.1": b"text"}
    made.add("app", app, fields="Depends: lua, bloat\n")
    made.add("lua", {"bin/lua": b"binary"})
    made.add("bloat", {"usr/bin/bloat": b"binary"})
    made.add("meta", {"usr/share/doc/meta/copyright": b"text"}, fields="Depends: app | bloat\n")
    made.add("tool", {"usr/bin/tool": b"binary"})
    made.add("needy", {"usr/bin/needy": b"x"}, fields="Depends: middle\n")
    made.add("middle", {"usr/bin/middle": b"x"}, fields="Depends: nowhere (>= 3)\n")
    made.add("foe", {"usr/bin/foe": b"x"}, fields="Conflicts: tool\n")
    made.publish()
    return made


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Callable[[str], Scheduler]]:
    made: dict[str, Scheduler] = {}

    def scheduler(name: str) -> Scheduler:
        if name not in made:
            made[name] = Scheduler(Store(tmp_path / name))
        return made[name]

    yield scheduler
    for one in made.values():
        one.close()
        one.store.close()


@pytest.fixture
def opened(mirror: SmallMirror, stores: Callable[[str], Scheduler]) -> Open:
    def make(
        pins: Pins | None = None,
        *,
        offline: bool = False,
        store: str = "one",
        url: str = "",
        suites: Sequence[str] = ("trixie",),
        components: Sequence[str] = ("main",),
    ) -> Universe:
        settings = Settings(
            mirror=url or mirror.url, offline=offline, keyring=mirror.keyring, suites=suites, components=components
        )
        return Universe(stores(store), machine_named("amd64"), pins, settings)

    return make


def names(closure: universe.Closure) -> list[str]:
    return [package.name for package in closure.packages]


def failing(action: Callable[[], object]) -> MicrosError:
    with pytest.raises(MicrosError) as caught:
        action()
    return caught.value


def test_a_package_brings_what_its_files_need(opened: Open, stores: Callable[[str], Scheduler]) -> None:
    found = opened().closure(["app"])
    assert names(found) == ["app", "lua"]
    tree = stores("one").store.tree(found.trees["app"])
    assert [path for path, entry in tree.items() if isinstance(entry, File)] == ["usr/bin/app"]
    assert "usr/bin/lua" in stores("one").store.tree(found.trees["lua"])
    assert found.unmet == ()


def test_a_package_without_files_brings_its_dependencies(opened: Open) -> None:
    assert names(opened().closure(["meta"])) == ["app", "lua", "meta"]


def test_full_is_the_whole_closure_with_documentation(opened: Open, stores: Callable[[str], Scheduler]) -> None:
    found = opened().closure(["app"], install="full")
    assert names(found) == ["app", "bloat", "lua"]
    assert "usr/share/doc/app/copyright" in stores("one").store.tree(found.trees["app"])


def test_an_essential_package_comes_with_whoever_needs_it_without_saying_so(opened: Open, mirror: SmallMirror) -> None:
    mirror.add("bash", {"bin/bash": b"binary"}, fields="Essential: yes\n")
    mirror.add("script", {"usr/bin/script": b"#!/bin/bash\n", "usr/bin/odd": b"#!/usr/bin/nobody\n"})
    mirror.publish(age_seconds=60)
    first = opened()
    found = first.closure(["script"])
    assert names(found) == ["bash", "script"]
    assert [(need.package, need.need) for need in found.unmet] == [("script", "/usr/bin/nobody")]
    assert opened(first.lock, offline=True).closure(["script"]) == found


def test_the_order_of_requests_does_not_matter(opened: Open) -> None:
    one, other = opened().closure(["tool", "app"]), opened(store="two").closure(["app", "tool", "app"])
    assert one == other


def test_a_locked_build_needs_no_network_and_no_index(opened: Open, tmp_path: Path) -> None:
    first = opened()
    found = first.closure(["app", "tool"])
    path = tmp_path / "micros.lock"
    path.write_text(lock_text({"amd64": first.lock}))
    second = opened(read_lock(path)["amd64"], offline=True)
    assert second.closure(["app", "tool"]).trees == found.trees
    assert second._index is None
    assert lock_text({"amd64": second.lock}) == path.read_text()


def test_the_lock_holds_what_is_used_and_old_pins_stay(opened: Open) -> None:
    one = opened()
    one.closure(["app"])
    assert sorted(one.lock.packages) == ["app", "lua"]
    one.closure(["tool"])
    assert sorted(one.lock.packages) == ["app", "lua", "tool"]


def test_a_lock_of_other_suites_is_not_taken_for_these(opened: Open) -> None:
    first = opened()
    first.closure(["app"])
    other = opened(first.lock, suites=("stable",))
    problem = failing(lambda: other.closure(["app"]))
    assert problem.kind == Kind.BAD_LOCK
    assert "the lock pins packages of trixie, and debian.suites says stable" in str(problem)
    other.update()
    assert other.lock.releases == {}


@pytest.mark.parametrize("kept", [True, False], ids=["the store has the release", "the mirror has it"])
def test_a_component_that_is_named_later_is_of_the_pinned_release(opened: Open, mirror: SmallMirror, *, kept: bool) -> None:
    mirror.add("blob", {"usr/lib/firmware/blob": b"x"}, component="non-free-firmware")
    mirror.publish()
    first = opened()
    first.closure(["app"])
    assert failing(lambda: opened(first.lock).closure(["blob"])).kind == Kind.UNKNOWN_PACKAGE
    later = opened(first.lock, store="one" if kept else "two", components=("main", "non-free-firmware"))
    assert names(later.closure(["app", "blob"])) == ["app", "blob", "lua"]
    assert later.lock.releases["trixie"]["sha256"] == first.lock.releases["trixie"]["sha256"]


def test_a_component_that_is_named_after_the_release_is_gone(opened: Open, mirror: SmallMirror) -> None:
    first = opened()
    first.closure(["app"])
    mirror.add("blob", {"usr/lib/firmware/blob": b"x"}, component="non-free-firmware")
    mirror.publish(age_seconds=60)
    later = opened(first.lock, store="two", components=("main", "non-free-firmware"))
    problem = failing(lambda: later.closure(["blob"]))
    assert problem.kind == Kind.VANISHED
    assert "a component of trixie is new" in str(problem)
    unknown = failing(lambda: opened(store="two", components=("main", "no-such")).closure(["app"]))
    assert unknown.kind == Kind.BAD_INDEX
    assert "components: main non-free-firmware" in str(unknown)


def test_a_newer_version_comes_with_an_update_only(opened: Open, mirror: SmallMirror) -> None:
    one = opened()
    one.closure(["tool"])
    mirror.add("tool", {"usr/bin/tool": b"newer"}, version="2")
    mirror.publish(age_seconds=60)
    two = opened(one.lock)
    assert [package.version for package in two.closure(["tool"]).packages] == ["1"]
    two.update()
    assert [package.version for package in two.closure(["tool"]).packages] == ["2"]


def test_an_older_release_is_refused(opened: Open, mirror: SmallMirror) -> None:
    one = opened()
    one.closure(["tool"])
    mirror.publish(age_seconds=7200)
    one.update()
    assert failing(lambda: one.closure(["tool"])).kind is Kind.DOWNGRADE


def test_all_locked_packages_that_vanished_are_named(opened: Open, mirror: SmallMirror) -> None:
    with mirror.served() as url:
        one = opened(url=url)
        one.closure(["app", "tool"])
        for path in (mirror.root / "pool").iterdir():
            path.unlink()
        problem = failing(lambda: opened(one.lock, store="two", url=url).closure(["app", "tool"]))
    assert problem.kind is Kind.VANISHED
    assert all(name in str(problem) for name in ("app", "lua", "tool"))
    assert "--update" in problem.problems[0].hint


def test_the_pinned_index_that_vanished(opened: Open, mirror: SmallMirror) -> None:
    one = opened()
    one.closure(["tool"])
    mirror.add("tool", version="2")
    mirror.publish(age_seconds=60)
    problem = failing(lambda: opened(one.lock, store="two").closure(["app", "tool"]))
    assert problem.kind is Kind.VANISHED
    assert "--update" in problem.problems[0].hint


def test_a_package_changed_on_the_mirror(opened: Open, mirror: SmallMirror) -> None:
    path = mirror.root / "pool/tool_1_amd64.deb"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    problem = failing(lambda: opened().closure(["tool"]))
    assert problem.kind is Kind.DIGEST_MISMATCH


def test_the_mirror_that_the_user_names_comes_before_the_one_of_the_lock(
    opened: Open, mirror: SmallMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = opened()
    one.closure(["app"])
    releases = {suite: {**record, "url": "http://127.0.0.1:9/gone"} for suite, record in one.lock.releases.items()}
    moved = Pins(releases, one.lock.requests, one.lock.packages)
    monkeypatch.setenv("MICROS_MIRROR", mirror.url)
    two = opened(moved, store="two")
    two.settings.mirror = None
    assert names(two.closure(["app"])) == ["app", "lua"]


def test_what_is_asked_for_no_more_is_not_downloaded(opened: Open, mirror: SmallMirror) -> None:
    one = opened()
    one.closure(["app", "tool"])
    (mirror.root / "pool/tool_1_amd64.deb").unlink()
    assert names(opened(one.lock, store="two").closure(["app"])) == ["app", "lua"]


def test_what_a_build_uses_survives_a_collection(opened: Open, stores: Callable[[str], Scheduler]) -> None:
    one = opened()
    found = one.closure(["app"])
    store = stores("one").store
    for path in store.root.glob("*/??/*"):
        os.utime(path, (1, 1))
    assert opened(one.lock, offline=True).closure(["app"]) == found
    collect(store)
    assert opened(one.lock, offline=True).closure(["app"]) == found


def test_offline_without_a_lock(opened: Open) -> None:
    assert failing(lambda: opened(offline=True).closure(["tool"])).kind is Kind.OFFLINE


def test_an_unknown_package_has_near_names(opened: Open) -> None:
    problem = failing(lambda: opened().closure(["tol"]))
    assert problem.kind is Kind.UNKNOWN_PACKAGE
    assert "amd64" in str(problem)
    assert "tool" in problem.problems[0].hint


def test_an_unmet_dependency_shows_the_chain(opened: Open) -> None:
    problem = failing(lambda: opened().closure(["needy"]))
    assert problem.kind is Kind.UNSATISFIABLE
    assert all(name in str(problem) for name in ("needy", "middle", "nowhere (>= 3)"))


def test_a_conflict_of_two_requests(opened: Open) -> None:
    problem = failing(lambda: opened().closure(["foe", "tool"]))
    assert problem.kind is Kind.UNSATISFIABLE
    assert "tool" in str(problem)
    assert "foe" in str(problem)


def test_a_conflict_with_a_package_of_another_architecture_is_none(opened: Open, mirror: SmallMirror) -> None:
    mirror.add("narrow", {"usr/bin/narrow": b"x"}, fields="Depends: tool:any\nConflicts: tool:i386\n")
    mirror.publish()
    assert names(opened().closure(["narrow", "tool"])) == ["narrow", "tool"]


def test_another_key_is_not_trusted(opened: Open, mirror: SmallMirror, tmp_path: Path) -> None:
    (tmp_path / "stranger").mkdir()
    mirror.keyring.write_bytes(SmallMirror(tmp_path / "stranger").keyring.read_bytes())
    assert failing(lambda: opened().closure(["tool"])).kind is Kind.BAD_SIGNATURE


def test_full_after_slim_is_the_whole_closure_all_the_same(opened: Open) -> None:
    slim = opened()
    slim.closure(["app"])
    full = opened(slim.lock)
    assert names(full.closure(["app"], install="full")) == ["app", "bloat", "lua"]
    assert names(opened(full.lock, offline=True).closure(["app"], install="full")) == ["app", "bloat", "lua"]
