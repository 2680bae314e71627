# Without a program: each costs more than all of this.
mounted() {
    while read -r _ at _; do
        [ "$at" != "$1" ] || return 0
    done </proc/mounts
    return 1
}
say() { echo "MicrOS: $*"; }
while_waiting() { :; }

# special_mount DEVICE DIRECTORY OPTIONS TYPE: unless something is mounted there.
special_mount() {
    mounted "$2" && return 0
    [ -d "$2" ] || mkdir -p "$2"
    mount -t "$4" -o "$3" "$1" "$2"
}

# The same, with what the image has in the directory.
populated_mount() {
    mounted "$2" && return 0
    [ -d /run/micros/new ] || mkdir -p /run/micros/new
    mount -t "$4" -o "$3" "$1" /run/micros/new
    cp -a "$2/." /run/micros/new/
    mount -o move /run/micros/new "$2"
}

# blank DEVICE: its first MiB, where every file system writes, is zeros.
blank() { [ -z "$(head -c 1048576 "$1" | tr -d '\0' | head -c 1)" ]; }

# check_fs TYPE DEVICE: mend what can be mended safely; fails where more is wrong (fsck(8): 4 and above).
check_fs() {
    case $1 in
    ext2 | ext3 | ext4) e2fsck -p "$2" ;;
    vfat) fsck.fat -a "$2" ;;
    f2fs) fsck.f2fs -a "$2" ;;
    esac >/run/micros/fsck 2>&1
    [ $? -lt 4 ]
}

# The last words of the last check.
fsck_said() { grep . /run/micros/fsck | tail -n 1; }

# format_fs TYPE DEVICE OPTIONS
format_fs() {
    say "formatting $2 as $1"
    # shellcheck disable=SC2086 # the options are words
    case $1 in
    ext2 | ext3 | ext4) mke2fs -q -F -t "$1" $3 "$2" ;;
    vfat) mkfs.fat $3 "$2" ;;
    xfs) mkfs.xfs -q -f $3 "$2" ;;
    btrfs) mkfs.btrfs -q -f $3 "$2" ;;
    f2fs) mkfs.f2fs -q -f $3 "$2" ;;
    esac >/run/micros/mkfs 2>&1
}

# resize_fs TYPE DEVICE DIRECTORY: let a mounted file system fill its device.
resize_fs() {
    case $1 in
    ext2 | ext3 | ext4) resize2fs "$2" ;;
    xfs) xfs_growfs "$3" ;;
    btrfs) btrfs filesystem resize max "$3" ;;
    esac >/run/micros/resize 2>&1
}

# mount_one DIRECTORY DEVICE TYPE OPTIONS FLAGS FORMAT_OPTIONS; flags are words: needed, wait, format, check, resize.
mount_one() {
    mounted "$1" && return 0
    device=$2
    case $2 in
    LABEL=* | UUID=* | PARTUUID=* | PARTLABEL=* | /dev/*)
        seconds=0
        case $5 in *wait*) seconds=$wait_seconds ;; esac
        if ! wait_for "$2" "$seconds"; then
            say "$1: no $2 within $seconds s; there are: $(block_devices)"
            return 1
        fi
        case $5 in *format*) ! blank "$device" || format_fs "$3" "$device" "$6" || return 1 ;; esac
        case $5 in
        *check*)
            if ! check_fs "$3" "$device"; then
                say "$1: $device is damaged: $(fsck_said)"
                return 1
            fi
            ;;
        esac
        ;;
    esac
    modprobe -q "fs-$3" 2>/dev/null
    mkdir -p "$1" 2>/dev/null
    if ! mount -t "$3" -o "$4" "$device" "$1"; then
        say "$1: cannot mount $device as $3"
        return 1
    fi
    case $5 in *resize*) resize_fs "$3" "$device" "$1" || say "$1: cannot resize $device" ;; esac
}

# one: mount_one, where it is its turn. Its failure does not stop the others.
one() {
    case "$phase $5" in "needed "*needed* | "all "*) ;; *) return 0 ;; esac
    mount_one "$@" || case $5 in *wait*) failed=1 ;; esac
}

# shown DIRECTORY SOURCE: what stage 1 has mounted to reach the root, unless that went into memory.
shown() {
    if ! mounted "$1" && mounted "$2"; then
        mount -o bind "$2" "$1"
    fi
}

# swap_on DEVICE MEBIBYTES: MEBIBYTES is for a file, which is made if it is not there. The first is used first.
swap_on() {
    [ "$phase" = all ] || return 0
    device=$1
    if [ -n "$2" ]; then
        if [ ! -e "$1" ]; then
            (umask 077 && dd if=/dev/zero of="$1" bs=1M count="$2" 2>/dev/null && mkswap "$1" >/dev/null) || rm -f "$1"
        fi
    else
        wait_for "$1" "$wait_seconds"
    fi
    device=${device:-$1}
    ! grep -q "^$device " /proc/swaps || return 0
    swapon "$device" || { say "no swap on $1"; failed=1; }
}
