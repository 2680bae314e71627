"""The boards that a card is for, and whether they fit the system and each other."""

from __future__ import annotations

from micros.lang import Complaint, Config, Module, check, option, warns
from micros.machine import machine_named
from micros.modules.boards.facts import Board
from micros.modules.system import Platform


class Boards(Module, at="boards"):
    """Boards of one card."""

    chosen: list[Board] = option(default=[], doc="Boards that the system's card is for.", internal=True)

    @check
    def fit_the_platform(self, config: Config) -> list[Complaint]:
        """The board's processor runs the system's programs."""
        machine = machine_named(config[Platform].host)
        return [
            Complaint(
                f"{board.option}: a {board.name} does not run {machine.system}",
                (board.option, "platform.host", "nixpkgs.host_platform"),
                f"platform.host can be {' or '.join(machine_named(name).system for name in board.machines)}",
            )
            for board in self.chosen
            if machine.name not in board.machines
        ]

    @check
    def fit_each_other(self, config: Config) -> list[Complaint]:
        """Two boards do not want one place of the card for different things."""
        taken: dict[str, tuple[Board, object]] = {}
        found = []
        for board in self.chosen:
            for place, content in _places(board).items():
                other, theirs = taken.setdefault(place, (board, content))
                if theirs != content:
                    text = f"{other.name} and {board.name} cannot share a card: both have their own {place}"
                    found.append(Complaint(text, (other.option, board.option), "build a card for each"))
                    break
        return found

    @warns
    def limits(self, config: Config) -> list[str]:
        """What does not work on a board."""
        return [f"{board.name}: {board.limits}" for board in self.chosen if board.limits]

    def kernel(self) -> str:
        """The package of the kernel, which all boards of a card share; empty without a board."""
        return next((board.kernel.package for board in self.chosen), "")

    def modules(self) -> list[str]:
        """Modules in the root that are loaded when the hardware asks for them."""
        return sorted({name for board in self.chosen for name in board.kernel.modules})

    def initrd_modules(self) -> list[str]:
        """Modules that reach the card, loaded when the hardware asks for them."""
        return sorted({name for board in self.chosen for name in board.kernel.initrd_modules})

    def console(self) -> str:
        """Kernel name of the serial port; empty without a board."""
        return next((board.console.partition(",")[0] for board in self.chosen), "")

    def speed(self, console: str) -> str:
        """What the kernel is told after the name of a serial port: a board's speed behind a comma, if it is the board's."""
        return next((comma + speed for board in self.chosen for name, comma, speed in [board.console.partition(",")]
                     if name == console), "")  # fmt: skip


def _places(board: Board) -> dict[str, object]:
    """What a board puts where on a card."""
    places: dict[str, object] = {"partition table": board.table}
    places["kernel"] = board.kernel.package
    places |= {f"file /{path}": file for path, file in board.files.items()}
    places |= {f"file /{path}": text for path, text in board.texts.items()}
    return places | {f"loader at byte {blob.at_bytes}": blob.file for blob in board.blobs}
