"""What a check has to say where words alone do not tell whose lines are meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from micros.base.errors import Kind, Note, Problem
from micros.lang.places import place
from micros.lang.values import Loc, parse_path, show_path

if TYPE_CHECKING:
    from micros.base.where import Where
    from micros.lang.evaluation import Config


@dataclass(frozen=True, slots=True)
class Complaint:
    """A failed check: its headline, the options (dotted paths, or tuples of names) whose definitions it is about, a hint."""

    text: str
    options: tuple[str | Loc, ...] = ()
    hint: str = ""
    places: tuple[Where, ...] = ()
    """Places beside those of the options."""

    def problem(self, config: Config) -> Problem:
        """With the places of its options."""
        from micros.lang.finding import places_of

        notes = [Note(where) for where in self.places]
        for option in self.options:
            path = parse_path(option) if isinstance(option, str) else option
            notes += [Note(where, show_path(path)) for where in places_of(config, path)]
        return Problem(Kind.ASSERTION, self.text, tuple(notes), self.hint)


def places_of_record(record: Any) -> tuple[Where, ...]:
    """Where the value of a record was written."""
    return tuple(place(one.where) for one in record._ev.values or ())
