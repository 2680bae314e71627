"""Which port belongs to whom, so that two services that want one are an error that names both."""

from __future__ import annotations

from micros.lang import Complaint, Config, Module, check, option


class Sockets(Module, at="networking"):
    """Ports that services of this system listen on."""

    sockets: dict[str, list[str]] = option(
        default={},
        doc="By socket, as `tcp/22`: the option that says so of each service that listens there.",
        internal=True,
    )

    @check
    def one_owner_each(self, config: Config) -> list[Complaint]:
        """Nobody listens where another does."""
        found = []
        for name, owners in self.sockets.items():
            if len(wanted := sorted(set(owners))) > 1:
                found.append(Complaint(f"{' and '.join(wanted)} both want {name}", tuple(wanted), "give one another port"))
        return found
