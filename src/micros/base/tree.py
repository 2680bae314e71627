"""Trees: what a directory holds, as a value.

A tree is an immutable mapping from path to entry, sorted by path. A package is a tree, `/etc` is a tree, a root file
system is the union of trees. Owners, modes and device nodes are data here, so none of them needs root.

Paths are relative, `/`-separated, without `.`, `..` or empty parts; bytes that are not UTF-8 are surrogate-escaped. The
root itself has no entry: it is a directory 0755 of root. Every parent of an entry is in the tree, as a directory.
Entries carry no time: a writer gives all of them the same one. Hard links are entries with equal content.
"""

from __future__ import annotations

import json
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping
from typing import NamedTuple

from micros.base.digest import Digest, digest_of
from micros.base.errors import Kind, MicrosError, Note, Problem, error

Xattrs = tuple[tuple[str, bytes], ...]
"""Extended attributes by full name (`security.capability`), sorted."""


class File(NamedTuple):
    """A regular file: the digest and size (bytes) of its content; the content is in a store."""

    digest: Digest
    size: int
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    xattrs: Xattrs = ()


class Directory(NamedTuple):
    """A directory; mode includes the sticky and setgid bits."""

    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    xattrs: Xattrs = ()


class Symlink(NamedTuple):
    """A symbolic link; the target is kept as written and never followed. Mode is always 0777."""

    target: str
    uid: int = 0
    gid: int = 0


class Device(NamedTuple):
    """A device node: `c`haracter or `b`lock, Linux major (0..4095) and minor (0..2**20-1) number; `p` is a FIFO."""

    type: str
    major: int = 0
    minor: int = 0
    mode: int = 0o600
    uid: int = 0
    gid: int = 0


Entry = File | Directory | Symlink | Device

_DIRECTORY = Directory()


class Tree(Mapping[str, Entry]):
    """An immutable mapping from path to entry, in path order. Make one with `Tree.of`."""

    __slots__ = ("_digest", "_entries", "_manifest")

    def __init__(self, entries: dict[str, Entry]) -> None:
        """Take over entries that are complete, valid and sorted already; everybody else calls `Tree.of`."""
        self._entries = entries
        self._manifest: bytes | None = None
        self._digest: Digest | None = None

    @classmethod
    def of(cls, entries: Iterable[tuple[str, Entry]]) -> Tree:
        """A tree of these entries; missing parents become directories 0755 of root.

        Raises an error of kind `bad-tree` for an unsafe path, a path given twice, or an entry below something that is
        not a directory.
        """
        found: dict[str, Entry] = {}
        for path, entry in entries:
            if path in found:
                raise error(Kind.BAD_TREE, f"{path!r} is in the tree twice")
            check_path(path)
            found[path] = entry
        return cls(_completed(found))

    def __getitem__(self, path: str) -> Entry:
        return self._entries[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def items(self) -> ItemsView[str, Entry]:
        """Path and entry of each entry, in order."""
        return self._entries.items()  # the inherited view asks for one entry after the other

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tree) and list(self.items()) == list(other.items())

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"<Tree of {len(self)} entries>"

    @property
    def size(self) -> int:
        """Bytes of content, each file counted by itself."""
        return sum(entry.size for entry in self._entries.values() if isinstance(entry, File))

    def manifest(self) -> bytes:
        """The tree as canonical JSON, one array an entry: `[path, type, ...fields]`. Equal trees, equal bytes."""
        if self._manifest is None:
            letters = _LETTERS
            rows = [
                (path, letters[type(entry)], *entry) if entry[-1].__class__ is int or not entry[-1] else _row(path, entry)
                for path, entry in self._entries.items()
            ]
            self._manifest = json.dumps(rows, separators=(",", ":")).encode("ascii")
        return self._manifest

    @classmethod
    def from_manifest(cls, data: bytes) -> Tree:
        """The tree that `manifest` wrote. Raises an error of kind `bad-tree` where that cannot be."""
        try:
            rows = json.loads(data)
            for row in rows:
                if row[-1].__class__ is list:
                    row[-1] = tuple((name, bytes.fromhex(value)) for name, value in row[-1]) if row[-1] else ()
            entries: dict[str, Entry] = {row[0]: _TYPES[row[1]](*row[2:]) for row in rows}
        except (ValueError, TypeError, KeyError, IndexError) as problem:
            raise error(Kind.BAD_TREE, f"not a tree's manifest: {problem}") from None
        tree = cls(entries)
        tree._manifest = data
        return tree

    @property
    def digest(self) -> Digest:
        """The digest of the manifest."""
        if self._digest is None:
            self._digest = digest_of(self.manifest())
        return self._digest

    def blobs(self) -> set[Digest]:
        """The digests of all contents."""
        return {entry.digest for entry in self._entries.values() if isinstance(entry, File)}

    def below(self, prefix: str) -> Tree:
        """This tree moved below a directory: `etc` becomes `prefix/etc`."""
        return Tree.of((f"{prefix}/{path}", entry) for path, entry in self._entries.items())

    def only(self, keep: Callable[[str, Entry], bool]) -> Tree:
        """The entries that pass, and the directories above them."""
        chosen = {path for path, entry in self._entries.items() if keep(path, entry)}
        for path in list(chosen):
            parent = path.rpartition("/")[0]
            while parent and parent not in chosen:
                chosen.add(parent)
                parent = parent.rpartition("/")[0]
        return Tree({path: entry for path, entry in self._entries.items() if path in chosen})

    def over(self, base: Tree) -> Tree:
        """Both trees, this one's entries winning. A directory that hides another entry, or is hidden, is a clash; a plain one
        (0755 root), as every missing parent is, leaves the other's directory as it is.
        """
        merged = dict(base.items())
        for path, entry in self._entries.items():
            old = merged.get(path)
            if old is not None and isinstance(old, Directory) != isinstance(entry, Directory):
                raise error(Kind.CLASH, f"/{path} is a directory in one tree and something else in the other")
            if old is None or entry != _DIRECTORY:
                merged[path] = entry
        return Tree(_sorted(merged))


