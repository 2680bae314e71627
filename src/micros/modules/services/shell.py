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

LIBRARY = r"""# MicrOS: what the scripts of services share.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

use() { # NAME
    . "/etc/micros/services/$1/unit"
    here=/run/micros/services/$1 group=/sys/fs/cgroup/micros/$1
}

load() {
    state=down starts=0 row=0 code=- since=0
    [ ! -r "$here/state" ] || read -r state starts row code since <"$here/state"
}

save() { # STATE
    state=$1
    echo "$state $starts $row $code $since" >"$here/state"
}

# Wait without a program: each costs more than a whole script does. Nobody ever writes to this FIFO.
pause() { # SECONDS
    read -r -t "$1" _ <>/run/micros/never
}

# Whether something listens on a TCP port (proc_net(5): state 0A).
listens() { # PORT, four hexadecimal digits
    for table in /proc/net/tcp /proc/net/tcp6; do
        [ -r $table ] || continue
        while read -r _ local _ socket _; do
            case $local/$socket in *":$1/0A") return 0 ;; esac
        done <$table
    done
    return 1
}

now() {
    read -r now _ </proc/uptime
    now=${now%.*}
}

# Whether the recorded main process is there: the same one, not a later one with its number.
alive() {
    [ -r "$here/main" ] && read -r pid born <"$here/main" && { read -r stat <"/proc/$pid/stat"; } 2>/dev/null || return 1
    set -- ${stat##*) }
    [ "$1" != Z ] && [ "${20}" = "$born" ]
}

# End all that is left of the service.
kill_rest() {
    [ -w "$group/cgroup.kill" ] || return 0
    echo 1 >"$group/cgroup.kill"
    tries=0
    while { read -r _ <"$group/cgroup.procs"; } 2>/dev/null && [ $tries -lt 50 ]; do
        pause 0.1
        tries=$((tries + 1))
    done
}

# End the main process.
end_main() { # SECONDS
    tries=0
    while alive && [ $tries -lt $(($1 * 10)) ]; do
        [ $tries != 0 ] || kill "$pid"
        pause 0.1
        tries=$((tries + 1))
    done
    ! alive || kill -9 "$pid"
}

back_off() {
    wait=$DELAY n=1
    while [ "$n" -lt "$row" ] && [ "$wait" -lt "$DELAY_MAX" ]; do
        wait=$((wait * 2)) n=$((n + 1))
    done
    [ "$wait" -le "$DELAY_MAX" ] || wait=$DELAY_MAX
    pause "$wait"
}

wait_for() { # NAME
    theirs=
    until [ "$theirs" = ready ] || [ "$theirs" = done ]; do
        [ -z "$theirs" ] || pause 0.1
        { read -r theirs _ <"/run/micros/services/$1/state"; } 2>/dev/null || theirs=none
    done
}

# Before each start, in the process that becomes the service.
begin() {
    [ -d "$here" ] || mkdir -p "$here"
    [ -d "$group" ] || mkdir "$group" 2>/dev/null
    load
    # A copy whose supervisor was killed still runs: there must not be two.
    end_main "$STOP_SECONDS"
    [ -n "$LEAVE_CHILDREN" ] || kill_rest
    [ ! -w "$group/cgroup.procs" ] || echo 0 >"$group/cgroup.procs"
    read -r stat </proc/$$/stat
    set -- ${stat##*) }
    echo "$$ ${20}" >"$here/main"
    [ ! -e "$here/stop" ] || exit 0
    if [ "$row" -gt 0 ]; then
        save delayed
        back_off
    fi
    save waiting
    for other in $NEEDS; do
        wait_for "$other"
    done
    now
    starts=$((starts + 1)) since=$now
    save starting
}

degraded() { # WHY
    [ ! -e "$here/degraded" ] || return 0
    echo "$1" >"$here/degraded"
    { echo "MicrOS: degraded: $NAME $1" >/dev/console; } 2>/dev/null
}

# Beside a service that is starting: find out when it is ready, and say once that it is late.
watch() {
    mine=$starts
    case $TYPE in
    longrun) (watching </dev/null >/dev/null 2>&1 &) ;;
    oneshot) (late </dev/null >/dev/null 2>&1 &) ;;
    esac
}

watching() {
    late &
    late=$!
    while load && [ "$state $starts" = "starting $mine" ]; do
        # A part of this shell: another program each time would hold up those that are starting.
        if (. "/etc/micros/services/$NAME/ready"); then
            load
            [ "$state $starts" != "starting $mine" ] || save ready
            kill $late
            return
        fi
        pause 0.1
    done
    kill $late
}

late() {
    pause "$READY_SECONDS"
    load
    [ "$state $starts" != "starting $mine" ] || degraded "is not ready after $READY_SECONDS s"
}

# After each end; the status is that of runsv(8), s6-supervise(8) or a shell.
ended() { # STATUS [SIGNAL]
    load
    case $1 in
    -1 | 256) code=$((128 + $2)) ;;
    *) code=$1 ;;
    esac
    save ending
    [ -n "$LEAVE_CHILDREN" ] || kill_rest
}

# What becomes of it: fails where it stays down.
settle() {
    now
    [ $((now - since)) -lt "$STEADY" ] || row=0
    row=$((row + 1))
    if [ -e "$here/stop" ]; then
        row=0
        save down
    elif [ "$TYPE $code" = "oneshot 0" ]; then
        row=0
        save done
    elif [ "$code" = 0 ] && [ "$RESTART" != always ]; then
        save ended
    elif [ "$RESTART" = never ]; then
        save failed
        degraded "failed with status $code"
    elif [ -n "$LIMIT" ] && [ "$row" -ge "$LIMIT" ]; then
        save failed
        degraded "is given up after $row starts in a row, the last with status $code"
    else
        save delayed
        return 0
    fi
    return 1
}
"""

