"""The shell code that every service's scripts share, whatever init system runs them, and the command `micros-service`.

What is known of a service while the system runs lies in /run/micros/services/NAME:

    state     one line: state, starts, failed starts in a row, last exit status, second (of the uptime) of the last start
    main      process id and start time (proc(5), stat, field 22) of its main process
    stop      there while it is told to be down
    stay      there while `micros-supervise` leaves it down
    control   the FIFO that wakes `micros-supervise`
    degraded  why it is called degraded
    log       the FIFO to its logger, where it has one

States: down, waiting (for what it needs), delayed (before another start), starting, ready, done (a oneshot), ended, failed.
Its processes are in the control group /micros/NAME, where the kernel has control groups (cgroups(7)).
"""

from __future__ import annotations

from pathlib import Path

_SCRIPTS = Path(__file__).with_name("scripts")

LIBRARY = (_SCRIPTS / "service.sh").read_text()
"""/etc/micros/service.sh."""
COMMAND = (_SCRIPTS / "micros-service.sh").read_text()
"""/usr/sbin/micros-service."""
LOGGER = (_SCRIPTS / "log.sh").read_text()
"""/etc/micros/log.sh."""
