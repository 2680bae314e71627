"""`micros test FILE [TEST]`: run the tests of a Python file in machines that it describes."""

from __future__ import annotations

import inspect
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from micros.base.errors import Kind, MicrosError, Note, Problem, error
from micros.base.where import Where
from micros.cli import problem_records
from micros.cli.session import not_negative, session
from micros.debian.lock import lock_beside
from micros.lang import setting
from micros.lang.places import users_frames
from micros.run import terminal
from micros.run.driver import TIMEOUT_SECONDS, is_users
from micros.run.steps import Step, Steps
from micros.system import executed, systems_of
from micros.testing import Lab

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from micros.cli.session import Session
    from micros.run.driver import Driver
    from micros.system import MicrosSystem

PREFIX = "test_"
ONLY_GUEST = "guest"
"""The parameter that gets the machine of the only system in the file."""


def options(parser: argparse.ArgumentParser) -> None:
    """This verb's arguments."""
    parser.add_argument("file", metavar="FILE", help="Python file with systems, and functions `test_...(guest)`")
    parser.add_argument("test", metavar="TEST", nargs="?", help="run this function only")
    parser.add_argument("--fresh", action="store_true", help="boot the machines anew for every test")
    parser.add_argument(
        "--interactive", action="store_true", help="on a terminal: a shell in the guest after a failure, before going on"
    )
    parser.add_argument(
        "--timeout",
        type=not_negative,
        metavar="SECONDS",
        default=TIMEOUT_SECONDS,
        help=f"how long a boot may take ({TIMEOUT_SECONDS:g})",
    )


@dataclass(frozen=True, slots=True)
class Test:
    """A function of the user's file, and the system of each of its parameters."""

    name: str
    function: Callable[..., object]
    systems: Mapping[str, str]
    """Names of systems, by parameter."""


@dataclass
class Result:
    """How a test went."""

    name: str
    seconds: float = 0.0
    problem: MicrosError | None = None
    steps: list[Step] = field(default_factory=list)

    def record(self) -> dict[str, object]:
        """For a program."""
        steps = [
            {"name": step.name, "depth": step.depth, "seconds": round(step.seconds, 3), "failed": step.failed}
            for step in self.steps
            if step.seconds is not None
        ]
        outcome = "failed" if self.problem else "passed"
        found: dict[str, object] = {"test": self.name, "outcome": outcome, "seconds": round(self.seconds, 3), "steps": steps}
        return found | ({"errors": problem_records(self.problem)} if self.problem else {})

    def __str__(self) -> str:
        return f"{'failed' if self.problem else 'ok':<6} {self.name} {self.seconds:.2f} s"