COMMAND = r"""#!/bin/sh
# MicrOS: look at services and tell them what to do.
. /etc/micros/service.sh
. /etc/micros/backend.sh

usage() {
    echo "usage: micros-service status|start|stop|restart NAME | list | stop-all" >&2
    exit 2
}

open() { # NAME
    if [ ! -r "/etc/micros/services/$1/unit" ]; then
        echo "micros-service: there is no service $1" >&2
        exit 2
    fi
    use "$1"
    [ -d "$here" ] || mkdir -p "$here"
}

# What was last looked at.
show() {
    [ "$state" != ready ] || alive || state=dead
    echo "$NAME: $state, starts $starts, last exit $code"
    case $state in
    ready | done) ;;
    *) return 1 ;;
    esac
}

start() { # NAME
    open "$1"
    for other in $NEEDS; do
        (start "$other") || :
    done
    # What becomes of an end is being decided: a word now would be overwritten.
    tries=0
    while load && [ "$state" = ending ] && [ $tries -lt $((STOP_SECONDS * 10)) ]; do
        pause 0.1
        tries=$((tries + 1))
    done
    case $state in
    ready | starting | waiting) ! alive || return 0 ;;
    esac
    rm -f "$here/stop" "$here/stay"
    row=0
    save waiting
    up "$NAME"
}

# Until it is ready, or has come to an end.
settled() {
    tries=0
    while load && [ $tries -lt $((READY_SECONDS * 10)) ]; do
        case $state in
        ready | done | ended | failed | delayed) return ;;
        esac
        pause 0.1
        tries=$((tries + 1))
    done
}

stop() { # SECONDS
    : >"$here/stop"
    down "$NAME" "$1"
    load
    case $state in
    done | ended | failed) save down ;;
    esac
}

# Those that need others first; all within half a minute, whatever hangs.
stop_all() {
    now
    until=$((now + 20))
    sed '1!G;h;$!d' /etc/micros/services.order | while read -r name; do
        open "$name"
        now
        seconds=$((until - now))
        [ "$seconds" -le "$STOP_SECONDS" ] || seconds=$STOP_SECONDS
        [ "$seconds" -gt 0 ] || seconds=1
        stop "$seconds"
    done
}

case $1 in
list | stop-all) [ $# = 1 ] || usage ;;
*) [ $# = 2 ] || usage ;;
esac
case $1 in
status) open "$2"; load; show ;;
start) start "$2"; settled; show ;;
stop) open "$2"; stop "$STOP_SECONDS"; load; echo "$NAME: $state" ;;
restart) open "$2"; stop "$STOP_SECONDS"; start "$2"; settled; show ;;
list) while read -r name; do open "$name"; load; show; done </etc/micros/services.order; : ;;
stop-all) stop_all ;;
*) usage ;;
esac
"""

LOGGER = r"""#!/bin/sh
# MicrOS: keep what comes in, in files of bounded size. What a full or lost disk does not take is dropped and counted, so
# that the service never waits. Arguments: directory, bytes of a file, number of files.
umask 027
files=$3 size=0 lost=0
at=$1
mkdir -p "$at" 2>/dev/null
[ ! -e "$at/current" ] || size=$(wc -c <"$at/current")

rotate() {
    n=$((files - 1))
    while [ $n -gt 1 ]; do
        [ ! -e "$at/old.$((n - 1))" ] || mv -f "$at/old.$((n - 1))" "$at/old.$n"
        n=$((n - 1))
    done
    if [ "$files" -gt 1 ]; then mv -f "$at/current" "$at/old.1"; else : >"$at/current"; fi 2>/dev/null
    size=0
}

# Old files give way to new lines.
make_room() {
    n=$((files - 1))
    while [ $n -gt 0 ] && [ ! -e "$at/old.$n" ]; do n=$((n - 1)); done
    [ $n -gt 0 ] && rm -f "$at/old.$n" 2>/dev/null
}

put() { # LINE
    { printf '%s\n' "$1" >>"$at/current"; } 2>/dev/null && size=$((size + ${#1} + 1))
}

while IFS= read -r -n 4096 line || [ -n "$line" ]; do
    [ "$size" -lt "$2" ] || rotate
    [ $lost = 0 ] || ! put "MicrOS: $lost lines were lost here" || lost=0
    put "$line" || { make_room && put "$line"; } || lost=$((lost + 1))
done
"""
