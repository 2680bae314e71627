"""A container stops when its engine sends SIGTERM to PID 1: services in order, then the last stage, then its end."""

from __future__ import annotations

import signal
import subprocess
import tarfile
import time
from pathlib import Path

from micros.debian.tools import Toolbox
from tests.conftest import Command

SYSTEM = """
boot.is_container = true
images.tarball.compression = "xz"
networking.firewall.enable = false
[runit.stage-3]
script = "echo last stage"
[micros.services.below]
start_script = "exec sleep 1000"
finish_script = "echo stopped below"
[micros.services.above]
dependencies = ["below"]
start_script = "echo above is up; exec sleep 1000"
finish_script = "echo stopped above"
"""


def test_sigterm_stops_services_in_order(micros: Command, toolbox: Toolbox, tmp_path: Path) -> None:
    micros.write("box.toml", SYSTEM)
    done = micros("build", "box.toml")
    assert done.status == 0, done.err
    root = tmp_path / "root"
    with tarfile.open(micros.directory / "result" / "rootfs.tar.xz") as archive:
        archive.extractall(root, filter="tar")
    line = [*toolbox.sandbox(toolbox.root([])).bubblewrap, "--unshare-all", "--as-pid-1", "--die-with-parent"]
    line += ["--uid", "0", "--gid", "0", "--bind", str(root), "/", "--proc", "/proc", "--dev", "/dev"]
    line += ["--tmpfs", "/run", "--tmpfs", "/tmp", "--clearenv", "/usr/sbin/init"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said = ""
        while "above is up" not in said:
            text = process.stdout.readline()
            assert text, said
            said += text
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        begun = time.monotonic()
        subprocess.run(["kill", f"-{signal.SIGTERM.value}", child], check=True)
        said += process.stdout.read()
        assert process.wait(30) == 0, said
    assert time.monotonic() - begun < 25
    lines = said.splitlines()
    found = [lines.index(text) for text in ("MicrOS: stopping", "stopped above", "stopped below", "last stage")]
    assert found == sorted(found)
