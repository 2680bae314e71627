"""Names in an order that starts each after what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


def in_order(needs: Mapping[str, Collection[str]]) -> list[str]:
    """The names, each after those it needs, otherwise as given; needs that are no names do not count.

    Names on a cycle, and those that need one, are left out.
    """
    left = {name: {other for other in others if other in needs} for name, others in needs.items()}
    order: list[str] = []
    while ready := [name for name, others in left.items() if not others & left.keys()]:
        for name in ready:
            del left[name]
        order += ready
    return order


def cycle_in(needs: Mapping[str, Collection[str]]) -> list[str]:
    """One cycle, as a chain that begins and ends with the same name; empty where there is none."""
    left = needs.keys() - set(in_order(needs))
    if not left:
        return []
    chain = [min(left)]
    while chain[-1] not in chain[:-1]:
        chain.append(min(set(needs[chain[-1]]) & left))
    return chain[chain.index(chain[-1]) :]
