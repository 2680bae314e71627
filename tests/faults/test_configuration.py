"""Files and command lines that cannot be used (faults 5, 8 to 10): a short error, soon, in little memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.faults.conftest import Box

HEAD = (
    "from micros import lazy, system\n"
    "from micros.modules import Accounts, Boot, Environment, EtcFile, Forward, Group, Networking, User, Virtualisation\n"
)
GOOD = b'[networking]\nhost_name = "box"\n'
SECONDS = 2
MEMORY_BYTES = 500 << 20
MIB = 1 << 20


@pytest.fixture
def micros(tmp_path: Path) -> Command:
    """The command, with a store that nothing here should need."""
    return Command(tmp_path / "store", tmp_path)


FILES = {
    "deep.json": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "deep-lists.json": b'{"a":' + b"[" * 900 + b"]" * 900 + b"}",
    "not-so-deep.json": b'{"a":' * 70 + b"1" + b"}" * 70,
    "deep-key.toml": b"a" + b".a" * 10_000 + b" = 1\n",
    "deep-inline-key.toml": b"x = {" + b"a" + b".a" * 20_000 + b" = 1}\n",
    "deep-quoted-key.toml": b'x = {"a"' + b'."a"' * 20_000 + b" = 1}\n",
    "deep-table.toml": b"[" + b"a." * 5_000 + b"a]\n",
    "deep-array.toml": b"a = " + b"[" * 10_000 + b"]" * 10_000,
    "deep.py": b"x = " + b"(" * 10_000 + b")" * 10_000,
    "deep-minus.py": b"x = " + b"-" * 100_000 + b"1\n",
    "deep-call.py": b"def f():\n    f()\nf()\n",
    "large.json": b'{"a": "' + b"a" * (50 * MIB) + b'"}',
    "large.toml": b"a = '" + b"a" * (50 * MIB) + b"'\n",
    "large.py": b"x = '" + b"a" * (50 * MIB) + b"'\n",
    "endless-number.json": b'{"a": ' + b"9" * 5_000 + b"}",
    "endless-number.toml": b"a = " + b"9" * 5_000,
    "latin.toml": b"a = 1\nb = '\xe9'\n",
    "latin.json": b'{"a":\n"\xe9"}',
    "utf-16.toml": "a = 1".encode("utf-16"),
    "nul.toml": b"a = \0",
    "nul.json": b'{"a": \0}',
    "nul.py": b"x = 1\0\n",
    "list.json": b"[1]",
    "empty.json": b"",
    "exit.py": b"import sys\nsys.exit(3)\n",
    "full-disk.py": b"raise OSError(28, 'x')\n",
    "odd-raise.py": b"raise GeneratorExit\n",
    "other.txt.yaml": b"a: 1\n",
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_none(micros: Command, name: str) -> None:
    (micros.directory / name).write_bytes(FILES[name])
    done = micros.after("pass", "eval", name, "networking.host_name", "--json")
    assert 0 < done.cpu_seconds < SECONDS
    assert done.peak_bytes < MEMORY_BYTES
    assert (done.status, done.kinds) == (1, ["bad-file"]), done.err
    assert name in done.err
    assert len(done.err) < 2000
    (micros.directory / "good.toml").write_bytes(GOOD)
    assert micros("eval", "good.toml", "networking.host_name").out == "box\n"


def test_a_file_of_ten_thousand_unknown_names(micros: Command) -> None:
    micros.write("box.json", "{" + ",\n".join(f'"name{number}": 1' for number in range(10_000)) + "}")
    done = micros.after("pass", "eval", "box.json", "networking.host_name", "--json")
    assert 0 < done.cpu_seconds < SECONDS
    assert done.peak_bytes < MEMORY_BYTES
    assert set(done.kinds) == {"unknown-option"}
    assert "9950 more" in done.err
    assert done.errors[1]["places"] == [{"file": "box.json", "line": 2}]


def test_a_value_of_ten_thousand_levels(micros: Command) -> None:
    text = HEAD + "value = {}\nfor _ in range(10_000):\n    value = {'a': value}\nbox = system(value)\n"
    micros.write("box.py", text)
    done = micros("eval", "box.py", "networking.host_name", "--json")
    assert (done.status, done.kinds) == (1, ["unknown-option"])
    done = micros("eval", "box.py", "networking.host_name", "--json", "--set", "boot.kernel_params=" + "[" * 200 + "]" * 200)
    assert done.status == 1
    assert done.kinds[0] in ("bad-file", "usage")


@pytest.mark.parametrize("lines", [GOOD, GOOD.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + GOOD], ids=["unix", "crlf", "bom"])
def test_texts_as_other_editors_write_them(micros: Command, lines: bytes) -> None:
    (micros.directory / "box.toml").write_bytes(lines)
    assert micros("eval", "box.toml", "networking.host_name").out == "box\n"
    (micros.directory / "box.toml").write_bytes(lines.replace(b"host_name", b"hots_name"))
    done = micros("eval", "box.toml", "networking.host_name", "--json")
    assert (done.status, done.kinds) == (1, ["unknown-option"])
    assert done.errors[0]["places"] == [{"file": "box.toml", "line": 2}]


def test_paths_that_lead_to_no_file(micros: Command) -> None:
    (micros.directory / "loop.toml").symlink_to("loop.toml")
    (micros.directory / "directory.toml").mkdir()
    os.mkfifo(micros.directory / "pipe.toml")
    for name in ("loop.toml", "directory.toml", "pipe.toml", "nowhere.toml", "/dev/null", "x" * 5000, "a\x01b", "a:b:c", ""):
        for verb in (["eval", name, "networking"], ["build", name], ["lock", name], ["run", name]):
            done = micros(*verb, "--json")
            assert (done.status, done.kinds) == (1, ["bad-file"]), (name, verb, done.err)


def test_a_module_whose_imports_lead_in_circles_or_nowhere(micros: Command) -> None:
    (micros.directory / "part.toml").symlink_to("part.toml")
    micros.write("box.py", "from pathlib import Path\nfrom micros import system\nbox = system(Path('part.toml'))\n")
    done = micros("eval", "box.py", "networking.host_name", "--json")
    assert (done.status, done.kinds) == (1, ["bad-file"])
    assert "symbolic links" in done.err
    (micros.directory / "part.toml").unlink()
    (micros.directory / "part.toml").write_bytes(GOOD)
    assert micros("eval", "box.py", "networking.host_name").out == "box\n"
    (micros.directory / "part.py").symlink_to("part.py")
    micros.write("box.py", "from micros import system\nimport part\nbox = system()\n")
    done = micros("eval", "box.py", "networking.host_name", "--json")
    assert (done.status, done.kinds) == (1, ["bad-file"])
    assert done.errors[0]["places"] == [{"file": "box.py", "line": 2}]


def test_evaluation_leaves_no_trace(micros: Command) -> None:
    """No store, no cache beside the user's files, and nothing asked of a mirror that is not there."""
    micros.write("part.py", "NAME = 'box'\n")
    micros.write("box.py", HEAD + "import part\nbox = system(Networking(host_name=part.NAME))\n")
    before = sorted(micros.directory.rglob("*"))
    home = {"HOME": "/proc/nowhere", "MICROS_MIRROR": "http://127.0.0.1:9/none"}
    assert micros("eval", "box.py", "networking.host_name", **home).out == "box\n"
    assert sorted(micros.directory.rglob("*")) == before


