"""What a command says while it works: a line that vanishes, a log, or JSON lines."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys

import pytest

from micros.cli.progress import JsonLines, Log, Progress, Terminal
from tests.conftest import TIMEOUT_SECONDS, Command


def _tell(progress: Progress) -> None:
    progress.started("unpack a")
    progress.expected(3_000_000)
    progress.received(1_000_000)
    progress.received(2_000_000)
    progress.finished("unpack a", 2.0)
    progress.say("done")
    progress.pause()


def test_a_log_has_whole_lines_and_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    _tell(Log(verbose=False))
    assert capsys.readouterr().err == "  unpack a: 2.0 s\ndone\n  downloaded 3.0 MB of 3.0 MB\n"


def test_a_terminal_ends_with_the_lines_that_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stderr", shown)
    _tell(Terminal())
    assert "  unpack a" in shown.getvalue()
    rows = [""]
    for piece in shown.getvalue().replace("\r\x1b[K", "\0").replace("\n", "\0\n").split("\0"):
        if piece.startswith("\n"):
            rows.append(piece[1:])
        else:
            rows[-1] = piece
    assert [row for row in rows if row] == ["  unpack a: 2.0 s", "done"]


def test_a_program_gets_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    _tell(JsonLines())
    events = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [event["event"] for event in events] == ["step", "step", "message", "download"]
    assert events[3] == {"event": "download", "received_bytes": 3_000_000, "expected_bytes": 3_000_000}


def test_all_that_json_says_on_standard_error_is_json(micros: Command) -> None:
    micros.write("box.toml", 'networking.host_name = "box"\n')
    for arguments in (("build", "box.toml"), ("build", "box.toml", "nothing")):
        done = micros(*arguments, "--json")
        assert "message" in [event["event"] for event in done.events]
        json.loads(done.out)


def test_a_build_at_a_terminal_leaves_only_its_summary(micros: Command) -> None:
    micros.write("box.toml", 'networking.host_name = "box"\n')
    end, child = pty.openpty()
    argv = [sys.executable, "-m", "micros", "build", "--store", str(micros.store), "box.toml"]
    process = subprocess.Popen(argv, cwd=micros.directory, stdin=child, stdout=child, stderr=child)
    os.close(child)
    seen = b""
    while True:
        try:
            data = os.read(end, 4096)
        except OSError:  # Linux' word for a terminal that nobody has open any more
            break
        seen += data
    os.close(end)
    assert process.wait(TIMEOUT_SECONDS) == 0
    assert b"without the kernel" in seen
    assert seen.endswith(b"result\r\n")
