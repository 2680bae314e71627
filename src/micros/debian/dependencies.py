"""Walks along the dependencies that packages declare, among offers that were chosen already (Debian policy 7.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.debian.index import parse_relations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from micros.debian.index import Offer


def is_closed(offers: dict[str, Offer], wanted: Sequence[str]) -> bool:
    """Whether a lock has all that the package manager would install: one made for slim images has what files need only."""
    starts = [name for name in wanted if name in offers]
    closure = [offers[name] for name in reachable(offers, starts)]
    return len(starts) == len(wanted) and all(
        any(one.meets(term) for term in terms for one in closure) for offer in closure for terms in offer.needs
    )


def dependencies(offers: dict[str, Offer], offer: Offer) -> list[str]:
    """Names of the packages that meet an offer's dependencies, in order."""
    found: dict[str, None] = {}
    for terms in parse_relations(offer.depends):
        for term in terms:
            match = offers.get(term.name)
            if match is None or not match.meets(term):
                match = next((other for _, other in sorted(offers.items()) if other.provides and other.meets(term)), None)
            if match is not None:
                found[match.name] = None
                break
    return list(found)


def reachable(offers: dict[str, Offer], names: list[str]) -> list[str]:
    """Everything that names depend on, themselves first, breadth-first."""
    found: dict[str, None] = dict.fromkeys(name for name in names if name in offers)
    pending = list(found)
    while pending:
        for other in dependencies(offers, offers[pending.pop(0)]):
            if other not in found:
                found[other] = None
                pending.append(other)
    return list(found)
