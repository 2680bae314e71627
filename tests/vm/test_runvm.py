"""`micros build FILE runvm`: the script boots what lies beside it, wherever that is copied, in whatever QEMU the host has."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from micros.debian.tools import Toolbox
from micros.machine import host_machine
from micros.run.qemu import PACKAGES
from tests.conftest import Command
from tests.vm.firmware import heard_from

SYSTEM = """\
[virtualisation]
memory_size = 192
cores = 2
networking_options = ["hostname=from-the-host"]
disks = [{ size = 3 }, { size = 2, file = "kept, disk" }]

[networking.dhcp]
enable = true

[micros.services.report]
dependencies = ["dhcp"]
start_script = '''
echo "report: $(nproc) processors, disks of $(cat /sys/block/vdb/size) and $(cat /sys/block/vdc/size)"
exec sleep infinity
'''
"""


@pytest.fixture(scope="module")
def micros(store_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Command:
    command = Command(store_root, tmp_path_factory.mktemp("runvm"))
    command.write("box.toml", SYSTEM)
    return command


@pytest.fixture
def path(toolbox: Toolbox, tmp_path: Path) -> str:
    """A PATH on which QEMU is the archive's."""
    machine = host_machine()
    root = toolbox.root(["ipxe-qemu", PACKAGES[machine.qemu]])
    devices = [Path("/dev/kvm")] if Path("/dev/kvm").exists() else []
    command = toolbox.sandbox(root).command(root, [machine.qemu], writable=[tmp_path], devices=devices, network=True)
    programs = tmp_path / "programs"
    programs.mkdir()
    script = programs / machine.qemu
    script.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    script.chmod(0o755)
    return f"{programs}:{os.environ['PATH']}"


def built(micros: Command, target: str, directory: Path) -> Path:
    """The script, in a directory of another name."""
    assert micros("build", "box.toml", target, "-o", target).status == 0
    shutil.copytree(micros.directory / target, directory)
    return directory / target


def test_the_script_boots_the_system_from_anywhere(micros: Command, path: str, tmp_path: Path) -> None:
    assert micros("build", "box.toml", "runvm").status == 0
    script = built(micros, "runvm", tmp_path / "it's a, copy")
    line = b"report: 2 processors, disks of 6144 and 4096"
    link = tmp_path / "link"
    link.symlink_to(script)
    environment = {**os.environ, "PATH": path, "TMPDIR": str(tmp_path)}
    command = ["env", f"--chdir={tmp_path}", *(f"{name}={environment[name]}" for name in ("PATH", "TMPDIR")), str(link)]
    said = heard_from(command, [line])
    assert line in said, said.decode(errors="replace")
    assert (tmp_path / "kept, disk").stat().st_size == 2 << 20
    assert b"runvm: booting with " in said


def test_without_a_qemu_it_says_what_to_install(micros: Command, tmp_path: Path) -> None:
    script = built(micros, "runvm", tmp_path / "copy")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("cat", "sh"):
        found = shutil.which(name)
        assert found is not None
        (programs / name).symlink_to(found)
    done = subprocess.run([script], env={"PATH": str(programs)}, capture_output=True, text=True, check=False)
    assert done.returncode == 127
    assert f"apt install {PACKAGES[host_machine().qemu]}" in done.stderr
    helped = subprocess.run([script, "--help"], env={"PATH": str(programs)}, capture_output=True, text=True, check=False)
    assert helped.returncode == 0
    assert "192 MiB" in helped.stdout


def fake_qemu(directory: Path, text: str) -> dict[str, str]:
    """An environment whose QEMU is this shell code."""
    directory.mkdir(exist_ok=True)
    program = directory / host_machine().qemu
    program.write_text(f"#!/bin/sh\n{text}\n")
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{directory}:{os.environ['PATH']}", "TMPDIR": str(directory)}


@pytest.mark.parametrize("shell", ["", "busybox", "bash"])
def test_arguments_and_the_status_are_passed_on(micros: Command, toolbox: Toolbox, tmp_path: Path, shell: str) -> None:
    script = built(micros, "runvm", tmp_path / "copy")
    environment = fake_qemu(tmp_path / "bin", "printf '<%s>' \"$@\"; cat; exit 7")
    shells = {"": [], "busybox": [str(toolbox.root(["busybox-static"]) / "usr/bin/busybox"), "sh"], "bash": ["bash", "--posix"]}
    argv = [*shells[shell], str(script), "-accel", "tcg", "-name", "a b"]
    done = subprocess.run(argv, env=environment, cwd=tmp_path, input="typed", capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert done.stdout.endswith("<-accel><tcg><-name><a b>typed")
    assert done.stdout.count("<-accel>") == 1
    assert "hostname=from-the-host" in done.stdout
    assert list((tmp_path / "bin").iterdir()) == [tmp_path / "bin" / host_machine().qemu], "it leaves something behind"


def test_who_ends_it_ends_qemu(micros: Command, tmp_path: Path) -> None:
    script = built(micros, "runvm", tmp_path / "copy")
    environment = fake_qemu(tmp_path / "bin", "echo $$; exec sleep 60")
    with subprocess.Popen([script, "-accel", "tcg"], env=environment, cwd=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        qemu = int(process.stdout.readline())
        process.terminate()
        assert process.wait(10) == 143
    with pytest.raises(ProcessLookupError):
        os.kill(qemu, 0)
    assert len(list((tmp_path / "bin").iterdir())) == 1, "it leaves something behind"


SPEAKS = "echo Linux version 6; sleep 9"


@pytest.mark.skipif(not os.access("/dev/kvm", os.R_OK | os.W_OK), reason="no /dev/kvm to be believed or not")
@pytest.mark.parametrize(("kernel", "accelerator"), [(SPEAKS, "kvm"), ("sleep 9", "tcg"), ("exit 1", "tcg")])
def test_kvm_is_used_once_a_kernel_spoke_under_it(micros: Command, tmp_path: Path, kernel: str, accelerator: str) -> None:
    script = built(micros, "runvm", tmp_path / "copy")
    environment = fake_qemu(tmp_path / "bin", f'case "$*" in *loglevel=7*) {kernel} ;; *) echo "$@" ;; esac')
    done = subprocess.run([script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"booting with {accelerator}" in done.stderr
    assert f"-accel {accelerator}" in done.stdout


def test_a_container_has_nothing_to_boot(micros: Command) -> None:
    for target in ("runvm", "netboot", "testipxe"):
        assert micros("build", "box.toml", target, "--set", "boot.is_container=true", "--json").kinds == ["usage"]


@pytest.mark.slow
@pytest.mark.skipif(host_machine().name != "x86_64", reason="iPXE of network cards is for x86_64")
def test_the_script_that_boots_from_the_network(micros: Command, path: str, tmp_path: Path) -> None:
    assert micros("build", "box.toml", "testipxe").status == 0
    script = built(micros, "testipxe", tmp_path / "copy")
    command = ["env", f"--chdir={tmp_path}", f"PATH={path}", f"TMPDIR={tmp_path}", str(script)]
    said = heard_from(command, [b"MicrOS: stage 2 done", b"iPXE"])
    assert b"MicrOS: stage 2 done" in said, said.decode(errors="replace")
    assert b"iPXE" in said
