"""The command `micros`: one file per verb. Results go to standard output, everything for people to standard error.

A verb is a file of this folder whose docstring begins with the words of its command line:

    \"\"\"`micros eval FILE PATH`: the value of an option.\"\"\"

and which has `options(parser)`, its arguments, and `run(arguments)`, which gives the exit status. What stands after the
colon is its help. Only the chosen verb's file is imported: commands start fast.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.errors import Kind, MicrosError, error
from micros.base.where import relative

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEAD = re.compile(r'"""`micros ([a-z-]+)[^`]*`: (.+?)\.?(?:""")?$')


def verbs(folder: Path = Path(__file__).parent) -> dict[str, str]:
    """What can be said after `micros`, and its help: read from the first lines of files, without importing any."""
    found = {}
    for path in sorted(folder.glob("*.py")):
        with path.open(encoding="utf-8") as file:
            head = _HEAD.match(file.readline())
        if head and head[1] == path.stem:
            found[head[1]] = head[2]
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command: 0 if it worked, 1 with an error on standard error, 2 for a wrong command line."""
    # Nearly all that a command makes lives to its end: looking for garbage among it would be a tenth of a build.
    gc.set_threshold(100_000)
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stopped)
    try:
        arguments = _parser(words)
        status: int = importlib.import_module(f"micros.cli.{arguments.verb}").run(arguments)
        _flush()
    except MicrosError as problem:
        _report(problem, as_json=as_json)
        return 2 if problem.kind == Kind.USAGE else 1
    except (MemoryError, RuntimeError) as problem:
        if isinstance(problem, RuntimeError) and "start new thread" not in str(problem):
            raise  # ours, with a traceback to report
        hint = "end other programs, or raise the limit (ulimit -v)"
        _report(error(Kind.NO_MEMORY, "this machine has not enough memory left", hint=hint), as_json=as_json)
        return 1
    except KeyboardInterrupt:
        _say("interrupted", as_json=as_json)
        return 130
    except BrokenPipeError:
        _silence()
        return 141
    except OSError as problem:
        # What no part of the program expects: the system's own words, and what they are about.
        about = f": {os.fsdecode(problem.filename)}" if isinstance(problem.filename, str | bytes) else ""
        reason = problem.strerror or str(problem)
        _report(error(Kind.SYSTEM, f"the system refuses: {reason}{about}"), as_json=as_json)
        return 1
    return status


def _stopped(number: int, _frame: object) -> None:
    """End as after an error, so that a guest does not outlive us and the terminal is as it was."""
    raise SystemExit(128 + number)


def _flush() -> None:
    """Write out what was printed, while an error can still be told."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as problem:
        _silence()
        raise error(Kind.SYSTEM, f"the result cannot be printed: {problem.strerror}") from None


def _silence() -> None:
    """Let what is still to be printed go nowhere, where standard output takes no more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parser(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="micros", description="Microscopic Linux systems from a page of typed Python.")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    known = verbs()
    chosen = next((word for word in argv if word in known), None)
    for verb, text in known.items():
        sub = commands.add_parser(verb, help=text, description=text[0].upper() + text[1:] + ".")
        if verb == chosen:
            importlib.import_module(f"micros.cli.{verb}").options(sub)
            common(sub)
    return parser.parse_args(argv)


class _Version(argparse.Action):
    """Print the installed version; asked for here only, since finding it takes a while."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        parser.exit(message=f"micros {version('micros-linux')}\n")


def common(parser: argparse.ArgumentParser) -> None:
    """Options that every verb has."""
    parser.add_argument("--json", action="store_true", help="print results and errors as JSON")
    parser.add_argument("--store", metavar="DIR", help="where builds are kept (MICROS_STORE; else the user's cache)")
    parser.add_argument("--mirror", metavar="URL", help="Debian mirror (MICROS_MIRROR; else the host's apt sources)")
    parser.add_argument("--keyring", metavar="FILE", help="certificates that may sign a release (those of Debian 13)")
    parser.add_argument("--offline", action="store_true", help="use no network: only what the store has")
    parser.add_argument("--accept-expired", action="store_true", help="pin releases past their Valid-Until; the lock records it")
    parser.add_argument("--set", metavar="PATH=VALUE", action="append", default=[], help="define an option (may be repeated)")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more")


def _report(problem: MicrosError, *, as_json: bool) -> None:
    """Errors for people on standard error; as JSON on standard output too, with kinds and places."""
    if as_json:
        records = problem_records(problem)
        print(json.dumps({"errors": records}))
    for item in problem.problems:
        _say(f"error: {item}", as_json=as_json)


def problem_records(problem: MicrosError) -> list[dict[str, object]]:
    """Every problem of an error, for a program."""
    return [
        {
            "kind": item.kind,
            "message": item.message,
            "places": [{"file": relative(where.file), "line": where.line} for where in item.places],
            "notes": [str(note) for note in item.notes],
            "hint": item.hint,
        }
        for item in problem.problems
    ]


def _say(text: str, *, as_json: bool) -> None:
    """A line for people, or the same for a program (see progress.py)."""
    print(json.dumps({"event": "message", "text": text}, ensure_ascii=False) if as_json else text, file=sys.stderr)
