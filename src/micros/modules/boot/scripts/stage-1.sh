#!/bin/sh
# MicrOS, stage 1: reach the root file system and hand over to its init. Words of the kernel's command line win over
# /etc/micros/stage-1, which says what the system was configured to do.
export PATH=/bin
. /etc/micros/devices
. /etc/micros/stage-1

say() { echo "MicrOS: stage 1: $*"; }

# A shell on the console; to leave it is to go on.
ask() {
    say "$1: a shell, which \`exit\` leaves"
    setsid sh -c "exec sh <$at/dev/console >$at/dev/console 2>&1"
}

# fail TEXT: the end, unless a shell is wanted. PID 1 that exits makes the kernel panic.
fail() {
    say "$1"
    case $on_failure in
    shell) ask "cannot go on" ;;
    reboot) sync; reboot -f ;;
    esac
    exit 1
}

special_mount() {
    mkdir -p "$2"
    mount -t "$4" -o "$3" "$1" "$2"
}

# Load the modules that the hardware here asks for (Linux driver model: `modalias` in sysfs).
load_drivers() {
    cat /sys/bus/*/devices/*/modalias /sys/class/*/*/modalias /sys/devices/system/cpu/modalias 2>/dev/null |
        sort -u | xargs modprobe -a -b -q 2>/dev/null
}
coldplug() { [ -z "$available" ] || load_drivers; }
while_waiting() { coldplug; }

# reach WHAT: set $device, waiting for it.
reach() {
    wait_for "$1" "$wait_seconds" || fail "no $1 within $wait_seconds s; there are: $(block_devices)"
}

# need MODULE WORD: a kernel module that a word of the command line needs.
need() { modprobe "$1" 2>/dev/null || fail "$2 needs the kernel module $1: add it to boot.initrd.available_kernel_modules"; }

read_words() {
    for word in $(cat /proc/cmdline); do
        case $word in
        root=*) root=${word#*=} ;;
        init=*) init=${word#*=} ;;
        systemConfig=*) system=${word#*=} ;;
        realroot=*) changes=${word#*=} ;;
        netroot=*) netroot=${word#*=} ;;
        netroot_sha256=*) netroot_sha256=${word#*=} ;;
        findiso=*) findiso=${word#*=} ;;
        medium=*) medium=${word#*=} ;;
        copytoram) copytoram=1 ;;
        boot.trace) set -x ;;
        boot.shell_on_fail) on_failure=shell ;;
        boot.panic_on_fail) on_failure=panic ;;
        boot.debug1) stop=start ;;
        boot.debug1devices) stop=devices ;;
        boot.debug1mounts) stop=mounts ;;
        esac
    done
}

# Room in memory for a whole image.
room() { mkdir -p /run/micros/ram; mount -t tmpfs -o size=90% ram /run/micros/ram; }

# fetch_by_tftp HOST[:PORT] PATH: to $image, in blocks that an Ethernet frame holds where the server knows larger ones.
fetch_by_tftp() {
    port=
    case $1 in *:*) port=${1##*:} ;; esac
    tftp -g -b 1428 -l "$image" -r "$2" "${1%%:*}" $port
}

# netroot=http://HOST/PATH, https://..., tftp://HOST/PATH or HOST=PATH (TFTP): the image into memory, by DHCP's address.
from_network() {
    need loop netroot=
    load_drivers
    for card in /sys/class/net/*; do
        card=${card##*/}
        [ "$card" = lo ] || { ip link set "$card" up && udhcpc -i "$card" -n -q -t 5 -T 2 -s /etc/micros/dhcp >/dev/null 2>&1; }
    done
    room
    image=/run/micros/ram/image
    case $netroot in
    http://* | https://*) wget -q -O "$image" "$netroot" ;;
    tftp://*) where=${netroot#*://} && fetch_by_tftp "${where%%/*}" "${where#*/}" ;;
    *) fetch_by_tftp "${netroot%%=*}" "${netroot#*=}" ;;
    esac || fail "cannot fetch $netroot; addresses: $(ip -o -4 addr show | awk '{ print $2, $4 }' | xargs)"
    [ -n "$netroot_sha256" ] || say "there is no netroot_sha256=: whatever answered is the root file system"
    [ -z "$netroot_sha256" ] || echo "$netroot_sha256  $image" | sha256sum -c -s || fail "$netroot is not what netroot_sha256= says"
}

# is_medium DEVICE: mount it, if it is the one that medium= means: another system's may have the same label or path.
is_medium() {
    mkdir -p /run/micros/medium
    mount -o "$(harmless "$1")" "$1" /run/micros/medium 2>/dev/null || return 1
    [ -n "$medium" ] && [ "$(cat /run/micros/medium/micros/medium 2>/dev/null)" != "$medium" ] || return 0
    umount -d /run/micros/medium
    return 1
}

# harmless DEVICE: the options to look into it with, so that nothing is written: of ext4 not even its journal (magic: EF53).
harmless() {
    case $(dd if="$1" bs=1 skip=1080 count=2 2>/dev/null | hexdump -v -e '1/1 "%02x"') in
    53ef) echo ro,noload ;;
    *) echo ro ;;
    esac
}

