"""Trees made of other trees are complete and in order, as those made entry by entry are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from tests.formats.trees import MemoryBlobs, trees

from micros.base.errors import Kind, MicrosError
from micros.base.tree import Directory, Symlink, Tree, union

if TYPE_CHECKING:
    from collections.abc import Callable

Made = tuple[Tree, MemoryBlobs]


def is_whole(tree: Tree) -> bool:
    return list(tree.items()) == list(Tree.of(tree.items()).items()) and Tree.from_manifest(tree.manifest()) == tree


@given(trees(), trees())
def test_union_and_over(one: Made, other: Made) -> None:
    first, second = one[0], other[0]
    joins: list[Callable[[], Tree]] = [lambda: union([("first", first), ("second", second)]), lambda: first.over(second)]
    for join in joins:
        try:
            joined = join()
        except MicrosError as problem:
            kinds = {part.kind for part in problem.problems}
            joined = Tree.of([])
        else:
            kinds = set()
            assert joined.keys() == first.keys() | second.keys()
            assert all(joined[path] == entry or path in second for path, entry in first.items())
        assert is_whole(joined)
        assert kinds <= {Kind.CLASH}


@given(trees(), st.integers(1, 5))
def test_only(made: Made, every: int) -> None:
    tree, _ = made
    wanted = {path for number, path in enumerate(tree) if number % every == 0}
    part = tree.only(lambda path, _: path in wanted)
    assert is_whole(part)
    assert wanted <= part.keys() <= tree.keys()
    assert all(isinstance(entry, Directory) for path, entry in part.items() if path not in wanted)


def test_a_directory_nobody_said_anything_about_leaves_the_other_s_as_it_is() -> None:
    private = Tree.of([("etc/sudoers.d", Directory(0o750)), ("etc/sudoers.d/README", Symlink("x"))])
    declared = Tree.of([("etc/sudoers.d/ann", Symlink("y"))])
    assert declared.over(private)["etc/sudoers.d"] == Directory(0o750)
    said = Tree.of([("etc/sudoers.d", Directory(0o700))])
    assert said.over(private)["etc/sudoers.d"] == Directory(0o700)
