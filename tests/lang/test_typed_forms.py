"""Every form of option the typed surface has: records in records, unions, ranges, open records, extension, renames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from micros.base.errors import Kind, MicrosError
from micros.base.where import Where
from micros.lang import (
    REQUIRED,
    Config,
    Evaluation,
    Module,
    Pattern,
    Port,
    Range,
    Record,
    alias,
    changed,
    check,
    default,
    defines,
    evaluate,
    force,
    formats,
    lazy,
    merged,
    option,
    plain,
    removed,
    renamed,
    when,
)
from micros.lang.docs import documentation

Word = Annotated[str, Pattern("[a-z]+", "word")]


class Limit(Record):
    soft: Annotated[int, Range(0, 100)] = option(default=10)
    hard: Annotated[int, Range(0, 100)] = option(default=lazy(lambda entry: entry.soft * 2))


class Disk(Record):
    size: int = option(default=REQUIRED, doc="In MB.")
    label: Annotated[str, Pattern("[A-Z]+")] | None = option(default=None)
    limits: dict[str, Limit] = option(default={})
    limit: Limit = option(default=Limit(soft=1))


class Tree(Record):
    name_of: str = option(default=lazy(lambda entry: entry.name))
    children: dict[str, Tree] = option(default={})


class Machine(Module, at="machine"):
    disks: dict[str, Disk] = option(default={})
    trees: dict[str, Tree] = option(default={})
    disk: Disk | None = option(default=None)
    all_disks: list[Disk] = option(default=[])
    mixed: Disk | str = option(default="none")
    speed: Annotated[float, Range(0, 1)] = option(default=0.5)
    mode: Literal["a", "b"] | int = option(default="a")
    nice: Annotated[int | None, Range(0, 7)] = option(default=None)
    even: Annotated[int, lambda value: value % 2 == 0] = option(default=0)
    paths: list[Path] = option(default=[])


def failing(evaluation: Evaluation, path: str) -> MicrosError:
    with pytest.raises(MicrosError) as caught:
        evaluation.get(path)
    return caught.value


def test_records_in_records() -> None:
    given = Machine(disks={"a": Disk(size=1, limits={"x": Limit(soft=4)})}, disk=Disk(size=2), all_disks=[Disk(size=3)])
    more = Machine(disks={"a": Disk(limits={"x": Limit(hard=9)}, limit=Limit(hard=5))})
    config = evaluate([Machine, given, more]).config
    disk = config[Machine].disks["a"]
    assert plain(disk.limits["x"]) == {"soft": 4, "hard": 9}
    assert plain(disk.limit) == {"soft": 10, "hard": 5}
    one = config[Machine].disk
    assert one is not None
    assert one.limit.hard == 2
    assert config[Machine].all_disks[0].size == 3


def test_a_record_may_hold_itself() -> None:
    config = evaluate([Machine, Machine(trees={"a": Tree(children={"b": Tree(children={"c": Tree()})})})]).config
    assert config[Machine].trees["a"].children["b"].children["c"].name_of == "c"


def test_required_fields() -> None:
    evaluation = evaluate([Machine, Machine(disks={"a": Disk()})])
    assert failing(evaluation, "machine.disks.a.size").kind is Kind.NO_VALUE
    assert "machine.disks.a.size" in str(failing(evaluation, "machine.disks.a.size"))


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (Machine(speed=1.5), "machine.speed"),
        (Machine(nice=9), "machine.nice"),
        (Machine(even=3), "machine.even"),
        (Machine(mode="c"), "machine.mode"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        (Machine(mixed=3), "machine.mixed"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        (Machine(disk=Disk(size=1, label="x")), "machine.disk.label"),
        (Machine(paths=[Path("relative")]), "machine.paths"),
    ],
)
def test_what_annotations_refuse(given: Machine, path: str) -> None:
    problem = failing(evaluate([Machine, given]), path)
    assert problem.kind is Kind.WRONG_TYPE
    assert path in str(problem)


def test_unions() -> None:
    config = evaluate([Machine, Machine(mixed=Disk(size=7), mode=3, nice=7, speed=1, paths=[Path("/a")])]).config
    assert plain(config[Machine].mixed)["size"] == 7
    assert (config[Machine].mode, config[Machine].nice, config[Machine].speed) == (3, 7, 1)
    assert evaluate([Machine]).config[Machine].mixed == "none"


def test_a_range_of_texts_is_refused() -> None:
    class Wrong(Module, at="wrong"):
        text: Annotated[str, Range(0, 1)] = option(default="")

    assert failing(evaluate([Wrong]), "wrong.text").kind is Kind.BAD_DECLARATION


class Settings(Record, freeform=formats.TOML):
    port: Port = option(default=80)


class Web(Module, at="web"):
    settings: Settings = option(default=Settings())
    sites: dict[str, Settings] = option(default={})
    ini: Annotated[dict[str, Any], formats.INI] = option(default={})
    text: str = option(default="")

    @defines(text)
    def written(self, config: Config) -> str:
        return formats.TOML.generate(self.settings)


def test_open_records() -> None:
    first = Web(settings=Settings(port=8080) | {"log-level": "info", "log": {"file": "/dev/null"}})
    second = Web(settings=Settings() | {"log": {"rotate": True}, "debug": when(lazy(lambda config: False), 1)})
    config = evaluate([Web, first, second]).config
    assert config[Web].settings.port == 8080
    assert config[Web].settings["log-level"] == "info"
    assert config[Web].text == 'log-level = "info"\nport = 8080\n\n[log]\nfile = "/dev/null"\nrotate = true\n'


def test_what_open_and_closed_records_refuse() -> None:
    here = Settings() | {"none": None}
    problem = failing(evaluate([Web, Web(settings=here)]), "web.settings.none")
    assert problem.kind is Kind.WRONG_TYPE
    assert Path(problem.places[0].file).name == "test_typed_forms.py"
    problem = failing(evaluate([Machine, Machine(disk=Disk(size=1) | {"sise": 2})]), "machine.disk.size")
    assert problem.kind is Kind.UNKNOWN_OPTION
    assert "size" in problem.problems[0].hint


def test_a_format_as_the_type_of_an_option() -> None:
    config = evaluate([Web, Web(ini={"a": {"x": 1}}), {"web": {"ini": {"a": {"y": True}}}}]).config
    assert formats.INI.generate(config[Web].ini) == "[a]\nx=1\ny=true\n"
    assert failing(evaluate([Web, Web(ini={"a": 1})]), "web.ini.a").kind is Kind.WRONG_TYPE


class Logged(Record):
    log: bool = option(default=False)


class Logging(Module, at="machine"):
    """Adds a field to every disk that another module declares."""

    disks: dict[str, Logged] = option()


class Extra(Module, at="web.settings"):
    """Declares below another module's record."""

    level: int = option(default=1)


