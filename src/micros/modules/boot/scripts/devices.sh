# Finding block devices by what users write: a path, LABEL=, UUID= (of the file system), PARTUUID=, PARTLABEL= (of the partition).

# find_device WHAT: the device's path, once it is there.
find_device() {
    case $1 in
    LABEL=* | UUID=*) findfs "$1" 2>/dev/null ;;
    PARTUUID=*) find_partition "$1" ;;
    PARTLABEL=*) find_partition "PARTNAME=${1#*=}" ;;
    *) [ -b "$1" ] && echo "$1" ;;
    esac
}

# find_partition LINE: the block device whose events carry this line.
find_partition() {
    for event in /sys/class/block/*/uevent; do
        grep -qixF "$1" "$event" || continue
        event=${event%/uevent}
        echo "/dev/${event##*/}"
        return 0
    done
    return 1
}

# wait_for WHAT SECONDS: set $device once it is there; meanwhile `while_waiting` is called every second.
wait_for() {
    waited=0
    until device=$(find_device "$1"); do
        [ "$waited" -lt "${2}0" ] || return 1
        [ $((waited % 10)) -ne 9 ] || while_waiting
        sleep 0.1
        waited=$((waited + 1))
    done
}

# block_devices: what there is, for people.
block_devices() {
    found=
    for block in /sys/class/block/*; do
        [ -e "$block/size" ] || continue
        sectors=$(cat "$block/size")
        [ "$sectors" -eq 0 ] || found="$found, ${block##*/} ($((sectors / 2048)) MiB)"
    done
    echo "${found:+${found#, }}"
}
