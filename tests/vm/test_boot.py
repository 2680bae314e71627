"""Stage 1 on the console: words of the kernel's command line, devices that come late or never, shells, the network."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from micros.base.errors import Kind, MicrosError
from micros.debian.tools import Toolbox
from tests.conftest import Command, Outcome
from tests.vm.guests import PATIENCE_SECONDS, Machine

SYSTEM = """
boot.initrd.available_kernel_modules = ["virtio_blk", "virtio_net", "loop", "overlay"]
boot.initrd.wait_seconds = 2
boot.initrd.compressor_args = ["-1"]
boot.initrd.post_mount_commands = '''echo "mounted: $(grep -c ' /root squashfs ' /root/proc/mounts) of 1 by $kept"'''
boot.init.stage2_path = "/usr/lib/micros/start"
storage.root.kernel_modules = []
not-os.preMount = '''kept=stage-1; echo "before: $root $(grep -c ' /root ' /proc/mounts)"'''
"""
"""Drivers are loaded because the hardware asks for them, not because they are listed."""


@pytest.fixture(scope="module")
def machine(store_root: Path, toolbox: Toolbox, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    micros = Command(store_root, tmp_path_factory.mktemp("boot"))
    micros.write("box.toml", SYSTEM)
    assert micros("build", "box.toml").status == 0
    return Machine(micros, toolbox, tmp_path_factory.mktemp("run"), "result")


def test_a_root_that_is_not_there_is_named_with_what_is_and_a_shell_helps(machine: Machine) -> None:
    with machine.boot("root=PARTLABEL=nowhere boot.shell_on_fail") as console:
        console.expect("MicrOS: stage 1: no PARTLABEL=nowhere within 2 s; there are: vda (")
        console.expect("cannot go on: a shell")
        console.type("echo shell-$((20 + 3))\n")
        console.expect("shell-23")
        console.type("exit\n")
        with pytest.raises(MicrosError) as caught:
            console.expect("never said")
    assert caught.value.kind is Kind.BOOT_FAILED
    assert "Attempted to kill init" in console.log


@pytest.mark.slow
def test_an_init_that_is_not_there_is_named(machine: Machine) -> None:
    with machine.boot("init=/nowhere boot.panic_on_fail") as console, pytest.raises(MicrosError):
        console.expect("never said")
    assert "MicrOS: stage 1: no /nowhere in the root file system" in console.log


@pytest.mark.slow
def test_an_init_that_ends_ends_the_machine(machine: Machine) -> None:
    with machine.boot("init=/usr/bin/false") as console, pytest.raises(MicrosError) as caught:
        console.expect("never said")
    assert caught.value.kind is Kind.BOOT_FAILED
    assert "Attempted to kill init" in console.log


@pytest.mark.slow
def test_a_cut_initrd_ends_the_machine(machine: Machine, tmp_path: Path) -> None:
    assert machine.guest.initrd is not None
    cut = tmp_path / "initrd"
    cut.write_bytes(machine.guest.initrd.read_bytes()[:300_000])
    with machine.boot(initrd=cut) as console, pytest.raises(MicrosError):
        console.expect("never said")
    assert "Kernel panic" in console.log


@pytest.mark.slow
def test_a_root_that_is_not_there_may_restart_the_machine(micros: Command, toolbox: Toolbox) -> None:
    micros.write(
        "box.toml", 'boot.initrd.on_failure = "reboot"\nboot.initrd.wait_seconds = 1\nstorage.root.device = "LABEL=no"\n'
    )
    assert micros("build", "box.toml").status == 0
    with Machine(micros, toolbox, micros.directory, "result").boot() as console:
        console.vm.wait_for_end(timeout=PATIENCE_SECONDS)
    assert "no LABEL=no within 1 s" in console.log
    assert "Kernel panic" not in console.log


def test_a_late_root_is_waited_for(machine: Machine) -> None:
    drive = f"drive_add 0 if=none,id=late,format=raw,readonly=on,file={machine.guest.root}"
    port = ("-device", "pcie-root-port,id=socket,chassis=9,slot=9")
    with machine.boot("root=/dev/vdb boot.debug1devices", device=port) as console:
        console.expect("boot.debug1devices: a shell")
        console.type("(sleep 1; echo now) & exit\n")
        console.expect("now\r\n")
        console.monitor(drive, "device_add virtio-blk-pci,drive=late,bus=socket")
        console.expect("MicrOS: stage 2 done")
    log = console.log.replace("\r", "")
    assert "\nbefore: /dev/vdb 0\n" in log
    assert "\nmounted: 1 of 1 by stage-1\nMicrOS: stage 1 done" in log


@pytest.mark.slow
def test_trace_and_every_stop(machine: Machine) -> None:
    with machine.boot("boot.trace boot.debug1") as console:
        console.expect("boot.debug1: a shell")
        assert "+ ask boot.debug1" in console.log
        console.type("ls /sys/class/block; exit\n")
        console.expect("+ mount_root")
    with machine.boot("boot.debug1mounts systemConfig=/ realroot=tmpfs") as console:
        console.expect("boot.debug1mounts: a shell")
        console.type("grep -c ' /root overlay' /root/proc/mounts; exit\n")
        console.expect("MicrOS: stage 2 done")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing: what was asked for shows in the guest."""