def test_options_below_those_of_another_module() -> None:
    modules = [Machine, Logging, Machine(disks={"a": Disk(size=1)}), Logging(disks={"a": Logged(log=True)})]
    evaluation = evaluate(modules)
    assert evaluation.config[Logging].disks["a"].log
    assert evaluation.config[Machine].disks["a"].size == 1
    assert plain(evaluate([Web, Extra, Extra(level=3)]).config[Web].settings) == {"port": 80, "level": 3}
    names = {record["name"] for record in documentation(evaluation)}
    assert {"machine.disks.<name>.log", "machine.disks.<name>.size"} <= names


OLD_NAMES = [
    renamed("old.speed", "machine.speed"),
    alias("old.alias", "machine.even"),
    changed("old.nice", "machine.nice", int),
    merged(["old.low", "old.high"], "machine.mode", lambda values: sum(value or 0 for value in values)),
    removed("old.gone", "There is no such thing any more."),
]


class Names(Module, at="names", imports=OLD_NAMES):
    assertions: list[Any] = option(default=[])


def test_old_names() -> None:
    old = {"speed": force(0.25), "alias": 4, "nice": "3", "low": 1, "high": 2}
    evaluation = evaluate([Machine, Names, {"old": old}, Machine(speed=0.75)])
    machine = evaluation.config[Machine]
    assert (machine.speed, machine.even, machine.nice, machine.mode) == (0.25, 4, 3, 3)
    assert evaluation.config.old.speed == 0.25
    said = " ".join(evaluation.warnings)
    assert all(name in said for name in ("old.speed", "old.nice", "old.low", "old.high"))
    assert "old.alias" not in said


def test_removed_names() -> None:
    problem = failing(evaluate([Machine, Names, {"old": {"gone": 1}}]), "old.gone")
    assert problem.kind is Kind.REMOVED
    assert problem.problems[0].hint == "There is no such thing any more."


def test_conditions_and_releases_of_renames() -> None:
    class Since(Module, at="since", imports=[renamed("a", "since.x", since="26.05", oldest_supported="25.11")]):
        x: int = option(default=0)
        y: int = option(default=0)

    class Now(Module, at="since", imports=[renamed("b", "since.y", since="26.05", oldest_supported="26.05")]):
        pass

    evaluation = evaluate([Since, Now, {"a": 1}, {"b": 2}])
    assert (evaluation.config[Since].x, evaluation.config[Since].y) == (1, 2)
    assert ["`b`" in text for text in evaluation.warnings] == [True]
    assert evaluate([Since, alias("c", "since.x", condition=False), {"c": 5}]).config[Since].x == 0
    assert evaluate([Since, alias("c", "since.x", condition=True), {"c": 5}]).config[Since].x == 5


def test_modules_as_sets_have_the_long_form_too() -> None:
    inner = {"machine": {"even": 2}}
    module = {"_file": "label", "imports": [inner], "config": {"machine": {"speed": default(0.1)}}}
    config = evaluate([Machine, module]).config
    assert (config[Machine].even, config[Machine].speed) == (2, 0.1)
    stray = evaluate([Machine, {"_file": "label", "config": {}, "machine": {}}])
    assert failing(stray, "machine.speed").kind is Kind.BAD_MODULE
    assert failing(stray, "machine.speed").places == (Where("label"),)


