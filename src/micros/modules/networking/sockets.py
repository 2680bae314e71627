"""Which port belongs to whom, so that two services that want one are an error that names both."""

from __future__ import annotations

from typing import Annotated

from micros.lang import Module, Pattern, option

Owner = Annotated[str, Pattern(r"[^\n]+", "name of the service that listens")]


class Sockets(Module, at="networking"):
    """Ports that services of this system listen on."""

    sockets: dict[str, Owner] = option(
        default={}, doc="Owner by socket, as `tcp/22`: a service that listens says so here.", internal=True
    )