def test_a_computed_value_that_raises_is_named_with_its_line(micros: Command) -> None:
    micros.write("box.py", HEAD + "box = system(\n    Networking(host_name=lazy(lambda config: 1 / 0)),\n)\n")
    done = micros("eval", "box.py", "networking.host_name", "--json")
    assert done.status == 1
    assert ("box.py", 4) in [(Path(place["file"]).name, place["line"]) for place in done.errors[0]["places"]]
    assert "networking.host_name" in done.err


@pytest.mark.parametrize(
    ("modules", "words"),
    [
        ("Accounts(users={'ann': User(uid=7), 'bob': User(uid=7)})", ["ann", "bob", "7"]),
        ("Accounts(groups={'one': Group(gid=7), 'two': Group(gid=7)})", ["one", "two", "7"]),
        ("Virtualisation(forward_ports=[Forward(host_port=80, guest_port=1), Forward(host_port=80, guest_port=2)])", ["80"]),
        ("Accounts(users={'ann': User(uid=7, hashed_password='secret')})", ["ann", "hashed_password"]),
        (
            "Environment(etc={'ssl/key.pem': EtcFile(text='-----BEGIN EC PRIVATE KEY-----\\nMHcC\\n')})",
            ["/etc/ssl/key.pem", "private key"],
        ),
    ],
    ids=["uid", "gid", "port", "password", "private-key"],
)
def test_what_must_not_be_in_a_system(micros: Command, modules: str, words: list[str]) -> None:
    micros.write("box.py", HEAD + f"box = system({modules})\n")
    done = micros("build", "box.py", "--json")
    assert (done.status, done.kinds) == (1, ["assertion"]), done.err
    assert all(word in done.err for word in words)
    assert "secret\n" not in done.err
    micros.write("box.py", HEAD + "box = system()\n")
    assert micros("eval", "box.py", "system.name").status == 0


