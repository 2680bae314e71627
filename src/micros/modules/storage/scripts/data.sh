# Mount the data partition. Where it is of no use, say why, and let fresh memory take its place for this boot.
# AT and RESET in the environment are for micros-factory-reset.
at=${AT:-/run/micros/data}
what=${1:-$what}
asked=
case " $(cat /proc/cmdline) " in *" micros.factory_reset "*) asked=1 RESET=1 ;; esac
! mounted "$at" || exit 0
mkdir -p "$at"

# Every directory that persists, as the image has it; later what a newer image has besides.
make_directories() {
    for directory in $directories; do
        if [ ! -d "$at$directory" ]; then
            mkdir -p "$at$directory"
            cp -a "$directory/." "$at$directory/"
        fi
        for entry in "$directory"/* "$directory"/.[!.]*; do
            [ -e "$at$entry" ] || [ -L "$at$entry" ] || [ ! -e "$entry" ] || cp -a "$entry" "$at$entry"
        done
    done
}

fresh() {
    say "data partition: $1"
    [ -z "$AT" ] || exit 1
    say "data partition: this boot starts with none and keeps nothing; \`micros-factory-reset\` makes a new one"
    echo "$1" >/run/micros/data-problem
    mount -t tmpfs -o mode=0755 data "$at"
    make_directories
    exit 0
}

# What blkid calls it, ext2 to ext4 under one name; empty for nothing it knows.
kind_of() { blkid "$1" | sed -n 's/.* TYPE="\([^"]*\)".*/\1/p' | sed 's/^ext[234]$/ext/'; }

attach() { check_fs "$type" "$device" && mount -t "$type" -o "$options" "$device" "$at" 2>/dev/null; }

# After damage, a reset may do what loses data.
mend() {
    case $type in ext*) e2fsck -f -y "$device" >/run/micros/fsck 2>&1 ;; esac
    attach || { format_fs "$type" "$device" "$format" && attach; }
}

# The data of before goes to .old; what lay there from an earlier reset is gone.
set_aside() {
    rm -rf "$at/.old" "$at/.factory-reset"
    mkdir "$at/.old"
    find "$at" -mindepth 1 -maxdepth 1 ! -name lost+found ! -name .old -exec mv {} "$at/.old/" \;
    say "data partition: factory reset; what was on it is in $at/.old"
}

wait_for "$what" "$wait_seconds" || fresh "no $what within $wait_seconds s; there are: $(block_devices)"
modprobe -q "fs-$type" 2>/dev/null
[ -z "$auto_format" ] || ! blank "$device" || format_fs "$type" "$device" "$format" || fresh "cannot format $device"
kind=$(kind_of "$device")
case $kind in
'' | "$(echo "$type" | sed 's/^ext[234]$/ext/')") ;;
*) fresh "$device holds $kind, not $type" ;;
esac
if ! attach; then
    [ -n "$RESET" ] || fresh "$device is damaged or no $type: $(fsck_said)"
    mend || fresh "cannot make $device usable"
fi
[ -z "$resize" ] || resize_fs "$type" "$device" "$at" || say "data partition: cannot resize $device"
# A word that stays on the command line acts once: the second time it would delete what the first has kept.
if [ -n "$asked" ] && [ -e "$at/.reset-by-word" ]; then
    say "data partition: micros.factory_reset has been done; it acts again once a boot had not that word"
elif [ -n "$RESET" ] || [ -e "$at/.factory-reset" ]; then
    set_aside
fi
if [ -n "$asked" ]; then : >"$at/.reset-by-word"; else rm -f "$at/.reset-by-word"; fi
if ! dd if=/dev/zero of="$at/.room" bs=64k count=1 2>/dev/null; then
    rm -f "$at/.room"
    umount "$at"
    mkdir -p /run/micros/full-data
    mount -t "$type" -o ro "$device" /run/micros/full-data
    fresh "$device is full; what is on it can be read in /run/micros/full-data"
fi
rm -f "$at/.room"
make_directories