def test_data_files_import_others(tmp_path: Path) -> None:
    (tmp_path / "base.json").write_text('{"machine": {"even": 4}, "imports": ["main.toml"]}')
    (tmp_path / "main.toml").write_text('imports = ["base.json"]\n[machine]\nspeed = 0.75\n')
    config = evaluate([Machine, tmp_path / "main.toml"]).config
    assert (config[Machine].even, config[Machine].speed) == (4, 0.75)
    (tmp_path / "main.toml").write_text("\nimports = 3\n")
    with pytest.raises(MicrosError) as caught:
        evaluate([Machine, tmp_path / "main.toml"]).check()
    assert (caught.value.kind, caught.value.places[0].line) == (Kind.BAD_MODULE, 2)


def test_classes_and_sets_import_data_files(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("machine.even = 6\n")
    (tmp_path / "b.toml").write_text("machine.speed = 0.75\n")

    class Brings(Module, imports=[Machine, tmp_path / "a.toml"]):
        pass

    config = evaluate([Brings, {"imports": [tmp_path / "b.toml"]}]).config
    assert (config[Machine].even, config[Machine].speed) == (6, 0.75)


def test_a_record_of_a_data_file(tmp_path: Path) -> None:
    (tmp_path / "disk.toml").write_text("size = 5\n")
    given = {"machine": {"disks": {"a": tmp_path / "disk.toml"}}}
    assert evaluate([Machine, given]).config[Machine].disks["a"].size == 5


def test_checks_of_a_module_see_all_of_it() -> None:
    class Checked(Module, at="checked"):
        a: int = option(default=1)

        @check
        def sound(self, config: Config) -> str | None:
            return f"{self.a} and {config[Machine].even}" if self.a else None

    assert [problem.message for problem in evaluate([Machine, Checked]).problems] == ["1 and 0"]


def test_a_module_may_disable_others(tmp_path: Path) -> None:
    (tmp_path / "fast.toml").write_text("machine.speed = 0.75\n")

    class Needed(Module, at="needed"):
        x: int = option(default=1)

    class Brings(Module, at="brings", imports=[Needed]):
        y: int = option(default=1)

    class Without(Module, at="without", disables=[Brings, tmp_path / "fast.toml"]):
        z: int = option(default=1)

    evaluation = evaluate([Machine, tmp_path / "fast.toml", Brings, Without])
    assert set(evaluation.config) == {"machine", "without"}
    assert evaluation.config[Machine].speed == 0.5
    assert {"needed", "brings"} < set(evaluate([Machine, Brings]).config)


def test_wrappers_in_the_wrong_order_are_explained() -> None:
    problem = failing(evaluate([Machine, Machine(even=force(when(True, 2)))]), "machine.even")
    assert problem.kind is Kind.WRONG_TYPE
    assert "when(condition, force(before(lazy" in problem.problems[0].hint


def test_names_of_a_mapping_have_a_type_too(tmp_path: Path) -> None:
    class Named(Module, at="named"):
        words: dict[Word, Limit] = option(default={})
        numbers: dict[Literal["one", "two"], int] = option(default={})

    (tmp_path / "box.toml").write_text("[named.words.a]\nsoft = 1\n[named.words.B]\nsoft = 2\n[named.words.c]\nhard = 1\n")
    file = evaluate([Named, tmp_path / "box.toml"])
    problem = failing(file, "named.words")
    assert problem.kind is Kind.WRONG_TYPE
    assert [place.line for place in problem.problems[0].places] == [3]
    assert "word" in problem.problems[0].message
    three: Any = "three"
    given = evaluate([Named, Named(words={"A": Limit(), "b": Limit(), "C": Limit()}, numbers={"one": 1, three: 3})])
    assert {problem.message.partition("got ")[2] for problem in given.problems} == {"'A'", "'C'", "'three'"}
    # What does not count is no name.
    absent = evaluate([Named, Named(words={"A": when(False, Limit(soft=3)), "b": Limit(soft=3)})])
    assert plain(absent.config[Named].words) == {"b": {"soft": 3, "hard": 6}}


def test_names_of_two_declarations_are_of_both_types() -> None:
    class First(Module, at="named"):
        numbers: dict[str, int] = option()

    class Second(Module, at="named"):
        numbers: dict[Literal["one", "two"], int] = option()

    class Third(Module, at="named"):
        numbers: dict[Annotated[str, Pattern("[a-z]+")], int] = option()

    both = evaluate([First, Second, {"named": {"numbers": {"three": 3}}}])
    assert failing(both, "named.numbers").kind is Kind.WRONG_TYPE
    (problem,) = evaluate([Second, Third, {"named": {"numbers": {}}}]).problems
    assert problem.kind is Kind.BAD_DECLARATION
