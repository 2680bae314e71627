# Finding block devices by what users write: a path, LABEL=, UUID= (of the file system), PARTUUID=, PARTLABEL= (of the partition).

# find_device WHAT: the device's path, once it is there.
find_device() {
    case $1 in
    LABEL=* | UUID=*) findfs "$1" 2>/dev/null ;;
    PARTUUID=*) find_partuuid "${1#*=}" ;;
    PARTLABEL=*) find_partlabel "${1#*=}" ;;
    *) [ -b "$1" ] && echo "$1" ;;
    esac
}

# find_partlabel NAME: the partition of this name, which the kernel puts into its events.
find_partlabel() {
    for event in /sys/class/block/*/uevent; do
        grep -qixF "PARTNAME=$1" "$event" || continue
        event=${event%/uevent}
        echo "/dev/${event##*/}"
        return 0
    done
    return 1
}

# find_partuuid UUID: the partition of this UUID, which kernels before 6.14 do not put into their events.
find_partuuid() {
    for partition in /sys/class/block/*/partition; do
        [ -e "$partition" ] || continue
        partition=${partition%/partition}
        disk=$(readlink -f "$partition/..")
        if partuuid "${disk##*/}" "$(cat "$partition/partition")" | grep -qixF "$1"; then
            echo "/dev/${partition##*/}"
            return 0
        fi
    done
    return 1
}

# bytes_of DISK OFFSET COUNT: bytes in hexadecimal, a word each.
bytes_of() { dd if="/dev/$1" bs=1 skip="$2" count="$3" 2>/dev/null | hexdump -v -e '1/1 "%02x "'; }

# partuuid DISK NUMBER: a partition's UUID: a GPT's GUID (UEFI 2.10, 5.3.3), or signature and number of an MBR.
partuuid() {
    number=$2
    sector=$(cat "/sys/class/block/$1/queue/logical_block_size")
    if [ "$(bytes_of "$1" "$sector" 8)" = "45 46 49 20 50 41 52 54 " ]; then
        set -- $(bytes_of "$1" $((2 * sector + (number - 1) * 128 + 16)) 16)
        echo "$4$3$2$1-$6$5-$8$7-$9${10}-${11}${12}${13}${14}${15}${16}"
    else
        set -- $(bytes_of "$1" 440 4)
        printf '%s-%02x\n' "$4$3$2$1" "$number"
    fi
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
