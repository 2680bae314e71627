"""Bad input through the command: exit status, kind and place; then a run that succeeds."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import Command

HEAD = (
    "from micros import lazy, pkgs, system\n"
    "from micros.modules import Accounts, Boot, Environment, Getty, Micros, Networking, Service, User\n"
)
GOOD = HEAD + 'box = system(Networking(host_name="box"), Getty(enable=True))\n'


def _fails(micros: Command, text: str, kind: str, line: int | None = None, name: str = "box.py") -> str:
    """Build a bad file: one error of this kind, at this line; then a good file of the same name builds."""
    micros.write(name, text)
    done = micros("build", name, "--json")
    assert done.status == 1, done.err
    assert kind in done.kinds, done.err
    if line is not None:
        places = [place for record in done.errors for place in record["places"]]
        assert (name, line) in [(Path(place["file"]).name, place["line"]) for place in places], done.err
    micros.write("good.py", GOOD)
    assert micros("eval", "good.py", "networking.host_name").out == "box\n"
    return done.err


def test_unknown_option_is_named_with_place_and_suggestion(micros: Command) -> None:
    text = '[services.getty]\nenabel = true\n[networking]\nhostname = "x"\n'
    err = _fails(micros, text, "unknown-option", 2, "box.toml")
    assert "services.getty.enabel" in err
    assert "enable" in err.replace("enabel", "")


def test_wrong_type(micros: Command) -> None:
    err = _fails(micros, HEAD + 'box = system(\n    Boot(\n        console_log_level="loud",\n    )\n)\n', "wrong-type", 5)
    assert "boot.console_log_level" in err


def test_conflict_names_both_places_and_values(micros: Command) -> None:
    text = HEAD + 'box = system(\n    Networking(host_name="one"),\n    Networking(host_name="two"),\n)\n'
    err = _fails(micros, text, "conflict", 4)
    assert "box.py:5" in err
    assert "one" in err
    assert "two" in err


def test_cycle_is_printed_as_a_chain(micros: Command) -> None:
    text = HEAD + (
        "box = system(\n"
        "    Networking(host_name=lazy(lambda config: config[Boot].run_size)),\n"
        "    Boot(run_size=lazy(lambda config: config[Networking].host_name)),\n"
        ")\n"
    )
    err = _fails(micros, text, "cycle")
    assert "networking.host_name" in err
    assert "boot.run_size" in err


def test_two_users_with_one_id(micros: Command) -> None:
    text = HEAD + 'box = system(Accounts(users={"ann": User(uid=7), "bob": User(uid=7)}))\n'
    err = _fails(micros, text, "assertion")
    assert "ann" in err
    assert "bob" in err


def test_a_plain_text_password_is_refused(micros: Command) -> None:
    text = HEAD + 'box = system(Accounts(users={"ann": User(uid=7, hashed_password="secret")}))\n'
    assert "login_without_password" in _fails(micros, text, "assertion")


@pytest.mark.parametrize("field", ["description", "home", "shell", "hashed_password"])
def test_a_field_that_would_add_a_line_to_an_account_file(micros: Command, field: str) -> None:
    text = HEAD + f'box = system(\n    Accounts(users={{"eve": User(uid=7, {field}="$6$x\\nmallory::0:0::/:/bin/sh")}}),\n)\n'
    assert field in _fails(micros, text, "assertion" if field == "shell" else "wrong-type", 4)


def test_a_name_that_no_program_takes(micros: Command) -> None:
    err = _fails(micros, HEAD + 'box = system(Accounts(users={"a:b": User(uid=7), "Ann": User(uid=8)}))\n', "assertion")
    assert "a:b" in err
    assert "Ann" in err


def test_services_that_need_each_other_or_nobody(micros: Command) -> None:
    text = HEAD + (
        'box = system(Micros(services={"a": Service(dependencies=["b"]), "b": Service(dependencies=["a"]),\n'
        '    "c": Service(dependencies=["nobody"])}))\n'
    )
    err = _fails(micros, text, "assertion")
    assert "a -> b -> a" in err
    assert "nobody" in err


def test_all_independent_problems_are_reported_together(micros: Command) -> None:
    micros.write("box.toml", 'boot.console_log_level = "x"\nnetworking.host_name = "-bad-"\nvirtualisation.memory_size = 1\n')
    done = micros("build", "box.toml", "--json")
    assert len(done.errors) == 3, done.err


def test_unknown_package_for_the_architecture(micros: Command) -> None:
    err = _fails(micros, HEAD + "box = system(Environment(system_packages=[pkgs.curll]))\n", "unknown-package")
    assert "curll" in err
    assert "amd64" in err or "arm64" in err


def test_a_file_that_raises_shows_the_users_line(micros: Command) -> None:
    _fails(micros, HEAD + "box = 1 / 0\n", "bad-file", 3)
    _fails(micros, HEAD + "box = (\n", "bad-file", 3)


def test_no_system_several_systems_no_file(micros: Command) -> None:
    _fails(micros, HEAD, "bad-file")
    _fails(micros, GOOD + "other = system()\n", "bad-file")
    assert micros("eval", "box.py:other", "networking.host_name").out == "micros\n"
    done = micros("build", "nowhere.py", "--json")
    assert (done.status, done.kinds) == (1, ["bad-file"])


def test_a_name_where_there_is_none_and_a_language_we_do_not_read(micros: Command) -> None:
    micros.write("box.toml", "networking.host_name = 'box'\n")
    micros.write("box.yaml", "networking: {host_name: box}\n")
    for target, word in (("box.toml:box", "without a name"), ("box.yaml", "TOML")):
        done = micros("eval", target, "networking.host_name", "--json")
        assert done.kinds == ["bad-file"], done.err
        assert word in done.err


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a = \0", b"[a\r\n", b"\xef\xbb\xbfa = ["], ids=["utf-16", "nul", "crlf", "bom"])
def test_data_that_is_no_toml(micros: Command, data: bytes) -> None:
    (micros.directory / "box.toml").write_bytes(data)
    done = micros("build", "box.toml", "--json")
    assert (done.status, done.kinds) == (1, ["bad-file"])


def test_set_defines_and_is_checked(micros: Command) -> None:
    micros.write("box.toml", "")
    assert micros("eval", "box.toml", "networking.host_name", "--set", "networking.host_name=set").out == "set\n"
    done = micros("eval", "box.toml", "networking.host_name", "--set", "networking.hots_name=set", "--json")
    assert (done.status, done.kinds) == (1, ["unknown-option"])


def test_a_command_line_longer_than_the_kernel_takes(micros: Command) -> None:
    err = _fails(micros, HEAD + 'box = system(Boot(kernel_params=["x" * 2048]))\n', "does-not-fit")
    assert "2047" in err


def test_a_kernel_module_that_is_not_there(micros: Command) -> None:
    err = _fails(micros, HEAD + 'box = system(Boot(kernel_modules=["warp_drive"]))\n', "unknown-module")
    assert "warp_drive" in err


def test_no_mirror_and_offline_without_the_packages(tmp_path: Path) -> None:
    micros = Command(tmp_path / "store", tmp_path)
    micros.write("box.py", GOOD)
    done = micros("build", "box.py", "--json", "--offline")
    assert (done.status, done.kinds) == (1, ["offline"])
    done = micros("build", "box.py", "--json", MICROS_MIRROR="http://127.0.0.1:9/none")
    assert (done.status, done.kinds) == (1, ["download"])
    assert "127.0.0.1:9" in done.err


def test_a_locked_package_that_vanished_is_named(micros: Command, tmp_path: Path) -> None:
    micros.write("box.py", GOOD)
    assert micros("lock", "box.py").status == 0
    lock = tmp_path / "micros.lock"
    document = json.loads(lock.read_text())
    for part in document["architectures"].values():
        for name, record in part["packages"].items():
            if name == "runit":
                record["sha256"], record["filename"] = "0" * 64, record["filename"] + ".gone"
    good = lock.read_text()
    lock.write_text(json.dumps(document))
    done = micros("build", "box.py", "--json")
    assert (done.status, done.kinds) == (1, ["vanished"])
    assert "runit" in done.err
    assert "--update" in done.err
    lock.write_text(good[: len(good) // 2])
    done = micros("build", "box.py", "--json")
    assert (done.status, done.kinds) == (1, ["bad-lock"])
    assert micros("lock", "box.py", "--update").status == 1, "a damaged lock is not silently replaced"
    lock.write_text(good)
    assert micros("build", "box.py").status == 0


def test_a_damaged_blob_is_found_repaired_and_made_again(micros: Command, tmp_path: Path) -> None:
    own = Command(tmp_path / "store", micros.directory)
    own.write("box.py", GOOD)
    assert own("build", "box.py").status == 0
    assert own("store", "verify").status == 0
    first = json.loads(own("build", "box.py", "--json").out)["artefacts"]
    blob = own.store / "blobs" / first["root.squashfs"][:2] / first["root.squashfs"]
    os.chmod(blob, 0o644)
    data = bytearray(blob.read_bytes())
    data[1000] ^= 1
    blob.write_bytes(data)
    done = own("store", "verify", "--json")
    assert done.status == 1
    assert str(blob) in json.loads(done.out)["damaged"]
    assert own("store", "verify", "--repair").status == 0
    assert json.loads(own("build", "box.py", "--json").out)["artefacts"] == first
    assert own("store", "verify").status == 0
    assert own("gc", "--keep-days", "0").status == 0
    assert json.loads(own("build", "box.py", "--json", "--offline").out)["artefacts"] == first


def test_a_killed_build_is_completed_by_the_next(micros: Command, tmp_path: Path) -> None:
    own = Command(tmp_path / "store", micros.directory)
    own.write("box.py", GOOD)
    argv = [sys.executable, "-m", "micros", "build", "box.py", "--store", str(own.store)]
    for seconds in (0.5, 1.5, 3.0):
        process = subprocess.Popen(argv, cwd=own.directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if own.store.exists():
            assert own("store", "verify").status == 0
    done = own("build", "box.py")
    assert done.status == 0, done.err
    shutil.rmtree(own.store)


def test_an_output_that_is_not_ours_is_left_alone(micros: Command) -> None:
    micros.write("box.py", GOOD)
    (micros.directory / "precious").mkdir()
    done = micros("build", "box.py", "-o", "precious", "--json")
    assert (done.status, done.kinds) == (2, ["usage"])
    assert list((micros.directory / "precious").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a small file system")
def test_a_full_disk_is_named_and_room_completes_the_build(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)], check=False)
    if mounted.returncode:
        pytest.skip("this machine forbids mounts")
    try:
        micros = Command(disk / "store", tmp_path)
        micros.write("box.py", GOOD)
        done = micros("build", "box.py", "--json")
        assert (done.status, done.kinds[:1]) == (1, ["no-space"]), done.err
        assert "micros gc" in done.err
        assert micros("store", "verify").status == 0
        subprocess.run(["mount", "-o", "remount,size=1g", str(disk)], check=True)
        done = micros("build", "box.py", "--json")
        assert done.status == 0, done.err
        assert micros("store", "verify").status == 0
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("what", ["a package", "a program of the initrd"])
def test_a_content_that_rots_in_the_store_never_reaches_an_image(micros: Command, tmp_path: Path, what: str) -> None:
    own = Command(tmp_path / "store", micros.directory)
    own.write("box.py", GOOD)
    assert own("build", "box.py").status == 0
    lock = json.loads((micros.directory / "micros.lock").read_text())["architectures"]["amd64:initrd"]
    if what == "a package":
        digest = lock["packages"]["busybox-static"]["sha256"]
        shutil.rmtree(own.store / "results")
        (own.store / "results").mkdir()
        for number in range(256):
            (own.store / f"results/{number:02x}").mkdir()
    else:
        programs = [path for path in (own.store / "blobs").glob("??/*") if path.stat().st_size > 1_000_000]
        digest = next(path.name for path in programs if b"BusyBox v" in (data := path.read_bytes()) and data[:4] == b"\x7fELF"
                      and b"/lib64/ld-linux" not in data)  # fmt: skip
    blob = own.store / "blobs" / digest[:2] / digest
    os.chmod(blob, 0o644)
    flipped = bytearray(blob.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    blob.write_bytes(flipped)
    done = own("build", "box.py", "--json", "--set", "boot.initrd.level=3")
    assert (done.status, done.kinds) == (1, ["damaged"]), done.err
    assert "--repair" in done.err
    assert own("store", "verify", "--repair").status == 0
    done = own("build", "box.py", "--set", "boot.initrd.level=3")
    assert done.status == 0, done.err
