"""Verbs are found because of where their files lie, and only the chosen one is imported."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import micros.cli
from micros.cli import verbs
from tests.conftest import Command

HELPERS = {"__init__", "loading", "progress", "session"}


def test_every_file_is_a_verb_or_a_known_helper() -> None:
    files = {path.stem for path in Path(micros.cli.__file__).parent.glob("*.py")}
    assert files == verbs().keys() | HELPERS
    for name, text in verbs().items():
        module = importlib.import_module(f"micros.cli.{name}")
        assert callable(module.options)
        assert callable(module.run)
        assert text
        assert not text.endswith((".", '"'))


def test_a_new_file_is_a_new_verb(tmp_path: Path) -> None:
    (tmp_path / "plan.py").write_text('"""`micros plan FILE [-x]`: what would be built.\n\nMore.\n"""\n')
    (tmp_path / "shared.py").write_text('"""What `micros plan` and others share."""\n')
    (tmp_path / "empty.py").write_text("")
    assert verbs(tmp_path) == {"plan": "what would be built"}


def test_only_the_chosen_verb_is_imported() -> None:
    program = (
        "import sys, micros.cli\n"
        "try: micros.cli.main(['gc', '--help'])\n"
        "except SystemExit: pass\n"
        "print(*sorted(name for name in sys.modules if name.startswith('micros.cli.')), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.split() == ["micros.cli.gc", "micros.cli.progress", "micros.cli.session"]


def test_an_unknown_verb_is_refused_with_the_known_ones(micros: Command) -> None:
    done = micros("explode")
    assert done.status == 2
    assert all(name in done.err for name in verbs())
