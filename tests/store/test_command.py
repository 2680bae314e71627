"""Commands of the archive's programs as steps."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from micros.base.errors import Kind, MicrosError
from micros.debian.tools import SANDBOX_PACKAGE, tools_tree
from micros.debian.universe import Settings, Universe
from micros.machine import host_machine
from micros.store.step import Step

if TYPE_CHECKING:
    from micros.base.digest import Digest
    from micros.store.scheduler import Scheduler


@pytest.fixture(scope="module")
def tools(scheduler: Scheduler) -> Step:
    return tools_tree(Universe(scheduler, host_machine(), None, Settings()).closure(["busybox", SANDBOX_PACKAGE]))


def step(tools: Step, script: str, inputs: dict[str, Digest] | None = None, **environment: Any) -> Step:
    parameters = {"argv": ["busybox", "sh", "-ec", script], "output": "result", "environment": environment}
    return Step("micros.store.command:run", {"root": tools, **(inputs or {})}, parameters)


def test_a_command_sees_its_inputs_and_nothing_else(scheduler: Scheduler, tools: Step) -> None:
    text = scheduler.store.add_bytes(b"an input\n")
    script = """exec >/out/result
        busybox cat /in/text; echo $SOURCE_DATE_EPOCH $WORD; busybox id -u; busybox stat -c %u /in/text
        busybox ls /in /out /home /work 2>/dev/null || true; busybox ls /sys/class/net /proc/sys/net/ipv4/conf 2>/dev/null || true
        echo >/in/text 2>/dev/null || echo read-only"""
    done = scheduler.run(step(tools, script, {"text": text}, WORD="said"))
    lines = scheduler.store.read(done).decode().splitlines()
    assert lines[:4] == ["an input", "1 said", "0", "0"]
    assert lines[-1] == "read-only"
    assert "eth0" not in lines
    assert "/home:" not in lines


def test_zeros_that_a_command_leaves_out_take_no_room(scheduler: Scheduler, tools: Step) -> None:
    done = scheduler.run(step(tools, "busybox truncate -s 64M /out/result"))
    path = scheduler.store.path(done)
    assert path.stat().st_size == 64 << 20
    assert path.stat().st_blocks == 0


def test_a_command_that_fails_or_leaves_nothing(scheduler: Scheduler, tools: Step) -> None:
    for script, words in (("echo 'what is wrong' >&2; exit 3", ["exit status 3", "what is wrong"]), ("true", ["no file result"])):
        with pytest.raises(MicrosError) as caught:
            scheduler.run(step(tools, script))
        assert caught.value.kind == Kind.STEP_FAILED
        for word in words:
            assert word in str(caught.value)


def test_the_store_copies_holes_as_holes(scheduler: Scheduler, tools: Step, tmp_path: Any) -> None:
    script = (
        "busybox truncate -s 32M /out/result; echo end | busybox dd of=/out/result bs=1 seek=20000000 conv=notrunc 2>/dev/null"
    )
    done = scheduler.run(step(tools, script))
    scheduler.store.copy(done, tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_blocks * 512 <= 1 << 20
    subprocess.run(["cmp", scheduler.store.path(done), tmp_path / "copy"], check=True)
