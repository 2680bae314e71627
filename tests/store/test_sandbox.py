"""Trees laid out as directories for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from micros.base.errors import Kind, MicrosError
from micros.base.tree import Directory, File, Symlink, Tree
from micros.store.keeping import verify
from micros.store.sandbox import Sandbox, lay_out
from micros.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_tree_is_laid_out_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    program = File(store.add_bytes(b"#!/bin/sh\n"), 10, 0o755)
    tree = Tree.of([("usr/bin/x", program), ("bin", Symlink("usr/bin")), ("var", Directory(0o1777))])
    root = lay_out(store, tree)
    assert (root / "bin/x").read_bytes() == b"#!/bin/sh\n"
    assert (root / "usr/bin/x").stat().st_mode & 0o111
    assert (root / "proc").is_dir()
    assert lay_out(store, tree) == root


@pytest.mark.parametrize(
    "damage",
    [
        lambda root: (root / "usr/bin/x").write_bytes(b"#!/bin/evil\n"),
        lambda root: (root / "usr/bin/x").unlink(),
        lambda root: ((root / "bin").unlink(), (root / "bin").symlink_to("/bin")),
        lambda root: ((root / "usr/bin/x").unlink(), (root / "usr/bin/x").symlink_to("/bin/sh")),
    ],
)
def test_a_root_that_somebody_changed_is_found_and_laid_out_again(tmp_path: Path, damage: Callable[[Path], object]) -> None:
    store = Store(tmp_path / "store")
    program = File(store.add_bytes(b"#!/bin/sh\n"), 10, 0o755)
    tree = Tree.of([("usr/bin/x", program), ("bin", Symlink("usr/bin"))])
    store.add_tree(tree)
    root = lay_out(store, tree)
    assert verify(store, repair=False)[1] == []
    damage(root)
    assert [found.path for found in verify(store, repair=True)[1]] == [root]
    assert not root.exists()
    assert (lay_out(store, tree) / "bin/x").read_bytes() == b"#!/bin/sh\n"
    assert verify(store, repair=False)[1] == []


def test_a_path_that_the_loader_takes_for_two_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MicrosError) as caught:
        Sandbox.of_root(tmp_path / "one:two")
    assert caught.value.kind is Kind.SANDBOX