def test_command_lines_that_mean_nothing(micros: Command) -> None:
    micros.write("box.toml", "")
    mirrors = ["nonsense", "http://", "http://[::1", "ht!tp://x", "http://a b/", "ftp://host/debian", "http://host:port/"]
    lines = [
        *(["lock", "box.toml", "--json", "--mirror", url] for url in mirrors),
        ["build", "box.toml", "nothing", "--json"],
        *(["eval", "box.toml", "networking", "--json", "--set", text] for text in ("", "=x", "x")),
    ]
    for line in lines:
        done = micros(*line)
        assert (done.status, done.kinds) == (2, ["usage"]), (line, done.err)
    for line in (["run", "box.toml", "--timeout"], ["gc", "--keep-days"]):
        for number in ("nan", "inf", "-1", "1e999", "soon", ""):
            done = micros(*line[:-1], f"{line[-1]}={number}")
            assert done.status == 2, (line, number)
            assert line[-1] in done.err
    assert micros("gc").status == 0


def test_a_result_that_nobody_takes(micros: Command) -> None:
    micros.write("box.toml", GOOD.decode())
    argv = [sys.executable, "-m", "micros", "eval", "box.toml", "networking.host_name"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(argv, cwd=micros.directory, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.endswith("No space left on device\n")
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as broken:
        done = subprocess.run(argv, cwd=micros.directory, stdout=broken, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (141, "")
    assert micros("eval", "box.toml", "networking.host_name").out == "box\n"


def test_places_where_nothing_can_be_written(box: Box) -> None:
    (box.root / "file").write_text("precious")
    (box.root / "loop").symlink_to("loop")
    for store in ("file", "loop", "file/below", "/proc/nowhere", "/dev/null", "x" * 300):
        done = box.command("gc", "--json", "--store", store)
        assert (done.status, done.kinds) == (1, ["store"]), (store, done.err)
    assert (box.root / "file").read_text() == "precious"
    for name in ("http_proxy", "HTTP_PROXY"):
        assert box.lock(**{name: "nonsense"}).status == 0, "what is no use for a loopback mirror does no harm"


def test_a_user_who_may_not_read_the_file(micros: Command) -> None:
    path = micros.directory / "box.toml"
    path.write_bytes(GOOD)
    path.chmod(0)
    if os.access(path, os.R_OK):  # root reads everything: ask as nobody
        micros.directory.chmod(0o755)
        # What is imported late is imported before: an interpreter in root's own folders is out of nobody's reach.
        prelude = "import argparse, os, micros.cli.eval, micros.modules; micros.modules.all_modules(); "
        prelude += "argparse.ArgumentParser().format_help(); os.setresuid(*[65534] * 3)"
        done = micros.after(prelude, "eval", "box.toml", "networking.host_name", "--json")
    else:
        done = micros("eval", "box.toml", "networking.host_name", "--json")
    assert (done.status, done.kinds) == (1, ["bad-file"]), done.err
    assert "Permission denied" in done.err
    path.chmod(0o644)
    assert micros("eval", "box.toml", "networking.host_name").out == "box\n"