def run(arguments: argparse.Namespace) -> int:
    """Run the tests: 0 if all passed, else 1."""
    path = Path(arguments.file)
    systems, tests = found(path, arguments.test)
    extra = [setting(text) for text in arguments.set]
    results = []
    with session(arguments) as current:
        echo = (lambda data: sys.stderr.buffer.write(data)) if arguments.verbose else None
        runner = Runner(current, arguments, {name: one.extend(*extra) for name, one in systems.items()}, tests)
        with Lab.of(current.scheduler, current.settings, Steps(runner.told), timeout=arguments.timeout, echo=echo) as lab:
            try:
                for test in tests:
                    results.append(runner.run(lab, test))
            finally:
                runner.end()
    failed = sum(result.problem is not None for result in results)
    if not arguments.json:
        current.say(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


class Runner:
    """Runs tests one after the other. A machine serves them all, until one fails or leaves it powered off."""

    def __init__(
        self, current: Session, arguments: argparse.Namespace, systems: Mapping[str, MicrosSystem], tests: Sequence[Test]
    ) -> None:
        self._current = current
        self._arguments = arguments
        self._systems = systems
        self._on_segment = {name for test in tests if len(test.systems) > 1 for name in test.systems.values()}
        self._drivers: dict[str, Driver] = {}
        self._result = Result("")

    def told(self, step: Step) -> None:
        """Show a step, and keep it for the test's record."""
        self._result.steps.append(step)
        self._current.say(f"  {step}")

    def run(self, lab: Lab, test: Test) -> Result:
        """Run one test, tell how it went."""
        self._result = Result(test.name)
        self._current.say(test.name)
        began = time.monotonic()
        try:
            guests = {parameter: self._guest(lab, name) for parameter, name in test.systems.items()}
            for guest in guests.values():
                guest.start()
            self._call(test, guests)
        except MicrosError as problem:
            self._result.problem = problem
        self._result.seconds = time.monotonic() - began
        self._tell(self._result)
        self._afterwards(test)
        return self._result

    def end(self) -> None:
        """End every machine."""
        for driver in self._drivers.values():
            driver.crash()

    def _guest(self, lab: Lab, name: str) -> Driver:
        if name not in self._drivers:
            lock = lock_beside(Path(self._arguments.file))
            on_segment = name in self._on_segment
            self._drivers[name] = lab.driver(self._systems[name], name=name, on_segment=on_segment, lock=lock)
            self._current.progress.pause()
        self._drivers[name].power_on()
        return self._drivers[name]

    def _call(self, test: Test, guests: Mapping[str, Driver]) -> None:
        try:
            test.function(**guests)
        except (MicrosError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as problem:  # what pytest's `fail` and `skip` raise is no Exception
            raise _failure(test, problem, guests) from None

    def _tell(self, result: Result) -> None:
        if self._arguments.json:
            print(json.dumps(result.record(), ensure_ascii=False), flush=True)
            return
        print(result, flush=True)
        for problem in result.problem.problems if result.problem else ():
            self._current.say(f"error: {problem}")

    def _afterwards(self, test: Test) -> None:
        """A shell where it is wanted; machines that a failure may have left in any state do not serve another test."""
        for name in test.systems.values():
            driver = self._drivers.get(name)
            if driver is None:
                continue
            if self._result.problem and self._arguments.interactive and terminal.is_terminal() and driver.is_running:
                self._current.say(f"a shell in {name}; `exit` goes on")
                driver.shell()
            if self._result.problem or self._arguments.fresh:
                driver.crash()


def found(path: Path, only: str | None) -> tuple[dict[str, MicrosSystem], list[Test]]:
    """The systems and the tests of a user's file, in the order of the file. Errors of kind `bad-file` and `usage`."""
    if not path.is_file() or path.suffix != ".py":
        hint = "the first argument is a Python file that describes systems and tests them"
        raise error(Kind.BAD_FILE, f"{path} is no Python file", hint=hint)
    module = executed(path)
    systems = systems_of(module)
    functions = {
        name: function for name, function in vars(module).items() if name.startswith(PREFIX) and inspect.isfunction(function)
    }
    if not functions:
        raise error(Kind.BAD_FILE, f"{path} has no tests", at=Where(str(path)), hint=f"write `def {PREFIX}something(guest): ...`")
    if only is not None and only not in functions:
        raise error(Kind.USAGE, f"{path} has no test {only!r}", hint=f"one of {', '.join(functions)}")
    chosen = functions if only is None else {only: functions[only]}
    return systems, [_test(name, function, systems) for name, function in chosen.items()]


def _test(name: str, function: Callable[..., object], systems: Mapping[str, MicrosSystem]) -> Test:
    """A test, with the system that each parameter means."""
    code = inspect.unwrap(function).__code__
    distinct = {id(one): key for key, one in systems.items()}
    named = {}
    for parameter in inspect.signature(function).parameters:
        if parameter in systems:
            named[parameter] = parameter
        elif parameter == ONLY_GUEST and len(distinct) == 1:
            (named[parameter],) = distinct.values()
        else:
            listing = ", ".join(systems) or "none"
            raise error(
                Kind.BAD_FILE,
                f"`{name}` has a parameter `{parameter}`, which is no system of the file",
                at=Where(code.co_filename, code.co_firstlineno),
                notes=[f"systems: {listing}"],
                hint=f"a parameter is named like a system; `{ONLY_GUEST}` is the machine of the only one",
            )
    return Test(name, function, named)


def _failure(test: Test, problem: BaseException, guests: Mapping[str, Driver]) -> MicrosError:
    """What a test raised, with the user's own lines and what the machines said last."""
    notes = [Note(where, text) for where, text in users_frames(problem.__traceback__) if is_users(where.file)]
    running = [guest for guest in guests.values() if guest.is_running]
    said = [Note(None, line) for guest in running for line in (f"{guest.name}:", *guest.vm.console_notes())]
    words = "an assertion does not hold" if isinstance(problem, AssertionError) else type(problem).__name__
    text = f"{words}: {problem}" if str(problem) else words
    return MicrosError(Problem(Kind.TEST_FAILED, f"`{test.name}`: {text}", (*notes, *said)))
