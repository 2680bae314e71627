"""Names in an order that starts each after what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from micros.lang import Complaint
from micros.lang.suggest import is_close, nearest

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


def disorder(
    option: str,
    field: str,
    said: Mapping[str, Collection[str]],
    needs: Mapping[str, Collection[str]] | None = None,
    keys: Mapping[str, str] | None = None,
) -> list[Complaint]:
    """What is wrong with the needs of an option's entries, for a `@check`: names that are none, and a cycle.

    `said` is what the `field` of each entry names; `needs` is all that each needs, where that is more; `keys` are the keys of
    entries that are called otherwise.
    """

    def place(name: str) -> tuple[str, ...]:
        return (*option.split("."), name if keys is None else keys[name], field)

    found = []
    for name, other in ((name, other) for name, others in said.items() for other in others if other not in said):
        text = f"{option}.{name} needs {other}, which there is not; there are {', '.join(sorted(said))}"
        close = [known for known in nearest(other, said) if is_close(other, known)]
        found.append(Complaint(text, (place(name),), f"did you mean {' or '.join(close)}?" if close else ""))
    chain = cycle_in(said if needs is None else needs)
    if chain:
        found.append(Complaint(f"{option} need each other: {' -> '.join(chain)}", tuple(map(place, chain[1:]))))
    return found