@pytest.fixture
def web(machine: Machine) -> Iterator[int]:
    """A server of the host's that has the root image; its port."""
    handler = partial(_Quiet, directory=str(machine.guest.root.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.slow
def test_the_image_comes_over_the_network(machine: Machine, web: int) -> None:
    digest = hashlib.sha256(machine.guest.root.read_bytes()).hexdigest()
    url = f"http://10.0.2.2:{web}/root.squashfs"
    with machine.boot(f"netroot={url} netroot_sha256={digest} root=/dev/none") as console:
        console.expect("MicrOS: stage 2 done")
    with machine.boot(f"netroot={url} netroot_sha256={'0' * 64}") as console, pytest.raises(MicrosError):
        console.expect("never said")
    assert f"MicrOS: stage 1: {url} is not what netroot_sha256= says" in console.log


def test_modules_that_do_not_exist_are_named_with_who_asked(micros: Command) -> None:
    micros.write(
        "box.py",
        "from micros import system\nfrom micros.modules import Boot, Initrd\n\nbox = system(\n"
        '    Initrd(available_kernel_modules=["virtio_bkl"]),\n    Boot(kernel_modules=["dumy", "virtio_pci"]),\n)\n',
    )
    done = micros("build", "box.py", "--json")
    assert done.status == 1
    assert [(one["kind"], [place["line"] for place in one["places"]]) for one in done.errors] == [
        ("unknown-module", [6]),
        ("unknown-module", [5]),
    ]
    assert "boot.initrd.available_kernel_modules" in done.errors[1]["message"]
    assert "virtio_blk" in done.errors[1]["hint"]


def test_without_an_initrd_the_kernel_must_have_the_drivers_itself(micros: Command) -> None:
    micros.write("box.toml", "boot.initrd.enable = false\n")
    done = micros("build", "box.toml", "--json")
    assert done.kinds == ["unknown-module"]
    assert "virtio_blk" in done.errors[0]["message"]


def test_a_container_has_neither_kernel_nor_initrd(micros: Command) -> None:
    micros.write("box.toml", 'boot.is_container = true\nboot.kernel_modules = ["dummy"]\nhardware.firmware = ["nothing"]\n')
    assert micros("build", "box.toml", "squashfs").status == 0
    for target in ("kernel", "initrd", "bootStage1"):
        assert micros("build", "box.toml", target, "--json").kinds == ["usage"]
    plan = json.loads(micros("eval", "box.toml", "system.files", "--json").out)
    for name in ("etc/modules", "etc/fstab", "usr/sbin/modprobe"):
        assert name not in plan


def test_parts_of_the_boot_can_be_had_alone(micros: Command) -> None:
    micros.write("box.toml", "")

    def content(done: Outcome, name: str) -> bytes:
        assert done.status == 0, done.err
        return (micros.directory / "result" / name).read_bytes()

    assert b"exec switch_root" in content(micros("build", "box.toml", "bootStage1"), "stage-1")
    assert b"\n/etc/micros/activate\n" in content(micros("build", "box.toml", "bootStage2"), "stage-2")
    assert b"special_mount proc /proc" in content(micros("build", "box.toml", "earlyMountScript"), "early-mounts")
    assert b"/dev/vda / squashfs ro 0 0\n" in content(micros("build", "box.toml", "fileSystems"), "fstab")
    assert content(micros("build", "box.toml", "extraUtils"), "extra-utils.cpio").startswith(b"070701")
    alone = content(micros("build", "box.toml", "kernel"), "kernel")
    assert alone == content(micros("build", "box.toml"), "kernel")
    assert alone.startswith(b"MZ"), "the kernels of both machines that tests run on are EFI programs too"
