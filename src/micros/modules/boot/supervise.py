"""What init systems share that cannot ask after each end whether a service may start again: a supervisor for each service.

`micros-supervise NAME` starts a service, waits for its end, and starts it again or leaves it down until it is told otherwise.
The init system keeps the supervisor running.
"""

from __future__ import annotations

from micros.modules.system import FileSpec

SUPERVISE = """\
#!/bin/sh
# MicrOS: keep one service running. With `down` it does not start by itself.
. /etc/micros/service.sh
use "$1"
[ -d "$here" ] || mkdir -p "$here"
[ -p "$here/control" ] || mkfifo -m 0600 "$here/control"
# The shell itself says nothing, as it would of each end by a signal.
exec 9<>"$here/control" 8>&2 2>/dev/null
[ "$2" != down ] || [ -e "$here/state" ] || : >"$here/stop"
while :; do
    while [ -e "$here/stop" ] || [ -e "$here/stay" ]; do
        read -r _ <&9
    done
    # In the foreground, since a shell gives what it starts in the background no interrupts.
    (exec "/etc/micros/services/$NAME/run" </dev/null 2>&8 8>&- 9>&-)
    set -- "$?"
    . "/etc/micros/services/$NAME/finish"
    settle || : >"$here/stay"
done
"""

CONTROL = """\
up() { echo >"/run/micros/services/$1/control"; }
down() {
    end_main "$2"
    tries=0
    while load && [ "$state" != down ] && [ $tries -lt $(($2 * 10)) ]; do
        case $state in
        done | ended | failed) return ;;
        esac
        pause 0.1
        tries=$((tries + 1))
    done
}
"""
"""Shell functions for `micros-service`, which has read the unit of the service."""

SHUTDOWN = """\
#!/bin/sh
# MicrOS: stop the services, leave the file systems whole, then {then}. Its argument is poweroff, reboot or halt.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
# It must outlive the service that it was called from.
[ ! -w /sys/fs/cgroup/cgroup.procs ] || echo 0 >/sys/fs/cgroup/cgroup.procs
trap '' HUP INT TERM
{{ echo "MicrOS: stopping" >/dev/console; }} 2>/dev/null
micros-service stop-all
sync
{code}
"""


def supervisor_files() -> dict[str, FileSpec]:
    """The supervisor."""
    return {"usr/sbin/micros-supervise": FileSpec(text=SUPERVISE, mode="0755")}


def shutdown_files(then: str, code: str) -> dict[str, FileSpec]:
    """`poweroff`, `reboot` and `halt`: stop the services in order, then run the shell code `code`, where `$1` is the verb."""
    files = {"etc/micros/shutdown": FileSpec(text=SHUTDOWN.format(then=then, code=code.rstrip("\n")), mode="0755")}
    for verb in ("poweroff", "reboot", "halt"):
        text = f"#!/bin/sh\nsetsid /etc/micros/shutdown {verb} </dev/null >/dev/null 2>&1 &\n"
        files[f"usr/sbin/{verb}"] = FileSpec(text=text, mode="0755")
    return files
