"""Blobs, trees, scratch space, pins, collection and verification."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from micros.base.digest import digest_of
from micros.base.errors import Kind, MicrosError
from micros.base.tree import File, Symlink, Tree
from micros.store.blocks import Blocks
from micros.store.keeping import collect, pin, using, verify
from micros.store.store import Batch, Store, default_root


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_contents_come_back_read_only_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = Store(tmp_path / "store")
        digest = store.add_bytes(b"hello")
        path = store.scratch / "file"
        path.write_bytes(b"moved")
        moved = store.add_file(path)
        with store.workspace() as workspace:
            batch = Batch(store, workspace)
            batched = batch.put(b"batched")
            assert not store.has(batched)
            batch.commit()
    finally:
        os.umask(before)
    assert [store.read(name) for name in (digest, moved, batched)] == [b"hello", b"moved", b"batched"]
    assert {store.path(name).stat().st_mode & 0o777 for name in (digest, moved, batched)} == {0o444}
    assert not path.exists()


def test_a_damaged_blob_is_found_by_read_and_verify_and_repaired(store: Store) -> None:
    digest = store.add_bytes(b"good")
    store.add_bytes(b"other")
    os.chmod(store.path(digest), 0o644)
    store.path(digest).write_bytes(b"evil")
    with pytest.raises(MicrosError) as caught:
        store.read(digest)
    assert caught.value.kind is Kind.DAMAGED
    count, damages = verify(store, repair=True)
    assert count == 2
    assert [(damage.expected, damage.got) for damage in damages] == [(digest, digest_of(b"evil"))]
    assert verify(store, repair=False) == (1, [])
    assert store.read(store.add_bytes(b"good")) == b"good"


@pytest.mark.parametrize("content", [b"2\n", b"", b"\xff\xfe"])
def test_a_store_of_another_layout_is_refused(store: Store, content: bytes) -> None:
    (store.root / "version").write_bytes(content)
    with pytest.raises(MicrosError) as caught:
        Store(store.root)
    assert caught.value.kind is Kind.STORE


def test_no_usable_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MICROS_STORE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    for home in ("", "/proc/nothing"):
        monkeypatch.setenv("HOME", home)
        with pytest.raises(MicrosError) as caught:
            default_root()
        assert caught.value.kind is Kind.STORE
        assert "HOME" in str(caught.value)
    monkeypatch.setenv("MICROS_STORE", str(tmp_path))
    assert default_root() == tmp_path


def test_a_place_that_cannot_be_written() -> None:
    with pytest.raises(MicrosError) as caught:
        Store(Path("/dev/null/store"))
    assert caught.value.kind is Kind.STORE


def test_a_full_disk_loses_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(MicrosError) as caught:
            store.add_bytes(b"x" * 100)
    assert caught.value.kind is Kind.NO_SPACE
    assert verify(store, repair=False) == (0, [])
    assert list(store.scratch.iterdir()) == []
    assert store.read(store.add_bytes(b"x" * 100)) == b"x" * 100


def test_a_file_size_limit_is_an_error(store: Store) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(MicrosError) as caught:
            store.add_bytes(b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.kind is Kind.STORE
    assert verify(store, repair=False) == (0, [])


def test_scratch_of_the_dead_is_removed_and_of_the_living_stays(store: Store) -> None:
    living = Store(store.root)
    dead = store.root / "scratch" / "dead"
    (dead / "deep").mkdir(parents=True)
    dead.with_name("dead.lock").touch()
    (store.root / "scratch" / "nolock").mkdir()
    assert living.scratch.is_dir()
    assert store.scratch.is_dir()
    assert {path.name for path in (store.root / "scratch").iterdir() if path.is_dir()} == {
        living.scratch.name,
        store.scratch.name,
    }
    living.close()
    store.close()
    assert list((store.root / "scratch").iterdir()) == []


def test_collection_keeps_what_pins_reach(store: Store, tmp_path: Path) -> None:
    content = store.add_bytes(b"content")
    tree = store.add_tree(Tree.of([("a/b", File(content, 7))]))
    store.add_bytes(b"nobody's")
    outputs = [tmp_path / "a" / "b", tmp_path / "a-b"]
    for output in outputs:
        output.mkdir(parents=True)
    pin(store, outputs[0], [tree])
    other = store.add_bytes(b"other")
    pin(store, outputs[1], [other])
    assert collect(store).blobs == 0, "young contents stay"
    assert collect(store, keep_days=-1).blobs == 1
    assert store.read(other) == b"other"
    assert store.read(store.tree(tree).blobs().pop()) == b"content"
    outputs[0].rmdir()
    assert collect(store, keep_days=-1).blobs == 2
    assert store.has(other)


def test_an_unreadable_pin_stops_collection_until_repaired(store: Store, tmp_path: Path) -> None:
    digest = store.add_bytes(b"kept")
    (store.root / "pins" / "x.json").write_bytes(b"\0\0\0")
    with pytest.raises(MicrosError) as caught:
        collect(store, keep_days=-1)
    assert caught.value.kind is Kind.DAMAGED
    assert store.has(digest)
    assert len(verify(store, repair=True)[1]) == 1
    assert collect(store, keep_days=-1).blobs == 1


def test_collection_waits_for_builds(store: Store) -> None:
    store.add_bytes(b"not named yet")
    with ThreadPoolExecutor(1) as pool:
        with using(Store(store.root)):
            collecting = pool.submit(collect, store, keep_days=-1)
            with pytest.raises(TimeoutError):
                collecting.result(0.1)
        assert collecting.result(30).blobs == 1


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=300), min_size=1, unique=True))
def test_blocks_come_back(store: Store, values: list[bytes]) -> None:
    keys = {digest_of(b"key" + value): value for value in values}
    store.blocks.put(keys)
    for key, (path, offset, length) in Blocks(store.blocks.directory).locate(keys).items():
        assert path.read_bytes()[offset : offset + length] == keys[key]
    assert set(store.blocks.locate(keys)) == set(keys)


@pytest.mark.parametrize("damage", ["zeroed", "text", "middle", "future", "missing"])
def test_a_bad_index_is_made_anew(store: Store, damage: str) -> None:
    values = {digest_of(str(n).encode()): str(n).encode() for n in range(3000)}
    store.blocks.put(values)
    index = store.blocks.directory / "index.sqlite"
    data = index.read_bytes()
    if damage == "future":
        connection = sqlite3.connect(index)
        connection.execute("PRAGMA user_version = 99")
        connection.close()
    elif damage == "missing":
        index.unlink()
    else:
        index.write_bytes(
            {"zeroed": bytes(len(data)), "text": b"hello" * 999, "middle": data[:4096] + bytes(len(data) - 4096)}[damage]
        )
    store.blocks.locate(values)
    store.blocks.put(values)
    store.blocks.put(values)
    assert len(store.blocks.locate(values)) == 3000


def test_a_lost_or_cut_pack_is_forgotten(store: Store) -> None:
    keys = [digest_of(b"a"), digest_of(b"b")]
    (path, _, _) = store.blocks.put({keys[0]: b"12345", keys[1]: b"67890"})[keys[0]]
    os.chmod(path, 0o644)
    os.truncate(path, 7)
    assert set(store.blocks.locate(keys)) == {keys[0]}
    path.unlink()
    assert store.blocks.locate(keys) == {}
    assert collect(store, keep_days=-1).bytes == 0


def test_a_tree_used_lately_is_not_read_again_and_few_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("micros.store.store._MOST_ENTRIES", 2)
    store = Store(tmp_path / "store")
    trees = [Tree.of([(name, Symlink("x"))]) for name in ("a", "b", "c")]
    digests = [store.add_tree(tree) for tree in trees]
    assert store.tree(digests[2]) is trees[2]
    assert store.tree(digests[0]) is not trees[0]
    assert store.tree(digests[0]) == trees[0]
