"""Checks that name lines, mappings whose entries lead elsewhere, sources, converted values, names that mean nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest

from micros.base.errors import Kind, MicrosError
from micros.lang import (
    Complaint,
    Config,
    Converted,
    Lines,
    Module,
    Record,
    Source,
    after,
    check,
    evaluate,
    force,
    located,
    option,
    places_of,
    places_of_record,
    plain,
    setting,
    unavailable,
    when,
)


class Person(Record):
    age: int = option(default=1)


class Script(Record):
    text: Lines = option(default="")
    deps: list[str] = option(default=[])


class People(Module, imports=[unavailable("gone.deep", "use people")]):
    people: dict[str, Person] = option(default={}, entries={"people": "people", "pets": "pets"})
    pets: dict[str, Person] = option(default={})
    listed: list[Person] = option(default=[])
    scripts: dict[str, Annotated[Script, Converted(str, lambda text: {"text": text})]] = option(default={})
    source: Source | None = option(default=None)

    @check
    def all_are_young(self, config: Config) -> list[Complaint | str]:
        complaints: list[Complaint | str] = [
            Complaint(f"{name} is old", (("people", name, "age"),), "be young")
            for name, person in self.people.items()
            if person.age > 9
        ]
        complaints += [Complaint("old", places=places_of_record(person)) for person in self.listed if person.age > 9]
        return complaints + (["too many"] if len(self.people) > 3 else [])


def values(*modules: Any) -> Any:
    return plain(evaluate([People, *modules]).config)


def test_complaints_name_the_lines_of_their_options(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("[people.ann]\nage = 10\n[people.bob]\n[people.people.cat]\nage = 11\n[[listed]]\nage = 12\n")
    with pytest.raises(MicrosError) as caught:
        evaluate([People, file]).check()
    places = {problem.message: [place.line for place in problem.places] for problem in caught.value.problems}
    assert places == {"ann is old": [2], "cat is old": [5], "old": [6]}
    assert {problem.kind for problem in caught.value.problems} == {Kind.ASSERTION}
    assert caught.value.problems[0].hint == "be young"


def test_where_a_default_is_the_place_is_that_of_what_holds_it() -> None:
    result = evaluate([People, setting("people.ann.age=3"), {"people": {"bob": {}}}])
    assert [place.file for place in places_of(result.config, "people.ann.age")] == ["<command line>"]
    assert [place.file for place in places_of(result.config, "people.bob.age")] == [__file__]
    assert places_of(result.config, "pets") == []


def test_entries_that_lead_elsewhere_keep_their_wrappers() -> None:
    found = values(
        {"people": {"people": {"ann": {"age": force(2)}}, "pets": {"rex": {"age": 3}}, "bob": {}}},
        {"people": when(False, {"pets": {"tom": {}}})},
        {"people": force({"people": {"cat": {}}, "pets": {"tim": {"age": 4}}})},
    )
    assert found["people"] == {"cat": {"age": 1}}
    assert found["pets"] == {"tim": {"age": 4}}
    found = values({"people": {"people": {"ann": {"age": 2}}, "pets": {"rex": {"age": 3}}, "bob": {}}})
    assert found["people"] == {"ann": {"age": 2}, "bob": {"age": 1}}
    assert found["pets"] == {"rex": {"age": 3}}


def test_a_text_stands_for_a_record() -> None:
    found = values(
        {"scripts": {"a": "one", "b": {"text": "two", "deps": ["a"]}}}, {"scripts": {"a": after("last")}},
        People(scripts={"c": Script(text="three")}),
    )  # fmt: skip
    assert found["scripts"]["a"] == {"text": "one\nlast", "deps": []}
    assert found["scripts"]["b"] == {"text": "two", "deps": ["a"]}
    assert found["scripts"]["c"]["text"] == "three"
    with pytest.raises(MicrosError) as caught:
        values({"scripts": {"a": 3}})
    assert caught.value.kind is Kind.WRONG_TYPE


def test_a_source_knows_its_place(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('source = "b/c"\n')
    found = located(evaluate([People, file]).config[People].source or "")
    assert (found.file, found.is_path, found.where.line) == (tmp_path / "b/c", False, 1)
    found = located(evaluate([People, People(source=Path("x"))]).config[People].source or "")
    assert (found.file, found.is_path) == (Path(__file__).with_name("x"), True)
    found = located(evaluate([People, setting("source=/etc/x")]).config[People].source or "")
    assert found.file == Path("/etc/x")
    with pytest.raises(MicrosError) as caught:
        evaluate([People, {"source": 3}]).check()
    assert caught.value.kind is Kind.WRONG_TYPE


def test_names_that_mean_nothing_can_be_set_and_asked_for() -> None:
    result = evaluate([People, {"gone": {"deep": {"deeper": 1}}}])
    result.check()
    assert [place.file for place in places_of(result.config, "gone.deep")] == [__file__]
    assert places_of(evaluate([People]).config, "gone.deep") == []
    with pytest.raises(MicrosError) as caught:
        result.config.get("gone.deep")
    assert caught.value.kind is Kind.REMOVED
