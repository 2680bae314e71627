"""From the command line to a system and its builder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.lang import setting
from micros.system import MicrosSystem, load

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from micros.cli.session import Session
    from micros.lang import Evaluation
    from micros.plan.builder import Builder


def loaded(arguments: argparse.Namespace, extra: Sequence[Any] = ()) -> tuple[MicrosSystem, Path]:
    """The system of the argument FILE, with every `--set`."""
    return load(arguments.file, [*(setting(text) for text in arguments.set), *extra])


def builder(current: Session, arguments: argparse.Namespace, extra: Sequence[Any] = (), *, target: str = "dist") -> Builder:
    """The builder of one artefact of the system; its lock lies beside the user's file."""
    # Imported late: verbs that only evaluate do without the archive, the store and the compressors.
    from micros.debian.lock import lock_beside
    from micros.plan.builder import Builder as Plan

    with current.phase("evaluate"):
        described, path = loaded(arguments, extra)
        plan = described.plan(target)
        for warning in described.evaluation.warnings:
            current.say(f"warning: {warning}")
    return Plan(plan, current.scheduler, lock_beside(path), current.settings)


def evaluation_of(arguments: argparse.Namespace) -> Evaluation:
    """The evaluation of `--file`'s system, or of MicrOS's own modules alone."""
    if arguments.file:
        return loaded(arguments)[0].evaluation
    return MicrosSystem([setting(text) for text in arguments.set]).evaluation
