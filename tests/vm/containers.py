"""Containers without an engine, by bubblewrap around an unpacked root; and engines of the archive, run as root."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from micros.debian.tools import Toolbox

SECONDS = 60


class Box:
    """A running container, and what its process 1 and its services write."""

    def __init__(self, process: subprocess.Popen[bytes], init: int) -> None:
        self._process = process
        self._init = init
        self.lines: list[str] = []

    def expect(self, text: str) -> None:
        """Read lines until one begins so."""
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            self.lines.append(raw.decode(errors="replace").rstrip())
            if self.lines[-1].startswith(text):
                return
        raise AssertionError(f"the container ended without a line that begins with {text!r}: {self.lines}")

    def signal(self, number: signal.Signals) -> None:
        """Tell process 1, as an engine does."""
        os.kill(self._init, number)

    def status(self) -> int:
        """Wait for its end: the exit status of process 1."""
        assert self._process.stdout is not None
        self.lines += [raw.decode(errors="replace").rstrip() for raw in self._process.stdout]
        return self._process.wait()


@contextmanager
def boxed(toolbox: Toolbox, root: Path, *, run_is_memory: bool = True) -> Iterator[Box]:
    """A container of a root: namespaces of its own, no network, /usr/sbin/init as its process 1."""
    bubblewrap = toolbox.sandbox(toolbox.root(["bubblewrap"])).bubblewrap
    options = ["--unshare-all", "--die-with-parent", "--clearenv", "--uid", "0", "--gid", "0", "--hostname", "crate"]
    mounts = ["--bind", str(root), "/", "--proc", "/proc", "--dev", "/dev", *(["--tmpfs", "/run"] if run_is_memory else [])]
    reading, writing = os.pipe()
    command = [*bubblewrap, *options, *mounts, "--info-fd", str(writing), "--as-pid-1", "/usr/sbin/init"]
    with subprocess.Popen(
        command, pass_fds=[writing], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        os.close(writing)
        with open(reading, encoding="utf-8") as info:
            init = json.loads(info.read() or "{}").get("child-pid")
        timer = threading.Timer(SECONDS, process.kill)
        timer.start()
        try:
            assert init is not None, process.stdout and process.stdout.read()
            yield Box(process, init)
        finally:
            timer.cancel()
            process.kill()
            assert process.stdout is not None
            process.stdout.close()


SEEN = """\
alias cat='busybox cat' mkdir='busybox mkdir' grep='busybox grep' sleep='busybox sleep' sed='busybox sed' tar='busybox tar'
seen() {
    tries=0
    until grep -q "^hello from" "$1" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || { cat /tmp/*; exit 1; }
        sleep 0.2
    done
}
"""
"""Before every script: the tools it may use, and waiting until a file has the service's own line."""


def engine(toolbox: Toolbox, packages: Sequence[str], work: Path, script: str) -> str:
    """What a shell script writes that runs the archive's container engines, as root of this machine.

    They start themselves again by name, so they get a root of their own, with this machine's /dev, /proc and /sys; `work` is
    /box there.
    """
    root = toolbox.root([*packages, "busybox"])
    command = [*toolbox.sandbox(root).bubblewrap, "--die-with-parent", "--cap-add", "ALL", "--unshare-pid", "--unshare-net"]
    command += ["--ro-bind", str(root / "usr"), "/usr"]
    for name in ("bin", "sbin", "lib", "lib64"):
        command += ["--symlink", f"usr/{name}", f"/{name}"]
    command += ["--dev-bind", "/dev", "/dev", "--proc", "/proc", "--bind", "/sys", "/sys"]
    for name in ("/tmp", "/run", "/var", "/root", "/etc"):
        command += ["--tmpfs", name]
    command += ["--bind", str(work), "/box", "--chdir", "/box", "--setenv", "PATH", "/usr/sbin:/usr/bin"]
    done = subprocess.run(
        [*command, "--", "busybox", "sh", "-ec", SEEN + script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=2 * SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
