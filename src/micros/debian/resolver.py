"""Which packages are installed together: every dependency met, no conflict (policy, chapter 7), alternatives in order.

A depth-first search with backtracking: decisions are taken in the order in which dependencies are met, the first
alternative that fits wins, and what is chosen already is preferred to anything new. Requests that tangle it are solved
again with propagation: the dependency with the fewest alternatives left goes first, so that what is forced is taken and
what cannot be met is found at once. The result depends on the index and the request alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from micros.debian.index import Index, Offer, Term

STEPS_LIMIT = 3_000
"""Decisions of the plain search, which nearly every request needs fewer of; then the propagating one takes over."""
PROPAGATION_LIMIT = 60_000

_Chosen = dict[str, "Offer"]
_Open = tuple[list["Term"], list["Offer"], tuple[str, ...]]
"""A clause not met yet: its terms, the packages that still can meet it, the chain that led to it."""
_Agenda = Any
"""None, or a pair of a clause (terms, chain) and the rest: a list that choice points share."""


def resolve(index: Index, names: Sequence[str], *, suites: Sequence[str], pins: Mapping[str, str]) -> dict[str, Offer]:
    """The closure of some packages, by name. `pins` are versions to prefer where the index has them.

    Raises errors of kind `unknown-package` or `unsatisfiable`; the latter with the chain that led there.
    """
    from micros.debian.index import Term

    for name in names:
        if not index.meeting(Term(name)):
            raise index.unknown(name, suites)
    search = _Search(index, pins)
    return search.run([([Term(name)], ()) for name in names])


class _Search:
    """State: the chosen packages, and clauses still to meet. A choice point keeps both as they were."""

    def __init__(self, index: Index, pins: Mapping[str, str]) -> None:
        self._index = index
        self._pins = pins
        self._deepest: tuple[int, tuple[str, ...], str] = (-1, (), "")

    def run(self, clauses: list[tuple[list[Term], tuple[str, ...]]]) -> dict[str, Offer]:
        # Persistent linked lists: a choice point keeps the rest of the agenda without copying it.
        agenda: _Agenda = None
        for clause in reversed(clauses):
            agenda = (clause, agenda)
        chosen: _Chosen = {}
        points: list[tuple[_Chosen, _Agenda, list[Offer], tuple[str, ...]]] = []
        for _ in range(STEPS_LIMIT):
            if agenda is None:
                return chosen
            (terms, chain), agenda = agenda
            if self._met(terms, chosen):
                continue
            options = self._options(terms)
            points.append((chosen, agenda, options, chain))
            self._note(2 * len(chosen), chain, " | ".join(map(str, terms)))
            state = self._advance(points)
            if state is None:
                raise self._unsatisfiable()
            chosen, agenda = state
        return self._propagate(clauses)

    def _propagate(self, clauses: list[tuple[list[Term], tuple[str, ...]]]) -> dict[str, Offer]:
        """The same search with the most constrained clause first; alternatives are struck out as packages are chosen."""
        chosen: _Chosen = {}
        open_clauses = [(terms, self._options(terms), chain) for terms, chain in clauses]
        points: list[tuple[_Chosen, list[_Open], _Open, int]] = []
        for _ in range(PROPAGATION_LIMIT):
            if not open_clauses:
                return chosen
            clause = min(open_clauses, key=lambda item: len(item[1]))
            if not clause[1]:
                self._note(2 * len(chosen), clause[2], " | ".join(map(str, clause[0])))
            points.append((chosen, open_clauses, clause, 0))
            while points and points[-1][3] >= len(points[-1][2][1]):
                points.pop()
            if not points:
                raise self._unsatisfiable()
            before, waiting, clause, number = points.pop()
            points.append((before, waiting, clause, number + 1))
            offer = clause[1][number]
            chosen = {**before, offer.name: offer}
            open_clauses = [
                (terms, self._compatible(options, offer), chain)
                for terms, options, chain in waiting
                if not any(offer.meets(term) for term in terms)
            ]
            path = (*clause[2], offer.name)
            for terms in offer.needs:
                if self._met(terms, chosen):
                    continue
                options = [option for option in self._options(terms) if not self._conflict(option, chosen)]
                open_clauses.append((terms, [option for option in options if option.name not in chosen], path))
        raise error(Kind.UNSATISFIABLE, "the packages' dependencies are too tangled to solve")

    def _met(self, terms: list[Term], chosen: _Chosen) -> bool:
        return any(self._has(chosen, term) for term in terms)

    def _compatible(self, options: list[Offer], offer: Offer) -> list[Offer]:
        """The options that can be together with a newly chosen package."""
        fresh = {offer.name: offer}
        return [option for option in options if option.name != offer.name and not self._conflict(option, fresh)]

    def _unsatisfiable(self) -> Exception:
        _, path, what = self._deepest
        notes = [" -> ".join((*path, what)) if path else what]
        hint = "leave one of them out, or ask for another version of the archive"
        return error(Kind.UNSATISFIABLE, f"the packages cannot be installed together: {what}", notes=notes, hint=hint)

    def _note(self, depth: int, chain: tuple[str, ...], what: str) -> None:
        if depth > self._deepest[0]:
            self._deepest = (depth, chain, what)

    def _advance(self, points: list[tuple[_Chosen, _Agenda, list[Offer], tuple[str, ...]]]) -> tuple[_Chosen, _Agenda] | None:
        """Take the next option of the newest choice point that has one left."""
        while points:
            chosen, agenda, options, chain = points[-1]
            while options:
                offer = options.pop(0)
                if offer.name in chosen:
                    continue
                if rival := self._conflict(offer, chosen):
                    self._note(2 * len(chosen) + 1, chain, f"{offer.name}, which conflicts with {rival}")
                    continue
                fresh = dict(chosen)
                fresh[offer.name] = offer
                path = (*chain, offer.name)
                for terms in reversed(offer.needs):
                    agenda = ((terms, path), agenda)
                return fresh, agenda
            points.pop()
        return None

    def _options(self, terms: Sequence[Term]) -> list[Offer]:
        found: list[Offer] = []
        for term in terms:
            for offer in self._index.meeting(term):
                # Every version that meets the term, the pinned one first, then newest first: another clause may want less.
                versions = [other for other in self._index.offers(offer.name) if other.meets(term)]
                pinned = self._pins.get(offer.name)
                found += sorted(versions, key=lambda other: other.version != pinned)
        return list({(offer.name, offer.version): offer for offer in found}.values())

    def _has(self, chosen: _Chosen, term: Term) -> bool:
        """Whether a chosen package meets a term."""
        named = chosen.get(term.name)
        if named is not None and named.meets(term):
            return True
        return any(name in chosen and chosen[name].meets(term) for name in self._index.providers(term.name))

    def _conflict(self, offer: Offer, chosen: _Chosen) -> str:
        """A chosen package that cannot be together with this one; empty if there is none."""
        for other in chosen.values():
            # Names first: nearly always they settle it, and the same pairs are asked about thousands of times.
            if not offer.refused_names.isdisjoint(other.names) and any(other.meets(term) for term in offer.refuses):
                return other.name
            if not other.refused_names.isdisjoint(offer.names) and any(offer.meets(term) for term in other.refuses):
                return other.name
        return ""
