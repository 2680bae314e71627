#!/bin/sh
# MicrOS: @NAME@, in QEMU. The files beside this script are all it needs besides a QEMU; they can be copied elsewhere together.
set -u

usage() {
    cat <<'END'
usage: ./@SCRIPT@ [ARGUMENT of QEMU]...

@WHAT@
Memory: @MEMORY@ MiB. Processors: @CORES@. The terminal is the console: `poweroff` in the guest ends it, Ctrl-A X leaves QEMU
at once, Ctrl-A C is its monitor.

KVM is used where a kernel runs under it, else the machine is emulated; `-accel tcg` among the arguments decides that.
END
}

say() { echo "@SCRIPT@: $*" >&2; }

# boot ARGUMENT...: run beside the shell, which is then QEMU's own and can be ended by its number.
boot() {
    exec @QEMU@ @BOOT@ "$@"
}

# probe ARGUMENT...: a kernel that says everything, for choosing an accelerator.
probe() {
    exec @QEMU@ @PROBE@ "$@"
}

# make_disk FILE MEBIBYTES: an empty disk, where there is none yet.
make_disk() {
    [ -e "$1" ] || dd if=/dev/zero of="$1" bs=1048576 count=0 seek="$2" 2>/dev/null || { say "cannot make the disk $1"; exit 1; }
}

# Set $accelerator. A /dev/kvm that hangs every kernel exists: it is believed once this kernel said its first word under it.
choose_accelerator() {
    accelerator=tcg
    [ "$(uname -m)" = @MACHINE@ ] && [ -r /dev/kvm ] && [ -w /dev/kvm ] || return 0
    probe -accel kvm </dev/null >"$made/said" 2>&1 &
    qemu=$!
    tries=0
    while [ $tries -lt @TRIES@ ] && kill -0 "$qemu" 2>/dev/null && ! grep -q '@WORD@' "$made/said"; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -9 "$qemu" 2>/dev/null
    wait "$qemu" 2>/dev/null
    qemu=
    if grep -q '@WORD@' "$made/said"; then accelerator=kvm; fi
}

ended() {
    [ -z "$qemu" ] || { kill "$qemu" 2>/dev/null; wait "$qemu"; }
    rm -rf "$made"
}

for word in "$@"; do
    case $word in
    -h | --help)
        usage
        exit 0
        ;;
    esac
done
if ! command -v @QEMU@ >/dev/null; then
    say "there is no @QEMU@ here: install QEMU (Debian and Ubuntu: apt install @PACKAGE@)"
    exit 127
fi

qemu=
here=$(readlink -f "$0" 2>/dev/null || echo "$0")
here=$(cd -P "$(dirname "$here")" && pwd)
# In lists of QEMU's a comma is doubled.
listed=$(printf %s "$here" | sed 's/,/,,/g')
now=$(pwd | sed 's/,/,,/g')
made=$(mktemp -d) || exit 1
temporary=$(printf %s "$made" | sed 's/,/,,/g')
trap ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
@DISKS@

chosen=
for word in "$@"; do
    case $word in -accel | --accel | -enable-kvm | --enable-kvm) chosen=1 ;; esac
done
if [ -z "$chosen" ]; then
    choose_accelerator
    say "booting with $accelerator"
    set -- -accel "$accelerator" "$@"
fi
# What runs beside the shell would read nothing (POSIX, asynchronous lists); it runs so for the traps.
exec 3<&0
boot "$@" <&3 3<&- &
qemu=$!
wait "$qemu"
status=$?
qemu=
exit $status
