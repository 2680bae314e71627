"""Trees laid out as directories for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.base.tree import Directory, File, Symlink, Tree
from micros.store.sandbox import lay_out
from micros.store.store import Store

if TYPE_CHECKING:
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
