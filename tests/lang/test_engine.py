"""The engine on neutral records: long chains, cycles, laziness, and merging against a plain model."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from micros.base.errors import Kind, MicrosError
from micros.base.where import Where
from micros.lang import types as t
from micros.lang.containers import AttrsOf, ListOf
from micros.lang.evaluation import Evaluation
from micros.lang.modules import Decl, Spec
from micros.lang.reading import plain
from micros.lang.records import Submodule
from micros.lang.suggest import distance, nearest
from micros.lang.values import Deferred, Derived, If, Merge, Order, Override

LONG = 10_000


def chain(last: object) -> Evaluation:
    def following(number: int) -> Deferred:
        return Deferred(lambda ev: ev.config.lookup((f"o{number + 1}",)) + 1)

    options = {f"o{number}": Decl(t.INT) for number in range(LONG)}
    config = {f"o{number}": following(number) for number in range(LONG - 1)} | {f"o{LONG - 1}": last}
    return Evaluation([Spec(file=Where("m"), options=options, config=config)])


def test_a_chain_of_ten_thousand() -> None:
    assert chain(0).get("o0") == LONG - 1


def test_a_failure_at_the_end_of_a_long_chain() -> None:
    with pytest.raises(MicrosError) as caught:
        chain(Deferred(lambda ev: 1 // 0)).get("o0")
    assert caught.value.kind is Kind.BODY_FAILED
    assert f"o{LONG - 1}" in str(caught.value)


def test_a_long_cycle() -> None:
    with pytest.raises(MicrosError) as caught:
        chain(Deferred(lambda ev: ev.config.lookup(("o0",)))).get("o0")
    assert caught.value.kind is Kind.CYCLE


def test_a_chain_of_bodies_that_call_deeply() -> None:
    def deep(ev: Evaluation, number: int, calls: int) -> int:
        return deep(ev, number, calls - 1) if calls else ev.config.lookup((f"o{number + 1}",)) + 1

    def following(number: int) -> Deferred:
        return Deferred(lambda ev: deep(ev, number, 60))

    options = {f"o{number}": Decl(t.INT) for number in range(500)}
    config = {f"o{number}": following(number) for number in range(499)} | {"o499": 0}
    assert Evaluation([Spec(options=options, config=config)]).get("o0") == 499


def test_a_body_without_end_is_an_error_of_its_option() -> None:
    def endless(ev: Evaluation) -> int:
        return endless(ev)

    config = {"x": Deferred(endless), "y": Deferred(lambda ev: ev.config.x)}
    evaluation = Evaluation([Spec(file=Where("m"), options={"x": Decl(t.INT), "y": Decl(t.INT)}, config=config)])
    with pytest.raises(MicrosError) as caught:
        evaluation.get("y")
    assert caught.value.kind is Kind.BODY_FAILED
    assert "`x`" in str(caught.value)


def test_all_bad_entries_of_a_list_are_reported() -> None:
    with pytest.raises(MicrosError) as caught:
        single(ListOf(t.INT), ["a", 1, "b"], [True]).get("x")
    assert [str(problem.places[0]) for problem in caught.value.problems] == ["f0", "f0", "f1"]


def test_reading_one_option_runs_only_what_it_needs() -> None:
    ran: list[str] = []

    def counted(name: str) -> Deferred:
        def run(ev: Evaluation) -> int:
            ran.append(name)
            return 1

        return Deferred(run)

    entry = Submodule([Spec(options={"x": Decl(t.INT, default=counted("default x")), "y": Decl(t.INT, default=counted("y"))})])
    options = {
        "a": Decl(t.INT), "b": Decl(t.INT, default=counted("default b")), "c": Decl(t.INT),
        "entries": Decl(AttrsOf(entry)), "list": Decl(ListOf(t.INT)), "open": Decl(AttrsOf(t.INT)),
    }  # fmt: skip
    config = {
        "a": Merge([counted("a"), Override(1000, counted("losing a")), If(False, counted("absent a"))]),
        "b": counted("b"),
        "c": Deferred(lambda ev: ev.config.a + 1),
        "entries": {"one": {"x": counted("x of one")}, "two": {"x": counted("x of two")}},
        "open": {"k": counted("k"), "l": counted("l")},
    }
    evaluation = Evaluation([Spec(options=options, config=config)])
    assert evaluation.config.c == 2
    assert ran == ["a"]
    assert evaluation.config.c + evaluation.config.a == 3
    assert ran == ["a"]
    assert list(evaluation.config.entries) == ["one", "two"]
    assert evaluation.config.entries["one"].x == 1
    assert ran == ["a", "x of one"]
    assert evaluation.config.open["k"] == 1
    assert evaluation.option_at(("b",)).is_defined
    assert ran == ["a", "x of one", "k"]
    plain(evaluation.config)
    assert sorted(ran) == ["a", "b", "k", "l", "x of one", "x of two", "y", "y"]


def single(kind: t.Type, *values: object) -> Evaluation:
    specs = [Spec(file=Where(f"f{index}"), config={"x": value}) for index, value in enumerate(values)]
    return Evaluation([Spec(file=Where("decl"), options={"x": Decl(kind)}), *specs])


PIECES = st.lists(
    st.tuples(st.integers(-3, 3), st.sampled_from([50, 100, 1000]), st.sampled_from([500, 1000, 1500]), st.booleans())
)


@settings(max_examples=80, deadline=None)
@given(PIECES)
def test_lists_merge_as_the_rules_say(pieces: list[tuple[int, int, int, bool]]) -> None:
    values = [If(on, Override(priority, Order(order, [number]))) for number, priority, order, on in pieces]
    kept = [piece for piece in pieces if piece[3]]
    best = min((piece[1] for piece in kept), default=0)
    expected = [piece[0] for piece in sorted((piece for piece in kept if piece[1] == best), key=lambda piece: piece[2])]
    assert single(ListOf(t.INT), *values).get("x") == expected
    assert single(ListOf(t.INT), Merge(values)).get("x") == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=120, deadline=None)
@given(VALUES, st.sampled_from([t.BOOL, t.INT, t.STR, t.PATH, t.PORT, ListOf(t.STR), AttrsOf(t.INT), t.Enum([1, "a"])]))
def test_any_value_is_taken_or_refused_with_its_place(value: object, kind: t.Type) -> None:
    problems = single(kind, value).problems
    if problems:
        assert {problem.kind for problem in problems} == {Kind.WRONG_TYPE}
        assert {where.file for problem in problems for where in problem.places} == {"f0"}
    else:
        assert plain(single(kind, value).get("x")) == value


def test_a_scalar_where_options_are_is_refused() -> None:
    evaluation = Evaluation([Spec(options={"a": {"b": Decl(t.INT)}}), Spec(file=Where("u"), config={"a": 1})])
    with pytest.raises(MicrosError) as caught:
        evaluation.get("a.b")
    assert caught.value.kind is Kind.WRONG_TYPE
    assert caught.value.places == (Where("u"),)


def test_every_undeclared_definition_is_reported() -> None:
    specs = [Spec(file=Where(f"f{number}"), config={f"x{number}": number}) for number in range(3)]
    with pytest.raises(MicrosError) as caught:
        Evaluation([Spec(options={"a": Decl(t.INT)}), *specs]).get("a")
    assert [problem.kind for problem in caught.value.problems] == [Kind.UNKNOWN_OPTION] * 3


def test_an_error_is_the_same_on_every_read() -> None:
    evaluation = single(t.INT, 1, 2)
    for _ in range(2):
        with pytest.raises(MicrosError) as caught:
            evaluation.get("x")
        assert caught.value.kind is Kind.CONFLICT


def test_derived_definitions_keep_their_priority() -> None:
    options = {"a": Decl(t.INT, default=0), "b": Decl(t.INT, default=0), "c": Decl(t.INT, default=0)}
    config = {"a": Override(50, 3), "b": Derived(("a",)), "c": Derived(("a",), lambda value: value + 1)}
    evaluation = Evaluation([Spec(options=options, config=config), Spec(config={"b": 9, "c": 9})])
    assert plain(evaluation.config) == {"a": 3, "b": 3, "c": 4}


def test_distance() -> None:
    assert distance("kitten", "sitting") == 3
    assert nearest("baf", ["foo", "bar", "baz"]) == ["bar", "baz", "foo"]
