"""The typed surface: modules, records, wrappers, bodies and their errors."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Annotated, Literal

import pytest

from micros.base.errors import Kind, MicrosError
from micros.lang import (
    REQUIRED,
    Config,
    Lines,
    Module,
    Pattern,
    Port,
    Range,
    Record,
    after,
    as_root,
    before,
    check,
    default,
    defines,
    evaluate,
    force,
    lazy,
    merge,
    option,
    override,
    plain,
    warns,
    when,
)
from micros.lang.docs import documentation
from micros.lang.explain import explain


class Service(Record):
    script: Lines = option(default=REQUIRED, doc="What runs.")
    needs: list[str] = option(default=[])
    title: str = option(default=lazy(lambda entry: entry.name.title()))
    level: Annotated[int, Range(0, 7)] = option(default=3)


class Services(Module, at="micros"):
    services: dict[str, Service] = option(default={}, doc="Services by name.")


class Firewall(Module, at="networking.firewall"):
    allowed_ports: list[Port] = option(default=[])


class Sshd(Module, at="services.sshd"):
    """Remote login."""

    enable: bool = option(default=False, doc="Run the server.")
    port: Port = option(default=22, doc="TCP port.", example=2222, aliases=["services.openssh.port"])
    mode: Literal["key", "password"] = option(default="key")
    banner: str | None = option(default=None)
    name: Annotated[str, Pattern("[a-z]+")] = option(default=REQUIRED)
    log: str = option(default=lazy(lambda config: f"port {config[Sshd].port}"))

    @defines(Services.services["sshd"], when=enable)
    def service(self, config: Config) -> Service:
        return Service(script=f"exec sshd -p {self.port}", needs=["networking"])

    @defines(Firewall.allowed_ports, when=enable)
    def open_port(self, config: Config) -> list[int]:
        return [self.port, config[Sshd].port + 1]

    @check
    def sane(self, config: Config) -> str | None:
        return "port 1 is taken" if self.port == 1 else None

    @check
    def sound(self, config: Config) -> str | None:
        return "port 1 is low" if self.port == 1 else None

    @warns
    def low(self, config: Config) -> str | None:
        return "a low port" if self.port < 10 else None


BASE = [Services, Firewall, Sshd]


def line() -> int:
    frame = inspect.currentframe()
    assert frame is not None
    assert frame.f_back is not None
    return frame.f_back.f_lineno


def test_bodies_define_other_options() -> None:
    config = evaluate([*BASE, Sshd(enable=True, port=force(2222)), Sshd(port=23)]).config
    assert config[Sshd].port == 2222
    assert config[Services].services["sshd"].script == "exec sshd -p 2222"
    assert config[Services].services["sshd"].title == "Sshd"
    assert list(config[Firewall].allowed_ports) == [2222, 2223]
    assert config.services.sshd.log == config.get("services.sshd.log") == "port 2222"
    assert config.services.sshd.banner is None


def test_nothing_happens_without_enable() -> None:
    assert plain(evaluate(BASE).config[Services].services) == {}


def test_values_read_by_either_spelling_and_by_alias() -> None:
    evaluation = evaluate([*BASE, {"networking": {"firewall": {"allowedPorts": [80]}}}, {"services": {"openssh": {"port": 24}}}])
    assert evaluation.config.networking.firewall.allowedPorts == [80]
    assert evaluation.config[Sshd].port == 24
    assert evaluation.config.services.openssh.port == 24


def test_wrappers() -> None:
    evaluation = evaluate(
        [
            *BASE,
            Firewall(allowed_ports=after([3])),
            Firewall(allowed_ports=[2]),
            Firewall(allowed_ports=merge(before([1]), when(Sshd.enable, [9]), when(lazy(lambda config: True), [4]))),
            Sshd(port=default(5), banner=override(10, "a")),
            Sshd(banner=force("b")),
        ]
    )
    assert evaluation.config[Firewall].allowed_ports == [1, 2, 4, 3]
    assert evaluation.config[Sshd].port == 5
    assert evaluation.config[Sshd].banner == "a"


def test_a_conflict_names_both_lines() -> None:
    first = Sshd(port=1); here = line()  # fmt: skip # noqa: E702
    second = Sshd(
        enable=True,
        port=2,
    )
    with pytest.raises(MicrosError) as caught:
        evaluate([*BASE, first, second]).config.get("services.sshd.port")
    assert caught.value.kind is Kind.CONFLICT
    assert [where.line for where in caught.value.places] == [here, here + 3]
    assert {Path(where.file).name for where in caught.value.places} == {"test_surface.py"}


@pytest.mark.parametrize(
    ("definition", "path"),
    [
        (Sshd(port=70000), "services.sshd.port"),
        (Sshd(mode="other"), "services.sshd.mode"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        (Sshd(name="A1"), "services.sshd.name"),
        (Sshd(banner=1), "services.sshd.banner"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        (Services(services={"x": Service(level=8)}), "micros.services.x.level"),
    ],
)
def test_wrong_types(definition: Module, path: str) -> None:
    with pytest.raises(MicrosError) as caught:
        evaluate([*BASE, definition]).config.get(path)
    assert caught.value.kind is Kind.WRONG_TYPE
    assert path in str(caught.value)


def test_all_problems_come_together() -> None:
    evaluation = evaluate([*BASE, Sshd(port=-1, mode="no"), {"services": {"sshd": {"prot": 1}}}])  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    kinds = [problem.kind for problem in evaluation.problems]
    assert kinds.count(Kind.WRONG_TYPE) == 2
    assert kinds.count(Kind.UNKNOWN_OPTION) == 1
    assert kinds.count(Kind.NO_VALUE) == 1
    with pytest.raises(MicrosError) as caught:
        evaluation.check()
    assert len(caught.value.problems) == len(kinds)


def test_assertions_are_reported_together_and_warnings_kept() -> None:
    evaluation = evaluate([*BASE, Sshd(port=1, name="a")])
    assert [problem.kind for problem in evaluation.problems] == [Kind.ASSERTION, Kind.ASSERTION]
    assert evaluation.warnings == ["a low port"]
    evaluate([*BASE, Sshd(name="a")]).check()


def test_unknown_names_in_calls_and_data() -> None:
    with pytest.raises(MicrosError) as caught:
        evaluate([*BASE, Sshd(prot=1)]).check()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    assert caught.value.kind is Kind.UNKNOWN_OPTION
    assert "services.sshd.port" in caught.value.problems[0].hint
    with pytest.raises(MicrosError) as caught:
        evaluate([*BASE, {"services": {"sshdd": {}}}]).config.get("services.sshd.port")
    assert caught.value.kind is Kind.UNKNOWN_OPTION


def test_options_have_no_value_outside_bodies() -> None:
    with pytest.raises(MicrosError) as caught:
        bool(Sshd.enable)
    assert caught.value.kind is Kind.IMPURE
    with pytest.raises(MicrosError) as caught:
        _ = f"{Sshd(port=1).port}"
    assert caught.value.kind is Kind.IMPURE


def test_a_failing_body_names_option_and_line() -> None:
    with pytest.raises(MicrosError) as caught:
        evaluate([*BASE, Sshd(port=lazy(lambda config: 1 // 0))]).config.get("services.sshd.port")
    assert caught.value.kind is Kind.BODY_FAILED
    assert "services.sshd.port" in str(caught.value)
    assert caught.value.places[-1].line == line() - 3


def test_a_failure_inside_a_library_is_shown_where_the_user_called_it() -> None:
    def body(config: Config) -> str:
        return str(json.loads("no JSON"))

    with pytest.raises(MicrosError) as caught:
        evaluate([*BASE, Sshd(log=lazy(body), name=lazy(lambda config: config[Sshd].log))]).config.get("services.sshd.name")
    assert "computing `services.sshd.log` failed: JSONDecodeError" in str(caught.value)
    assert "needed by `services.sshd.name`" in str(caught.value)
    assert {Path(where.file).name for where in caught.value.places} == {"test_surface.py"}
    assert body.__code__.co_firstlineno + 1 in [where.line for where in caught.value.places]


def test_a_cycle_is_named() -> None:
    with pytest.raises(MicrosError) as caught:
        evaluate([*BASE, Sshd(name=lazy(lambda c: c[Sshd].log), log=lazy(lambda c: c[Sshd].name))]).config.get(
            "services.sshd.log"
        )
    assert caught.value.kind is Kind.CYCLE
    assert "services.sshd.log -> services.sshd.name -> services.sshd.log" in str(caught.value)


def test_extending_leaves_the_base_alone() -> None:
    base = evaluate([*BASE, Sshd(port=1)])
    more = base.extend(Sshd(port=force(2)), {"services": {"sshd": {"banner": "x"}}})
    assert (base.config[Sshd].port, more.config[Sshd].port, more.config[Sshd].banner) == (1, 2, "x")


def test_documentation_and_explanation() -> None:
    evaluation = evaluate([*BASE, Sshd(port=default(5)), Sshd(port=6)])
    records = {record["name"]: record for record in documentation(evaluation)}
    assert records["services.sshd.port"]["description"] == "TCP port."
    assert records["services.sshd.port"]["example"] == {"text": "2222"}
    assert records["micros.services.<name>.level"]["type"] == "integer between 0 and 7 (both inclusive)"
    told = explain(evaluation, "services.sshd.port")
    assert told["value"] == "6"
    assert [one["priority"] for one in told["definitions"]] == [100, 1000, 1500]
    assert [one["wins"] for one in told["definitions"]] == [True, False, False]


def test_keys_of_mappings_have_their_own_lines() -> None:
    here = line()
    modules = [as_root({"services": {"sshd": {"port": 1}}}), as_root(
        {"services": {
            "sshd": {
                "port": 2,
            },
        }},
    )]  # fmt: skip
    made_elsewhere = {"services": {"sshd": {"port": 3}}}
    modules.append(as_root(made_elsewhere))
    with pytest.raises(MicrosError) as caught:
        evaluate([*BASE, *modules]).config.get("services.sshd.port")
    assert [where.line - here for where in caught.value.places] == [1, 4, 9]
