"""The example boots: the test that everything else stands on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.conftest import Command

HELLO = Path(__file__).parents[2] / "examples/hello.py"

CHECKS = """
set -e
echo "uptime $(cut -d' ' -f1 /proc/uptime)"
for name in dhcp getty hello; do sv -w 20 check /etc/service/$name; done
i=0; while [ ! -s /etc/resolv.conf ] && [ $i -lt 100 ]; do sleep 0.1; i=$((i+1)); done
ip -4 addr show dev eth0
hostname
grep ' / ' /proc/mounts
find / -xdev -type f -perm /6000
"""


def test_hello_boots_to_supervised_services_with_network_and_powers_off(micros: Command) -> None:
    shutil.copy(HELLO, micros.directory)
    done = micros("run", "hello.py", "-v", "-c", CHECKS)
    assert done.status == 0, done.err
    assert float(done.out.split()[1]) > 0
    for name in ("dhcp", "getty", "hello"):
        assert f"ok: run: /etc/service/{name}" in done.out
    assert "inet 10.0.2.15/24" in done.out
    lines = done.out.splitlines()
    assert "hello" in lines
    assert lines[-1].startswith("/dev/vda / squashfs ro"), "there is a setuid file after the mount line"
    assert "Hello from MicrOS!" in done.err
    assert "Power down" in done.err


def test_hello_without_a_terminal_shows_its_log_to_the_login_prompt(micros: Command) -> None:
    shutil.copy(HELLO, micros.directory)
    done = micros("run", "hello.py")
    assert done.status == 0, done.err
    assert "Hello from MicrOS!" in done.out
    assert "hello login:" in done.out
    assert "times: evaluate" in done.err
    if "said nothing under it" in done.err:
        assert "no kernel spoke under it when it was last tried" in micros("run", "hello.py").err


def test_a_failing_command_gives_its_status(micros: Command) -> None:
    shutil.copy(HELLO, micros.directory)
    done = micros("run", "hello.py", "-c", "echo one; exit 7")
    assert (done.status, done.out) == (7, "one\n")


def test_a_kernel_that_dies_before_user_space_is_named_and_tried_once_more(micros: Command) -> None:
    micros.write("small.toml", 'boot.kernel_params = ["mem=24M"]\n')
    done = micros("run", "small.toml", "--json")
    assert (done.status, json.loads(done.out.splitlines()[-1])["errors"][0]["kind"]) == (1, "early-panic")
    assert done.err.count("panicked before user space") == 2
    assert "booting once more" in done.err


def test_what_boots_a_system_is_there_whatever_is_forced_and_a_failed_dependency_holds_back(micros: Command) -> None:
    micros.write(
        "box.toml",
        '[micros.services.broken]\ntype = "oneshot"\nstart_script = "exit 4"\n'
        '[micros.services.done]\ntype = "oneshot"\nstart_script = "true"\n'
        '[micros.services.after_broken]\ndependencies = ["broken"]\nstart_script = "touch /run/broken; exec sleep infinity"\n'
        '[micros.services.after_done]\ndependencies = ["done"]\nstart_script = "touch /run/done; exec sleep infinity"\n',
    )
    wait = "i=0; until [ -e /run/done ] || [ $i -gt 100 ]; do sleep 0.1; i=$((i+1)); done; sleep 3; ls /run; which bash"
    done = micros("run", "box.toml", "--set", 'environment.system_packages=["bash"]', "-c", wait)
    assert done.status == 0, done.err
    assert {"done", "/usr/bin/bash"} <= set(done.out.split())
    assert "broken" not in done.out.split()
