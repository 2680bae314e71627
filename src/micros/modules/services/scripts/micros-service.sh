#!/bin/sh
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
