"""Composing a root: copies, links, what is left out, privileged files, paths that must be there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.formats.trees import MemoryBlobs, MemoryJob

from micros.base.digest import Digest
from micros.base.errors import Kind, MicrosError
from micros.base.tree import Directory, File, Symlink, Tree
from micros.formats.compose import compose, resolved


class Composer:
    """Trees of packages, and the step over them."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.runs = 0
        self.blobs = MemoryBlobs()
        self.inputs: dict[str, Digest] = {}

    def package(self, name: str, *entries: tuple[str, Any]) -> None:
        tree = Tree.of(entries)
        self.inputs[name] = self.blobs.put(tree.manifest())

    def __call__(self, files: dict[str, Any], **parameters: Any) -> Tree:
        self.runs += 1
        scratch = self.scratch / str(self.runs)
        scratch.mkdir()
        job = MemoryJob(scratch, Tree.of([]), self.blobs, {"files": files, **parameters})
        job.inputs.clear()
        job.inputs.update(self.inputs)
        return Tree.from_manifest(job.read(compose(job)))


@pytest.fixture
def composer(tmp_path: Path) -> Composer:
    return Composer(tmp_path)


def problems(composer: Composer, files: dict[str, Any], **parameters: Any) -> MicrosError:
    with pytest.raises(MicrosError) as caught:
        composer(files, **parameters)
    return caught.value


def test_a_copy_follows_links_and_has_its_own_owner_mode_and_attributes(composer: Composer) -> None:
    program = composer.blobs.file(b"program", 0o755)
    composer.package("tool", ("usr/bin/tool-1", program), ("usr/bin/tool", Symlink("tool-1")), ("bin", Symlink("usr/bin")))
    spec = {"copy": "bin/tool", "mode": "4711", "uid": 1, "gid": 2, "capabilities": "00ff"}
    made = composer({"wrappers/tool": spec, "plain": {"copy": "usr/bin/tool", "mode": None, "uid": 0, "gid": 0}})
    assert made["wrappers/tool"] == File(program.digest, 7, 0o4711, 1, 2, (("security.capability", b"\0\xff"),))
    assert made["plain"] == program
    for path in ("bin/none", "usr"):
        assert problems(composer, {"a": {"copy": path, "mode": None, "uid": 0, "gid": 0}}).kind is Kind.MISSING_FILE


def test_contents_of_the_user_and_what_is_left_out(composer: Composer) -> None:
    composer.package("tool", ("usr/bin/env", composer.blobs.file(b"env")), ("usr/bin/x", composer.blobs.file(b"x")))
    digest = composer.blobs.put(bytes(range(256)))
    composer.inputs[f"blob:{digest}"] = digest
    made = composer({"etc/bytes": {"blob": digest, "mode": "0400", "uid": 5, "gid": 6}, "usr/bin/env": {"absent": True}})
    assert made["etc/bytes"] == File(digest, 256, 0o400, 5, 6)
    assert "usr/bin/env" not in made
    assert "usr/bin/x" in made


def test_privileged_files_are_named_all_at_once_unless_something_is_said(composer: Composer) -> None:
    blobs = composer.blobs
    composer.package("su", ("usr/bin/su", blobs.file(b"su", 0o4755)), ("var/mail", Directory(0o2775, 0, 8)))
    composer.package("wall", ("usr/bin/wall", blobs.file(b"wall", 0o2755)))
    composer.package("ping", ("usr/bin/ping", blobs.file(b"ping", xattrs=(("security.capability", b"x"),))))
    found = problems(composer, {})
    assert {problem.kind for problem in found.problems} == {Kind.PRIVILEGED}
    assert [problem.message.split(" ")[0] for problem in found.problems] == ["/usr/bin/ping", "/usr/bin/su", "/usr/bin/wall"]
    made = composer({}, privileged={"usr/bin/su": "keep", "usr/bin/*": "strip"})
    assert [made[f"usr/bin/{name}"].mode for name in ("su", "wall", "ping")] == [0o4755, 0o755, 0o644]  # type: ignore[union-attr]
    assert made["usr/bin/ping"].xattrs == ()  # type: ignore[union-attr]
    assert made["var/mail"] == Directory(0o2775, 0, 8)


def test_what_must_be_there(composer: Composer) -> None:
    composer.package("dash", ("usr/bin/dash", composer.blobs.file(b"")), ("bin", Symlink("usr/bin")))
    composer({}, required={"/bin/dash": "users.ann.shell"})
    found = problems(composer, {}, required={"/bin/fish": "users.ann.shell", "/bin/zsh": "users.bob.shell"})
    assert [problem.kind for problem in found.problems] == [Kind.MISSING_FILE] * 2
    assert "users.bob.shell" in str(found)


def test_links_that_go_in_circles_lead_somewhere() -> None:
    tree = Tree.of([("a", Symlink("b")), ("b", Symlink("a")), ("up", Symlink("../../etc/x")), ("etc/x", Symlink("/etc/y"))])
    assert resolved(tree, "a") in ("a", "b", "")
    assert resolved(tree, "/up") == "etc/y"
