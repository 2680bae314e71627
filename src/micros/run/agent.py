"""What a guest's agent is asked, and what it answers (the agent itself: modules/virtualisation/virtualisation.py).

The channel is a virtio-serial port: bytes pass as they are, on every board that has virtio.

    host  -> RUN <number> <bytes of the command> <bytes of its input>, a line, then these bytes
          -> KILL <number>: end that command with all it started in its session
    guest -> READY, when it begins
          -> BEGIN <number>, the command's output in base64 lines, END <number> <exit status>

Numbers tell an answer that comes late from the one that is waited for. The output is collected in a file before it is
sent: what a command leaves running in the background keeps no answer back.
"""

from __future__ import annotations

import base64

PORT = "micros.agent"
"""Name of the virtio-serial port, by which the guest finds it."""
READY = b"READY\n"
_LONGEST_END = 64
"""Bytes in which the last line of an answer is found, so that a long one is not searched over and over."""


def request(number: int, command: str, stdin: bytes = b"") -> bytes:
    """Ask for a shell command to be run. Without input it reads from /dev/null."""
    script = command.encode()
    return b"RUN %d %d %d\n" % (number, len(script), len(stdin)) + script + stdin


def kill(number: int) -> bytes:
    """Ask for the end of a command. It may come too early to be heard: repeat it until there is an answer."""
    return b"KILL %d\n" % number


def answer(received: bytes | bytearray, number: int) -> tuple[int, bytes] | None:
    """Exit status and output of a command, once all of its answer is there."""
    end = b"\nEND %d " % number
    at = received.rfind(end, max(0, len(received) - _LONGEST_END))
    status, newline, _ = received[at + len(end) :].partition(b"\n")
    if at < 0 or not newline:
        return None
    begin = b"BEGIN %d\n" % number
    start = received.find(begin)
    return int(status), base64.b64decode(received[start + len(begin) : at])


def has_restarted(received: bytes | bytearray) -> bool:
    """Whether the agent began anew, and knows no more of what it was asked."""
    return received.endswith(READY)
