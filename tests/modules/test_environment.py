"""Files of /etc and the surroundings of shells, as they are planned; and what cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from micros import micros_system, pkgs, system
from micros.base.digest import digest_of
from micros.base.errors import Kind, MicrosError, Problem
from micros.machine import MACHINES, Machine, host_machine
from micros.modules import Environment, EtcFile
from micros.plan.described import SystemPlan
from micros.system import MicrosSystem


def plan(*modules: Any) -> SystemPlan:
    return micros_system(modules=list(modules)).plan()


def problems(file: Path) -> list[Problem]:
    with pytest.raises(MicrosError) as caught:
        MicrosSystem([file]).plan()
    return list(caught.value.problems)


def test_no_other_machine_is_asked_to_build() -> None:
    here = host_machine()
    other = next(machine.debian for machine in MACHINES if machine != here)
    with pytest.raises(MicrosError) as caught:
        system({"nixpkgs": {"buildPlatform": other}}).evaluation.check()
    assert caught.value.kind is Kind.ASSERTION
    assert Path(__file__) in {Path(where.file) for where in caught.value.places}
    assert f"platform.build is {other!r}" in str(caught.value)
    assert here.system in str(caught.value)
    system({"nixpkgs": {"buildPlatform": {"system": here.debian}}}).evaluation.check()


@pytest.mark.parametrize("machine", MACHINES, ids=str)
def test_nixos_has_two_forms_for_a_machine(machine: Machine) -> None:
    for form in (machine.system, {"system": machine.debian}):
        assert plan({"nixpkgs": {"hostPlatform": form}}).machine == machine.name


def test_a_file_beside_the_description_is_read_and_pinned_by_digest(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"\0\xff")
    file = tmp_path / "box.toml"
    file.write_text('[environment.etc.data]\nsource = "data"\nmode = "0600"\n')
    made = MicrosSystem([file]).plan()
    digest = digest_of(b"\0\xff")
    assert made.files["etc/data"] == {"blob": digest, "mode": "0600", "uid": 0, "gid": 0}
    assert made.sources == {digest: str(tmp_path / "data")}


def test_a_file_that_cannot_be_read_and_one_that_holds_a_secret(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("x\n-----BEGIN OPENSSH PRIVATE KEY-----\n")
    file = tmp_path / "box.toml"
    file.write_text('[environment.etc]\na.source = "nothing"\nb.source = "key"\nc.source = "."\n')
    found = problems(file)
    assert [(problem.kind, problem.places[0].line) for problem in found] == [
        (Kind.BAD_FILE, 2),
        (Kind.ASSERTION, 3),
        (Kind.BAD_FILE, 4),
    ]
    assert all(problem.places[0].file == str(file) for problem in found)


def test_files_of_packages_are_links_or_copies() -> None:
    made = system(
        Environment(
            etc={
                "link": EtcFile(source=f"{pkgs.netbase}/etc/services"),
                "copy": EtcFile(source=f"{pkgs.netbase}/etc/services", mode="0600"),
                "symlink": EtcFile(source="/run/x", mode="symlink"),
            }
        )
    ).plan()
    assert made.files["etc/link"] == {"link": "/etc/services"}
    assert made.files["etc/copy"] == {"copy": "etc/services", "mode": "0600", "uid": 0, "gid": 0}
    assert made.files["etc/symlink"] == {"link": "/run/x"}
    assert "netbase" in made.packages


def test_names_that_are_no_paths_below_etc(tmp_path: Path) -> None:
    file = tmp_path / "box.toml"
    file.write_text(
        '[environment.etc."/motd"]\ntext = "x"\n[environment.etc.a]\ntarget = "b"\n[environment.etc.b]\n'
        '[environment.etc.c]\ntext = "x"\nsource = "box.toml"\n[system.files."/d"]\n'
    )
    found = problems(file)
    assert [[place.line for place in problem.places] for problem in found] == [[1], [3, 5], [8], [9]]
    assert "motd" in found[0].hint


def test_links_of_scripts(tmp_path: Path) -> None:
    made = plan({"environment": {"usrbinenv": None, "binsh": "/usr/bin/dash", "systemPackages": ["dash"]}})
    assert made.files["usr/bin/env"] == {"absent": True}
    assert made.files["usr/bin/sh"] == {"link": "/usr/bin/dash"}
    with pytest.raises(MicrosError) as caught:
        plan({"environment": {"binsh": None}})
    assert caught.value.kind is Kind.ASSERTION


def test_what_slimming_leaves_in() -> None:
    made = plan({"environment": {"pathsToLink": ["/share/zsh", "/opt/x"], "extraOutputsToInstall": ["man"]}})
    assert made.kept == ("opt/x/*", "usr/share/man/*", "usr/share/zsh/*")


def test_values_of_variables_are_quoted() -> None:
    made = plan({"environment": {"variables": {"A": 'x "y" `z`', "B": 3, "C": None, "D": ["/a", "/b"]}}})
    profile = made.files["etc/profile"]["text"]
    assert 'export A="x \\"y\\" \\`z\\`"\n' in profile
    assert 'export B="3"\n' in profile
    assert 'export D="/a:/b"\n' in profile
    assert "export C" not in profile


@pytest.mark.parametrize("option", ["variables", "sessionVariables", "shellAliases"])
def test_names_that_no_shell_takes(tmp_path: Path, option: str) -> None:
    file = tmp_path / "box.toml"
    file.write_text(f'[environment.{option}]\n"a b" = "x"\n')
    (problem,) = problems(file)
    assert [place.line for place in problem.places] == [2]


def test_system_path_lists_packages_and_is_only_read() -> None:
    described = micros_system(modules=[{"environment": {"systemPackages": ["hello"]}}])
    assert pkgs.hello in described.config.system.path
    with pytest.raises(MicrosError) as caught:
        plan({"system": {"path": ["hello"]}})
    assert caught.value.kind is Kind.READ_ONLY


def test_activation_scripts_as_texts() -> None:
    scripts = {"one": "echo ${pkgs.hello}/usr/bin/hello", "two": {"text": "echo two", "deps": ["one"]}}
    made = plan({"system": {"activationScripts": scripts}})
    text = made.files["etc/micros/activate"]["text"]
    assert text.index("\necho /usr/bin/hello\n") < text.index("\necho two\n")
    assert "hello" in made.packages


def test_assertions_and_warnings_as_data(tmp_path: Path) -> None:
    file = tmp_path / "box.toml"
    file.write_text(
        'warnings = ["take care"]\n[[assertions]]\nassertion = true\nmessage = "fine"\n'
        '[[assertions]]\nassertion = false\nmessage = "one"\n[[assertions]]\nassertion = false\nmessage = "two"\n'
    )
    found = problems(file)
    assert [(problem.kind, problem.message, problem.places[0].line) for problem in found] == [
        (Kind.ASSERTION, "one", 5),
        (Kind.ASSERTION, "two", 8),
    ]
    assert micros_system(modules=[{"warnings": ["take care"]}]).evaluation.warnings == ["take care"]
