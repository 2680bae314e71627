"""`micros build FILE [TARGET]`: artefacts into a directory."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.errors import Kind, MicrosError, error
from micros.base.units import human_bytes
from micros.cli.loading import builder
from micros.cli.session import session
from micros.store.keeping import pin

if TYPE_CHECKING:
    import argparse

    from micros.cli.session import Session
    from micros.plan import Artefacts, Builder

TARGETS = {
    "dist": "kernel, initrd, root.squashfs, cmdline and manifest.json",
    "kernel": "the kernel's image",
    "initrd": "the initial RAM file system",
    "squashfs": "the root file system",
    "cmdline": "the kernel's command line",
    "manifest": "every package with version, digest and size",
}
_FILES = {"squashfs": "root.squashfs", "manifest": "manifest.json"}
LARGEST = 10


def options(parser: argparse.ArgumentParser) -> None:
    """This verb's arguments."""
    parser.add_argument("file", metavar="FILE", help="file that describes the system, or FILE:name")
    parser.add_argument("target", metavar="TARGET", nargs="?", default="dist", help="attribute of system.build (dist)")
    parser.add_argument("-o", "--output", metavar="DIR", default="result", help="directory for the artefacts (./result)")
    parser.add_argument("--list", action="store_true", help="list what can be built")


def run(arguments: argparse.Namespace) -> int:
    """Build, and say what came out."""
    if arguments.list:
        print(json.dumps(TARGETS) if arguments.json else "\n".join(f"{name:<10} {text}" for name, text in TARGETS.items()))
        return 0
    if arguments.target not in TARGETS:
        raise error(Kind.USAGE, f"there is no target {arguments.target!r}", hint=f"one of {', '.join(TARGETS)}")
    output = Path(arguments.output)
    _check_output(output)
    with session(arguments) as current:
        plan = builder(current, arguments)
        artefacts = built(current, plan)
        with current.phase("write"):
            names = list(artefacts.files) if arguments.target == "dist" else [str(_FILES.get(arguments.target, arguments.target))]
            write_result(current, artefacts, names, output)
        summary(current, artefacts)
    if arguments.json:
        print(json.dumps({"output": str(output), "artefacts": {name: artefacts.files[name] for name in names}}))
    else:
        print(output)
    return 0


def built(current: Session, plan: Builder) -> Artefacts:
    """The artefacts, with the lock file written where it changed."""
    with current.phase("build"):
        artefacts = plan.build()
        if plan.save_lock():
            current.say("wrote micros.lock beside the system's file: keep it in version control")
    return artefacts


def _check_output(output: Path) -> None:
    if os.path.lexists(output) and not os.path.exists(output / ".micros"):
        raise error(Kind.USAGE, f"{output} exists and is no result of micros", hint="choose another directory with -o")


def write_result(current: Session, artefacts: Artefacts, names: list[str], output: Path) -> None:
    """A directory with copies of the artefacts, complete or not there; what it needs is pinned."""
    state = json.dumps({name: artefacts.files[name] for name in names}, sort_keys=True)
    marker = output / ".micros"
    if marker.exists() and marker.read_text() == state and all((output / name).exists() for name in names):
        pin(current.store, output, [*artefacts.files.values(), *artefacts.kept])
        return
    sources = {name: current.store.path(artefacts.files[name]) for name in names}
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
        try:
            for name, source in sources.items():
                shutil.copyfile(source, fresh / name)
            (fresh / ".micros").write_text(state)
            os.chmod(fresh, 0o755)
            if output.exists():
                shutil.rmtree(output)
            os.rename(fresh, output)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
    except OSError as problem:
        raise _not_written(output, problem, sum(source.stat().st_size for source in sources.values())) from None
    pin(current.store, output, [*artefacts.files.values(), *artefacts.kept])


def _not_written(output: Path, problem: OSError, needed: int) -> MicrosError:
    hint = "choose another directory with -o"
    if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
        return error(Kind.BAD_FILE, f"cannot write {output}: {problem.strerror}", hint=hint)
    free = shutil.disk_usage(output.parent).free
    notes = [f"needed: {human_bytes(needed)}", f"free: {human_bytes(free)}"]
    return error(Kind.NO_SPACE, f"cannot write {output}: its file system is full", notes=notes, hint=hint)


def summary(current: Session, artefacts: Artefacts) -> None:
    """Sizes, the largest packages, times."""
    manifest = json.loads(current.store.read(artefacts.files["manifest.json"]))
    sizes = {name: record["bytes"] for name, record in manifest["artefacts"].items()}
    small = sizes["initrd"] + sizes["root.squashfs"]
    parts = ", ".join(f"{name} {human_bytes(sizes[name])}" for name in ("kernel", "initrd", "root.squashfs"))
    current.say(f"{manifest['system']} for {manifest['machine']}: {parts}; without the kernel {human_bytes(small)}")
    root = [record for record in manifest["packages"] if record["part"] == "root"]
    largest = sorted((r for r in root if not r["name"].startswith("linux-image")), key=lambda r: -r["installed_bytes"])
    names = [f"{r['name']} {human_bytes(r['installed_bytes'])}" for r in largest[:LARGEST] if r["installed_bytes"]]
    current.say(f"largest packages, as installed: {', '.join(names)}")
    current.say(f"times: {current.times()}")
