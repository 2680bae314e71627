"""Users and groups: everything that is wrong is said at once, with the lines that say it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from micros import micros_system
from micros.base.errors import Kind
from micros.modules.users.accounts import assigned_id
from tests.modules.problems import problems

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43 + " ann@example"


def files(*modules: Any) -> dict[str, Any]:
    """The declared files of a system."""
    return micros_system(modules=list(modules)).plan().files


def lines(tmp_path: Path, text: str) -> dict[str, list[int]]:
    """The lines of each problem, by the first words of its headline."""
    found = problems(tmp_path, text)
    assert {problem.kind for problem in found} == {Kind.ASSERTION}
    return {problem.message.split(" ")[0]: [place.line for place in problem.places] for problem in found}


def test_all_clashes_are_said_at_once_with_both_places(tmp_path: Path) -> None:
    text = (
        "[users.ann]\nuid = 1000\n[users.bob]\nuid = 1000\n[users.cat]\nuid = 0\n[groups.one]\ngid = 5\n"
        '[users.dan]\nuid = 1001\ngroup = "none"\nextra_groups = ["nil"]\n[groups.two]\ngid = 77\nmembers = ["eve"]\n'
    )
    found = problems(tmp_path, text)
    places = [[place.line for place in problem.places if place.file.endswith("box.toml")] for problem in found]
    assert places == [[2, 4], [6], [8], [11], [12], [15]]
    assert all(problem.hint for problem in found[:3])


def test_secrets_that_are_none(tmp_path: Path) -> None:
    text = (
        '[users.a]\nhashed_password = "secret"\n[users.b]\nhashed_password = ""\n[users.c]\npassword = "secret"\n'
        '[users.d]\npassword = ""\nallow_plain_text_password = true\n'
        '[users.e]\npassword = "x"\nallow_plain_text_password = true\nhashed_password = "$6$x"\n'
    )
    found = lines(tmp_path, text)
    assert found == {
        "users.a.hashed_password": [2],
        "users.b.hashed_password": [4],
        "users.c.password": [6],
        "users.d.password": [8],
        "users.e": [11, 13],
    }


def test_names_and_shells_that_are_none(tmp_path: Path) -> None:
    found = lines(tmp_path, '[users.Ann]\n[users.bob]\nname = "b b"\n[users.cat]\nshell = "zsh"\n[groups."x:y"]\n')
    assert sorted(found.values()) == [[1], [2], [5], [6]]


def test_root_is_locked_and_nobody_has_a_password() -> None:
    shadow = files()["etc/shadow"]
    assert shadow["text"] == "root:!:::::::\nnobody:!:::::::\n"
    assert (shadow["mode"], shadow["uid"], shadow["gid"]) == ("0600", 0, 0)


def test_ids_depend_on_the_name_alone() -> None:
    alone = files({"users": {"ann": {"isNormalUser": True}}})["etc/passwd"]["text"]
    among = files({"users": {"ann": {"isNormalUser": True}, "aaa": {"isNormalUser": True}}})["etc/passwd"]["text"]
    (line,) = (line for line in alone.splitlines() if line.startswith("ann:"))
    assert line in among.splitlines()
    assert line.endswith(":100::/home/ann:/bin/sh")
    assert 1000 <= assigned_id("ann", is_system=False) < 29000
    assert 400 <= assigned_id("ann", is_system=True) < 900
    assert assigned_id("sshd", is_system=True) == 101


def test_nixos_spelling() -> None:
    found = files(
        {
            "users": {
                "users": {
                    "ann": {
                        "uid": 1000,
                        "group": "crew",
                        "extraGroups": ["dialout"],
                        "openssh": {"authorizedKeys": {"keys": [KEY]}},
                    }
                },
                "groups": {"crew": {"gid": 1300}},
            }
        }
    )
    assert "ann:x:1000:1300::/:/bin/sh\n" in found["etc/passwd"]["text"]
    assert "crew:x:1300:\n" in found["etc/group"]["text"]
    assert "dialout:x:20:ann\n" in found["etc/group"]["text"]
    assert "ann:*:" in found["etc/shadow"]["text"], "to a locked account OpenSSH lets no key in"


def test_homes_are_made_by_activation_with_their_owner() -> None:
    found = files(
        {
            "users": {
                "ann": {"uid": 1000, "home": "/data/ann", "homeMode": "0750"},
                "bob": {"uid": 1001, "home": "/b", "createHome": False},
            }
        }
    )
    assert found["data/ann"] == {"directory": True, "mode": "0750", "uid": 1000, "gid": 100}
    assert "home /data/ann 1000:100 0750\n" in found["etc/micros/activate"]["text"]
    assert "b" not in found


def test_a_shell_brings_its_package_and_is_looked_for() -> None:
    plan = micros_system(modules=[{"users": {"ann": {"shell": "${pkgs.dash}/bin/dash"}, "bob": {"shell": "/bin/fish"}}}]).plan()
    assert "dash" in plan.packages
    assert plan.required["/bin/fish"] == "users.bob.shell"
    assert plan.files["etc/shells"]["text"] == "/bin/dash\n/bin/fish\n/bin/sh\n"


def test_owners_by_name(tmp_path: Path) -> None:
    found = files({"environment": {"etc": {"a": {"text": "x", "user": "ann", "group": "tty"}}}, "users": {"ann": {"uid": 1000}}})
    assert (found["etc/a"]["uid"], found["etc/a"]["gid"]) == (1000, 5)
    text = '[environment.etc.a]\ntext = "x"\nuser = "nil"\n[environment.etc.b]\ngroup = "none"\n[system.files.c]\nuser = "nul"\n'
    assert lines(tmp_path, text) == {"/etc/a": [3], "/etc/b": [5], "/c": [7]}