def union(trees: Iterable[tuple[str, Tree]]) -> Tree:
    """One tree of several, each with its owner's name. Equal entries and directories meet; all clashes are reported.

    Where two owners give one directory other attributes, the one that is not plain (0755 root) wins; two that are not
    plain and differ clash.
    """
    merged: dict[str, Entry] = {}
    owners: dict[str, str] = {}
    problems: list[Problem] = []
    for owner, tree in trees:
        for path, entry in tree.items():
            old = merged.setdefault(path, entry)
            if old is entry:
                owners[path] = owner
            elif old == _DIRECTORY and isinstance(entry, Directory):
                merged[path] = entry
                owners[path] = owner
            elif old != entry and not (entry == _DIRECTORY and isinstance(old, Directory)):
                notes = (Note(None, owners[path]), Note(None, owner))
                hint = "leave one of the two out, or say in environment.etc which one is meant"
                problems.append(Problem(Kind.CLASH, f"{owners[path]} and {owner} both own /{path}", notes, hint))
    if problems:
        raise MicrosError(*problems)
    return Tree(_sorted(merged))  # complete, as every part is, and no directory gave way to anything else


def check_path(path: str) -> None:
    """Raise an error of kind `bad-tree` unless the path is relative, plain and fits Linux's limits (limits.h)."""
    parts = path.split("/")
    if not path or path != path.strip("/") or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise error(Kind.BAD_TREE, f"{path!r} is not a safe relative path")
    if len(path) > 1000 and len(path.encode("utf-8", "surrogateescape")) > 4095:
        raise error(Kind.BAD_TREE, f"the path {path[:60]!r}... is longer than 4095 bytes")
    if len(path) > 60 and any(len(part.encode("utf-8", "surrogateescape")) > 255 for part in parts):
        raise error(Kind.BAD_TREE, f"a name in {path[:60]!r}... is longer than 255 bytes")


def _sorted(entries: dict[str, Entry]) -> dict[str, Entry]:
    return {path: entries[path] for path in sorted(entries)}


def _completed(entries: dict[str, Entry]) -> dict[str, Entry]:
    """Entries with all their parents, sorted by path."""
    missing: dict[str, Entry] = {}
    known: set[str] = {""}
    for path in entries:
        parent = path.rpartition("/")[0]
        while parent not in known:
            known.add(parent)
            entry = entries.get(parent)
            if entry is None:
                missing[parent] = _DIRECTORY
            elif not isinstance(entry, Directory):
                raise error(Kind.BAD_TREE, f"/{path} lies below /{parent}, which is not a directory")
            parent = parent.rpartition("/")[0]
    return _sorted(entries | missing)


_TYPES: dict[str, Callable[..., Entry]] = {
    "f": File,
    "d": Directory,
    "l": Symlink,
    "n": Device,
}
_LETTERS: dict[object, str] = {kind: letter for letter, kind in _TYPES.items()}


def _row(path: str, entry: Entry) -> tuple[object, ...]:
    """The manifest's row of an entry with extended attributes."""
    assert isinstance(entry, File | Directory)
    return path, _LETTERS[type(entry)], *entry[:-1], [[name, value.hex()] for name, value in entry.xattrs]
