"""Running a program of an unpacked tree: bubblewrap around a root that is laid out from the store.

The program sees the tree as its whole file system, read-only, a private /tmp, /proc and a few devices, and what is bound
on purpose; no network unless asked for. bubblewrap itself is the host's, or comes the same way as the program and is
then started through its own dynamic loader.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from micros.base.errors import Kind, error
from micros.base.tree import Directory, File, Symlink, Tree
from micros.store.disk import disk_errors, sync_file_system

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from micros.base.digest import Digest
    from micros.store.store import Store

_LAST_LINES = 15


def lay_out(store: Store, tree: Tree) -> Path:
    """The tree as a directory, made once. Files are copies; owners and devices are left out."""
    target = store.root / "roots" / tree.digest
    if target.exists():
        os.utime(target)
        return target
    with store.workspace() as workspace, disk_errors(store.root):
        root = workspace / "root"
        write_tree(tree, root, store.copy)
        with disk_errors(store.root):
            sync_file_system(root)
            try:
                os.rename(root, target)
            except OSError:
                if not target.exists():
                    raise
    return target


def write_tree(tree: Tree, root: Path, copy: Callable[[Digest, Path], None]) -> None:
    """Make a new directory with the entries of a tree and the mount points of a sandbox. `copy` makes the file of a digest."""
    root.mkdir()
    for path, entry in tree.items():
        if isinstance(entry, Directory):
            (root / path).mkdir()
        elif isinstance(entry, Symlink):
            (root / path).symlink_to(entry.target)
        elif isinstance(entry, File):
            copy(entry.digest, root / path)
            os.chmod(root / path, (entry.mode & 0o777) | 0o600)
    for name in ("proc", "dev", "tmp", "run", "etc"):
        (root / name).mkdir(exist_ok=True)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """How programs are isolated here: the start of every command line."""

    bubblewrap: tuple[str, ...]

    @classmethod
    def of_host(cls) -> Sandbox | None:
        """The host's bubblewrap, if it has one."""
        found = shutil.which("bwrap")
        return None if found is None else cls((found,))

    @classmethod
    def of_root(cls, root: Path) -> Sandbox:
        """bubblewrap unpacked below a root, started through that root's loader with its libraries.

        Raises an error of kind `sandbox` where that cannot be: no loader there, or a path that the loader would take for two
        (ld.so(8): colons and semicolons part the directories of --library-path, and nothing quotes them).
        """
        if ":" in str(root) or ";" in str(root):
            hint = "choose a store without colons and semicolons in its path, or install bubblewrap on this host"
            raise error(Kind.SANDBOX, f"programs of the archive cannot run below {root}", hint=hint)
        loaders = sorted(root.glob("usr/lib/*/ld-linux*.so*")) + sorted(root.glob("usr/lib/ld-linux*.so*"))
        if not loaders:
            raise error(Kind.SANDBOX, f"no dynamic loader below {root}", hint="the tree lacks the C library")
        libraries = ":".join(str(path) for path in (loaders[0].parent, root / "usr/lib"))
        return cls((str(loaders[0]), "--library-path", libraries, str(root / "usr/bin/bwrap")))

    def command(
        self,
        root: Path,
        argv: Sequence[str],
        *,
        writable: Sequence[Path] = (),
        readable: Sequence[Path] = (),
        devices: Sequence[Path] = (),
        network: bool = False,
        capabilities: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        inside: Mapping[str, Path] | None = None,
        writable_inside: Mapping[str, Path] | None = None,
        as_root: bool = False,
    ) -> list[str]:
        """The whole command line that runs `argv` with `root` as its file system; bound paths keep their names.

        `inside` and `writable_inside` are bound under other names. With `as_root`, the program and the files it sees belong
        to root, whoever runs it. `capabilities` (capabilities(7)) are over the sandbox' own namespaces, and only root's.
        """
        line = [*self.bubblewrap, "--unshare-all", "--die-with-parent", "--clearenv"]
        line += ["--share-net"] if network else []
        line += ["--uid", "0", "--gid", "0"] if as_root else []
        for name in capabilities:
            line += ["--cap-add", name]
        # Entry by entry onto bubblewrap's own empty root, where mount points for bound paths can be made.
        for entry in sorted(root.iterdir()):
            if entry.is_symlink():
                line += ["--symlink", os.readlink(entry), f"/{entry.name}"]
            elif entry.name not in ("proc", "dev", "tmp"):
                line += ["--ro-bind", str(entry), f"/{entry.name}"]
        line += ["--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"]
        for option, paths in (("--dev-bind", devices), ("--ro-bind", readable), ("--bind", writable)):
            for path in paths:
                line += [option, str(path), str(path)]
        for option, named in (("--ro-bind", inside), ("--bind", writable_inside)):
            for name, path in (named or {}).items():
                line += [option, str(path), name]
        for name, value in {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", **(environment or {})}.items():
            line += ["--setenv", name, value]
        line += ["--chdir", str(directory or "/tmp")]
        return [*line, "--", *argv]

    def run(self, command: Sequence[str], *, what: str) -> bytes:
        """Run a command line made by `command` to its end: its output. Errors of kind `sandbox` or `step-failed`."""
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, start_new_session=True)
        if done.returncode == 0:
            return done.stdout
        text = (done.stderr or done.stdout).decode(errors="replace")
        if text.startswith("bwrap: ") and ("namespace" in text or "uid map" in text):
            hint = (
                "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1, or on Ubuntu "
                "kernel.apparmor_restrict_unprivileged_userns=0; in a container, its seccomp profile"
            )
            raise error(Kind.SANDBOX, "this host forbids the sandbox", notes=text.splitlines()[-3:], hint=hint)
        lines = text.splitlines()[-_LAST_LINES:]
        raise error(Kind.STEP_FAILED, f"{what} failed with exit status {done.returncode}", notes=lines)