# devices: all that hold something.
devices() {
    for block in /sys/class/block/*; do
        [ "$(cat "$block/size")" = 0 ] || echo "/dev/${block##*/}"
    done
}

# look WHAT: call it every second until it finds something.
look() {
    waited=0
    until "$1"; do
        [ $waited -lt "$wait_seconds" ] || return 1
        sleep 1
        coldplug
        waited=$((waited + 1))
    done
}

# Of all media the one that medium= means: it is the one of the root's label, or there is another of that label.
labelled() {
    device=$(find_device "$root") || return 1
    is_medium "$device" && return 0
    say "$device has the label of another medium than ours"
    for device in $(devices); do
        is_medium "$device" && return 0
    done
    return 1
}

# findiso=PATH: the ISO is a file on some file system here.
iso_file() {
    for stick in $(devices); do
        mount -o "$(harmless "$stick")" "$stick" /run/micros/stick 2>/dev/null || continue
        device=/run/micros/stick/${findiso#/}
        [ -e "$device" ] && is_medium "$device" && return 0
        umount /run/micros/stick
    done
    return 1
}
find_iso() {
    need loop findiso=
    for kind in vfat nls_cp437 nls_ascii exfat ext4; do modprobe -q "$kind" 2>/dev/null; done
    mkdir -p /run/micros/stick
    look iso_file || fail "no file system here has ${medium:+the right }$findiso; there are: $(block_devices)"
}

# Set $image to a block device or file that holds the root file system.
find_image() {
    if [ -n "$netroot" ]; then
        from_network
        return
    fi
    if [ -e /root.squashfs ]; then
        need loop "a root in the initrd"
        image=/root.squashfs
        return
    fi
    modprobe loop 2>/dev/null
    if [ -n "$findiso" ]; then
        find_iso
        file=${file:-root.squashfs}
    elif [ -n "$medium" ] && [ "${root#LABEL=}" != "$root" ]; then
        look labelled || fail "no medium $medium of $root within $wait_seconds s; there are: $(block_devices)"
    else
        reach "$root"
        [ -z "$file" ] || is_medium "$device" || fail "cannot mount $device, which should hold $file"
    fi
    image=$device
    if [ -n "$file" ]; then
        image=/run/micros/medium/$file
        [ -e "$image" ] || fail "no $file on $device; it holds: $(ls /run/micros/medium | xargs)"
    fi
    [ -z "$copytoram" ] || copy_to_memory
}

copy_to_memory() {
    need loop copytoram
    room
    cat "$image" >/run/micros/ram/image || fail "not enough memory for $image"
    image=/run/micros/ram/image
    umount /run/micros/medium /run/micros/stick 2>/dev/null
}

# Mount the image, and over it what takes changes where the root is to be writable.
mount_root() {
    target=/root
    [ "$changes" = no ] || target=/run/micros/image
    mkdir -p "$target"
    mount -t "$fs_type" -o "$options" "$image" "$target" || fail "cannot mount $image as $fs_type; there are: $(block_devices)"
    [ "$changes" != no ] || return 0
    need overlay "a writable root"
    mkdir -p /run/micros/changes
    if [ "$changes" = tmpfs ]; then
        mount -t tmpfs -o "mode=0755,size=$size" changes /run/micros/changes
        over=/run/micros/changes
    else
        mount_data
        over=/run/micros/data/.root
    fi
    mkdir -p "$over/upper" "$over/work"
    mount -t overlay -o "lowerdir=/run/micros/image,upperdir=$over/upper,workdir=$over/work" root /root ||
        fail "cannot lay $over over the root file system"
}

# The data partition, by the programs of the image: stage 1 brings none for file systems.
mount_data() {
    for name in proc sys dev run; do
        mount -o bind "/$name" "/run/micros/image/$name"
    done
    [ "$changes" != data ] || changes=
    chroot /run/micros/image /usr/lib/micros/data "$changes" || fail "cannot mount the data partition"
    mkdir -p /run/micros/data
    mount -o move /run/micros/image/run/micros/data /run/micros/data
    for name in proc sys dev run; do
        umount "/run/micros/image/$name"
    done
}

at=
. /etc/micros/early-mounts
read_words
[ "$stop" != start ] || ask boot.debug1
[ ! -s /etc/micros/modules ] || xargs modprobe -a -b </etc/micros/modules
coldplug
[ "$stop" != devices ] || ask boot.debug1devices
. /etc/micros/pre-mount
find_image
mount_root
if [ -n "$system" ]; then
    mount -o bind "/root/$system" /root || fail "no system at $system"
fi
for name in proc sys dev run; do
    mount -o move "/$name" "/root/$name" || fail "the root file system has no /$name"
done
at=/root
[ -z "$needed" ] || chroot /root /usr/lib/micros/mount-all needed || fail "a file system that the boot needs is not there"
. /etc/micros/post-mount
[ "$stop" != mounts ] || ask boot.debug1mounts
[ -e "/root$init" ] || [ -L "/root$init" ] || fail "no $init in the root file system"
echo "MicrOS: stage 1 done at $(cut -d' ' -f1 /root/proc/uptime) s"
exec switch_root /root "$init"
