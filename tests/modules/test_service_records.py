"""Services at evaluation: what is refused, with its place, and what becomes of the rest."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from micros import pkgs, system
from micros.base.errors import Kind, MicrosError
from micros.modules import Accounts, Activation, Cron, Getty, Group, Init, Initrd, Micros, Service, User
from micros.modules.boot.init import FEATURES, Backend
from micros.modules.services import shell
from micros.modules.services.services import Log
from micros.modules.system import FileSpec, System

Run = "exec sleep 1"


def complaints(*modules: object) -> MicrosError:
    with pytest.raises(MicrosError) as caught:
        system(*modules).evaluation.check()
    assert {problem.kind for problem in caught.value.problems} <= {Kind.ASSERTION, Kind.WRONG_TYPE}
    assert all(Path(where.file) == Path(__file__) for where in caught.value.places)
    return caught.value


@pytest.mark.parametrize(
    ("service", "words"),
    [
        (lambda: Service(), "start_script"),
        (lambda: Service(start_script=Run, user="nobody-here"), "nobody-here"),
        (lambda: Service(start_script=Run, group="no-group"), "no-group"),
        (lambda: Service(start_script=Run, supplementary_groups=["no-group"]), "no-group"),
        (lambda: Service(start_script=Run, dependencies=["no-service"]), "no-service"),
        (lambda: Service(start_script=Run, limits={"files": 1}), "nofile"),
        (lambda: Service(start_script=Run, environment={"A B": "x"}), "A B"),
        (lambda: Service(start_script=Run, restart_delay=9, restart_delay_max=8), "8 s"),
        (lambda: Service(start_script=Run, log=Log(to="directory")), "log.directory"),
        (lambda: Service(start_script=Run, capabilities=["CAP_FLY"]), "CAP_FLY"),
        (lambda: Service(start_script=Run, restart_limit=0), "restart_limit"),
        (lambda: Service(start_script=Run, ready_seconds=0), "ready_seconds"),
        (lambda: Service(start_script=Run, state_directories=["../etc"]), "../etc"),
        (lambda: Service(start_script=Run, name="a b"), "a b"),
    ],
)
def test_a_service_that_cannot_be(service: Callable[[], Service], words: str) -> None:
    error = complaints(Micros(services={"it": service()}))
    assert words in str(error)
    assert "micros.services.it" in str(error)
    assert error.places


def test_a_cycle_names_the_lines_of_the_services_on_it() -> None:
    error = complaints(
        Micros(
            services={
                "a": Service(start_script=Run, dependencies=["b"]),
                "b": Service(start_script=Run, dependencies=["a"]),
            }
        )
    )
    assert "a -> b -> a" in str(error)
    assert len({where.line for where in error.places}) == 2


def test_two_services_of_one_name() -> None:
    services = {"a": Service(start_script=Run, name="same"), "b": Service(start_script=Run, name="same")}
    error = complaints(Micros(services=services))
    assert "'same'" in str(error)
    assert error.places
    services = {"a.log": Service(start_script=Run), "a": Service(start_script=Run)}
    assert "'a.log'" in str(complaints(Micros(services=services)))


def test_a_feature_that_the_init_system_lacks_is_named_with_those_that_have_it() -> None:
    poor = Backend(executable="/bin/poor", supported_features=["longrun"], service_builder=lambda units: {}, control="")
    error = complaints(
        Init(backend="poor", available_backends={"poor": poor}),
        Micros(services={"networking": Service(enable=False), "web": Service(start_script=Run, restart_limit=3)}),
    )
    assert "'poor'" in str(error)
    assert "micros.services.web asks for restart-limit" in str(error)
    assert "runit" in str(error)
    assert "asks for longrun" not in str(error)
    assert any("web" in note.text for problem in error.problems for note in problem.notes)


def test_an_init_system_of_ones_own() -> None:
    own = Backend(
        executable="/usr/sbin/own",
        supported_features=["longrun", "oneshot", "dependencies", "back-off"],
        extra_files={"etc/own.conf": FileSpec(text="own\n")},
        service_builder=lambda units: {f"etc/own/{name}": FileSpec(text=unit.run) for name, unit in units.items()},
        control="up() { :; }\n",
    )
    box = system(Init(backend="own", available_backends={"own": own}), Micros(services={"web": Service(start_script=Run)}))
    box.evaluation.check()
    files = box.config[System].files
    assert files["etc/own/web"].text == "/etc/micros/services/web/run"
    assert files["etc/own.conf"].text == "own\n"
    assert "exec /usr/sbin/own\n" in files["usr/sbin/init"].text
    assert box.config[Init].available_backends["own"].name == "own"
    assert box.config[Init].executable == "/usr/sbin/own"


def test_what_a_service_asks_for_is_all_it_pays_for() -> None:
    plain = system(Micros(services={"web": Service(start_script=Run, name="www")}))
    assert "util-linux" not in plain.plan().packages
    assert "etc/micros/log.sh" not in plain.config[System].files
    assert "etc/micros/services/www/run" in plain.config[System].files
    nnp = system(Micros(services={"web": Service(start_script=Run, no_new_privileges=True)})).plan()
    assert "util-linux" not in nnp.packages, "busybox' own setpriv does that"
    user = system(Micros(services={"web": Service(start_script=Run, user="nobody")})).plan()
    assert user.parts == {"util-linux": ("/usr/bin/setpriv",)}


def test_what_a_started_service_needs_is_started_too() -> None:
    services = {
        "web": Service(start_script=Run, dependencies=["database"]),
        "database": Service(start_script=Run, start_on_boot=False, log=Log(directory="/var/log/database")),
        "manual": Service(start_script=Run, start_on_boot=False),
    }
    files = system(Micros(services=services)).config[System].files
    assert [path for path in files if path.endswith("/down")] == ["etc/sv/manual/down"]
    order = files["etc/micros/services.order"].text.split()
    assert order.index("database.log") < order.index("database") < order.index("web")


def test_a_group_and_its_members() -> None:
    box = system(
        Accounts(
            users={"web": User(uid=500, gid=500, extra_groups=["video"])},
            groups={"web": Group(gid=500), "certs": Group(gid=501, members=["web"])},
        ),
        Micros(services={"web": Service(start_script=Run, user="web", group="video", supplementary_groups=["dialout"])}),
    )
    run = box.config[System].files["etc/micros/services/web/run"].text
    assert "--reuid=500 --regid=44 --groups=20,44,501 " in run


def test_where_stage_2_is_and_what_it_becomes() -> None:
    box = system(
        Init(
            stage2_path="/usr/lib/start",
            executable="/usr/sbin/traced",
            available_backends={"runit": Backend(name="traced runit", required_packages=[pkgs.strace])},
        )
    )
    stage_2 = box.config[System].files["usr/lib/start"].text
    assert stage_2.endswith(" s; next:\" 'traced runit'\nexec /usr/sbin/traced\n")
    assert "init=/usr/lib/start\n" in box.config[Initrd].files["etc/micros/stage-1"].text
    assert {"runit", "strace"} <= set(box.plan().packages)
    other = system({"runit": {"package": "busybox-static"}}).plan()
    assert "busybox-static" in other.packages
    assert "runit" not in other.packages


@pytest.mark.parametrize("text", [shell.LIBRARY, shell.COMMAND, shell.LOGGER])
def test_the_shared_scripts_are_shell(text: str) -> None:
    assert subprocess.run(["sh", "-n"], input=text.encode(), check=False).returncode == 0


def test_stages_of_runit_take_more_code() -> None:
    box = system(
        {"runit": {"stage-1": {"script": "echo one"}, "stage-2": {"script": "echo two"}, "stage-3": {"script": "echo 3"}}}
    )
    files = box.config[System].files
    assert files["etc/runit/1"].text.endswith("echo one\n")
    assert "echo two\nexec runsvdir" in files["etc/runit/2"].text
    assert files["etc/runit/3"].text.index("stop-all") < files["etc/runit/3"].text.index("echo 3\nsync")


def test_terminals_and_who_can_log_in() -> None:
    box = system(Getty(enable=True, terminals=["tty1", "tty2"]))
    assert {"getty", "getty-tty1", "getty-tty2"} <= set(box.config[Micros].services)
    assert "tty2" in box.config[Micros].services["getty-tty2"].start_script
    (warning,) = box.evaluation.warnings
    assert "nobody can log in" in warning
    assert not system(Getty(enable=True), Accounts(users={"root": User(login_without_password=True)})).evaluation.warnings


def test_cron_tables_are_the_users_own() -> None:
    box = system(
        {"services": {"cron": {"enable": True, "systemCronJobs": ["*/5 * * * * root  sync twice"]}}},
        {"services": {"cron": {"jobs": {"night": {"schedule": "@daily", "user": "nobody", "command": "true"}}}}},
    )
    box.evaluation.check()
    files = box.config[System].files
    assert files["etc/crontabs/root"].text == "*/5 * * * * sync twice\n"
    assert files["etc/crontabs/nobody"].text == "0 0 * * * true\n"
    assert "ghost" in str(complaints(Cron(enable=True, system_cron_jobs=["* * * * * ghost true"])))
    assert "schedule" in str(complaints({"services": {"cron": {"jobs": {"a": {"schedule": "daily", "command": "x"}}}}}))


def test_the_page_lists_the_init_systems_and_all_have_all_features() -> None:
    page = (Path(__file__).parents[2] / "docs/services.md").read_text()
    backends = system().config[Init].available_backends
    assert re.findall(r"^\| `(\w+)`(?: \(default\))? \| .* MB \|", page, re.MULTILINE) == sorted(
        backends, key=lambda name: page.index(f"| `{name}`")
    )
    assert {name: set(backend.supported_features) for name, backend in backends.items()} == {
        name: set(FEATURES) for name in backends
    }


def test_the_directories_of_a_service_are_made_by_its_name() -> None:
    box = system(Micros(services={"key; reboot": Service(start_script=Run, name="web")}))
    text = box.config[Activation].activation_scripts["services"].text
    assert "/run/micros/services/web" in text
    assert "reboot" not in text


@pytest.mark.parametrize("name", ["x$(reboot)", "a\nreboot", 'a"', ""])
def test_a_snippet_has_a_name_that_a_script_can_say(name: str) -> None:
    error = complaints({"system": {"activation_scripts": {name: "true"}}})
    assert error.kind is Kind.WRONG_TYPE
