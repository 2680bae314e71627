"""`micros schema`: what it accepts, MicrOS accepts, and what it refuses, MicrOS refuses."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from jsonschema import Draft202012Validator

from micros.base.errors import MicrosError
from micros.lang import Module, NonEmptyStr, Pattern, Range, Record, evaluate, load_file, option
from micros.lang.schema import schema
from micros.modules import all_modules
from tests.conftest import Command

ROOT = Path(__file__).parents[2]


class Leaf(Record):
    size: Annotated[int, Range(0, 9)] = option(default=1, doc="How large.", example=3)
    inner: dict[str, Leaf] = option(default={})


class Tree(Module, at="deep.tree"):
    leaf: Leaf = option(default=Leaf())
    leaves: list[Leaf] = option(default=[])
    named: dict[str, Leaf] = option(default={}, aliases=["oldNames"])
    either: int | list[str] | None = option(default=None)
    label: NonEmptyStr = option(default="x")
    word_or_two: Annotated[str, Pattern("a+|b+")] = option(default="a")
    choice: Literal[1, "one"] = option(default=1)
    ratio: float = option(default=0.5)
    anything: Any = option(default=None)


MODULES = [*all_modules(), Tree]

GOOD = [
    "",
    'boot.kernelParams = ["quiet"]\nboot.console-log-level = 7\n',
    'nixpkgs.hostPlatform.system = "armv7l-linux"\n',
    'nixpkgs.hostPlatform = "armv7l-linux"\n',
    'environment.system_packages = ["curl", "pkgs.vim"]\nboot.kernelPackages = "linux-image-amd64"\n',
    'boot.kernel.sysctl."vm.swappiness" = 10\n',
    '[users.ann]\nuid = 1\nhashedPassword = "!"\nloginWithoutPassword = true\n',
    '[micros.services.hello]\nstart_script = "exec ${pkgs.hello}/usr/bin/hello"\ntype = "oneshot"\n',
    '[[virtualisation.forward_ports]]\nhostPort = 1\nguest_port = 65535\n[environment.etc."a/b"]\ntext = ""\n',
    "[deep.tree]\nleaf.inner.a.inner.b.size = 9\nleaves = [{size = 0}]\neither = 1\nchoice = 1\nratio = 1.5\n",
    '[deep.tree]\neither = ["a"]\nlabel = "x"\nwordOrTwo = "bbb"\nchoice = "one"\nanything = [{a = 1}]\n',
    "oldNames.a.size = 1\n",
]
BAD = [
    'networking.hostname = "x"\n',
    "networking.hostName = 1\n",
    'networking.host_name = "-bad-"\n',
    "boot.console_log_level = 8\n",
    'boot.initrd.compressor = "lz4"\n',
    "services.getty.baud = 1200\n",
    "services.getty.enable = 1\n",
    "services = 1\n",
    "nixpkgs.hostPlatform.system = 1\n",
    "nixpkgs.hostPlatform.systm = 'x'\n",
    "environment.system_packages = [1]\n",
    'environment.system_packages = "curl"\n',
    "users.ann.sehll = 'x'\n",
    "micros.services.a.startOnBoot = 'yes'\n",
    "[[virtualisation.forward_ports]]\nhost_port = 65536\nguest_port = 1\n",
    "deep.tree.leaf.inner.a.inner.b.size = 10\n",
    "deep.tree.leaves = [{size = 10}]\n",
    "deep.tree.either = true\n",
    'deep.tree.label = " "\n',
    'deep.tree.word_or_two = "ab"\n',
    "deep.tree.choice = 2\n",
    "oldNames.a.size = 10\n",
]


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return schema(evaluate(MODULES), "test")


@pytest.fixture(scope="module")
def validator(made: dict[str, Any]) -> Draft202012Validator:
    Draft202012Validator.check_schema(made)
    return Draft202012Validator(made)


def _evaluates(tmp_path: Path, text: str) -> bool:
    path = tmp_path / "box.toml"
    path.write_text(text)
    try:
        evaluate([*MODULES, load_file(path)]).check()
    except MicrosError:
        return False
    return True


@pytest.mark.parametrize("text", GOOD)
def test_good_systems(validator: Draft202012Validator, tmp_path: Path, text: str) -> None:
    assert [problem.message for problem in validator.iter_errors(tomllib.loads(text))] == []
    assert _evaluates(tmp_path, text)


@pytest.mark.parametrize("text", BAD)
def test_bad_systems(validator: Draft202012Validator, tmp_path: Path, text: str) -> None:
    assert not validator.is_valid(tomllib.loads(text))
    assert not _evaluates(tmp_path, text)


def test_what_editors_show(made: dict[str, Any]) -> None:
    size = made["$defs"]["Leaf"]["properties"]["size"]
    assert size["default"] == 1
    assert size["examples"] == [3]
    assert "How large." in size["description"]
    assert "hostName" not in made["properties"]["networking"]["properties"], "one spelling completes"


def test_the_command_prints_it_and_the_readmes_example_is_valid(micros: Command) -> None:
    done = micros("schema")
    assert done.status == 0, done.err
    checker = Draft202012Validator(json.loads(done.out))
    text = (ROOT / "README.md").read_text().split("```toml\n")[1].split("```")[0]
    assert [problem.message for problem in checker.iter_errors(tomllib.loads(text))] == []


def test_modules_of_a_file_are_in_its_schema(micros: Command) -> None:
    micros.write(
        "box.py",
        "from micros import system\nfrom micros.lang import Module, option\n"
        'class Kiosk(Module, at="kiosk"):\n    url: str = option(default="")\n'
        "box = system(Kiosk)\n",
    )
    done = micros("schema", "--file", "box.py")
    assert json.loads(done.out)["properties"]["kiosk"]["properties"]["url"]["type"] == "string"
