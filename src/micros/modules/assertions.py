"""Conditions that a configuration has to meet, and warnings about it, as plain options: for modules written as data."""

from __future__ import annotations

from micros.lang import REQUIRED, Complaint, Config, Module, Record, check, option, places_of_record, warns


class Assertion(Record):
    """A condition, and what is wrong where it does not hold."""

    assertion: bool = option(default=REQUIRED, doc="What must be true.")
    message: str = option(default=REQUIRED, doc="What is said where it is not.")


class Assertions(Module):
    """Conditions and warnings."""

    assertions: list[Assertion] = option(
        default=[],
        doc="Conditions that must hold before anything is built; all that do not are reported at once. Modules written in Python "
        "have `@check` methods instead.",
    )
    warnings: list[str] = option(default=[], doc="What is said at every build.")

    @check
    def hold(self, config: Config) -> list[Complaint]:
        """Every condition holds."""
        return [Complaint(one.message, places=places_of_record(one)) for one in self.assertions if not one.assertion]

    @warns
    def said(self, config: Config) -> list[str]:
        """What modules warn about."""
        return list(self.warnings)
