# MicrOS: what the scripts of services share.
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
