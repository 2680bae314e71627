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
from micros.cli.loading import builder, loaded
from micros.cli.session import session
from micros.store.keeping import pin

if TYPE_CHECKING:
    import argparse

    from micros.cli.session import Session
    from micros.plan.builder import Artefacts, Builder
    from micros.system import MicrosSystem

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
        found = targets(loaded(arguments)[0])
        width = max(map(len, found))
        print(json.dumps(found) if arguments.json else "\n".join(f"{name:<{width}}  {text}" for name, text in found.items()))
        return 0
    output = Path(os.path.realpath(arguments.output))  # a link to a result is replaced where it leads
    _check_output(output)
    with session(arguments) as current:
        artefacts = built(current, builder(current, arguments, target=arguments.target))
        with current.phase("write"):
            write_result(current, artefacts, output)
        summary(current, artefacts)
    if arguments.json:
        print(json.dumps({"output": arguments.output, "artefacts": artefacts.files}))
    else:
        print(arguments.output)
    return 0


def targets(described: MicrosSystem) -> dict[str, str]:
    """What can be built, with the description of its option: every artefact below `system.build`."""
    from micros.modules.system import Artefact

    options = described.options["system"]["build"]
    values = described.config.system.build
    return {name: options[name].option.get("description", "") for name in values if isinstance(values[name], Artefact)}


def built(current: Session, plan: Builder) -> Artefacts:
    """The artefacts, with the lock file written where it changed."""
    with current.phase("build"):
        artefacts = plan.build()
        if plan.save_lock():
            current.say("wrote micros.lock beside the system's file: keep it in version control")
    for board in plan.plan.boards:
        current.say(board)
    if unmet := plan.unmet():
        current.say(f"note: no package gives {', '.join(unmet)}")
    for warning in plan.warnings():
        current.say(f"warning: {warning}")
    return artefacts


def _check_output(output: Path) -> None:
    if os.path.lexists(output) and not os.path.exists(output / ".micros"):
        raise error(Kind.USAGE, f"{output} exists and is no result of micros", hint="choose another directory with -o")


def write_result(current: Session, artefacts: Artefacts, output: Path) -> None:
    """A directory with copies of the artefacts, complete or not there; what it needs is pinned."""
    state = json.dumps(artefacts.files, sort_keys=True)
    marker = output / ".micros"
    if not (
        marker.exists() and marker.read_bytes() == state.encode() and all((output / name).exists() for name in artefacts.files)
    ):
        try:
            _replace(current, artefacts, output, state)
        except OSError as problem:
            needed = sum(current.store.path(digest).stat().st_size for digest in artefacts.files.values())
            raise _not_written(output, problem, needed) from None
    pin(current.store, output, [*artefacts.files.values(), *artefacts.kept])


def _replace(current: Session, artefacts: Artefacts, output: Path, state: str) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    try:
        for name, digest in artefacts.files.items():
            (fresh / name).parent.mkdir(parents=True, exist_ok=True)
            current.store.copy(digest, fresh / name)
            if name in artefacts.programs:
                os.chmod(fresh / name, 0o755)
        (fresh / ".micros").write_text(state)
        os.chmod(fresh, 0o755)
        if output.exists():
            shutil.rmtree(output)
        os.rename(fresh, output)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def _not_written(output: Path, problem: OSError, needed: int) -> MicrosError:
    hint = "choose another directory with -o"
    if problem.errno not in (errno.ENOSPC, errno.EDQUOT):
        return error(Kind.BAD_FILE, f"cannot write {output}: {problem.strerror}", hint=hint)
    free = shutil.disk_usage(output.parent).free
    notes = [f"needed: {human_bytes(needed)}", f"free: {human_bytes(free)}"]
    return error(Kind.NO_SPACE, f"cannot write {output}: its file system is full", notes=notes, hint=hint)


def summary(current: Session, artefacts: Artefacts) -> None:
    """Sizes, the largest packages where the artefact lists them, times."""
    sizes: dict[str, int] = {}
    for path, digest in artefacts.files.items():
        name = path.partition("/")[0]
        sizes[name] = sizes.get(name, 0) + current.store.path(digest).stat().st_size
    parts = ", ".join(f"{name} {human_bytes(size)}" for name, size in sizes.items())
    small = sum(sizes.get(name, 0) for name in ("initrd", "root.squashfs", "root.erofs"))
    current.say(parts + (f"; without the kernel {human_bytes(small)}" if "kernel" in sizes and small else ""))
    if "manifest.json" in artefacts.files:
        manifest = json.loads(current.store.read(artefacts.files["manifest.json"]))
        root = [record for record in manifest["packages"] if record["part"] == "root"]
        largest = sorted((r for r in root if not r["name"].startswith("linux-image")), key=lambda r: -r["installed_bytes"])
        names = [f"{r['name']} {human_bytes(r['installed_bytes'])}" for r in largest[:LARGEST] if r["installed_bytes"]]
        current.say(f"largest packages, as installed: {', '.join(names)}")
    current.say(f"times: {current.times()}")
