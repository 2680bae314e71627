# Growing the last partition of a disk up to its end, so that power may fail at any moment: what makes a new table the one that
# counts is one write of one sector, and everything it needs is on the disk before that.

# le COUNT VALUE: a number as that many bytes, the lowest first.
le() {
    left=$1 value=$2
    while [ "$left" -gt 0 ]; do
        printf "\\$(printf %03o $((value & 255)))"
        value=$((value >> 8)) left=$((left - 1))
    done
}

# number FILE OFFSET COUNT: the same, read.
number() {
    set -- $(dd if="$1" bs=1 skip="$2" count="$3" 2>/dev/null | hexdump -v -e '1/1 "%02x "')
    value=
    for byte; do value=$byte$value; done
    echo $((0x$value))
}

# patch FILE OFFSET: standard input over what is there.
patch() { dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; }

# crc FILE: CRC-32 as four bytes, which is how gzip ends but for the size (RFC 1952, 2.3.1).
crc() { gzip -c "$1" | tail -c 8 | head -c 4; }

# take DISK SECTOR COUNT FILE, put DISK SECTOR FILE: $logical is the size of a sector. What is put is on the disk when it returns.
take() { dd if="$1" bs="$logical" skip="$2" count="$3" of="$4" 2>/dev/null; }
put() { dd if="$3" of="$1" bs="$logical" seek="$2" conv=notrunc,fsync 2>/dev/null; }

# header FILE OWN OTHER ENTRIES_AT: make a header of a GPT fit its place (UEFI 2.10, 5.3.2), for $table sectors of $entries.
header() {
    { le 8 "$2"; le 8 "$3"; le 8 $((2 + 2 * table)); le 8 $((sectors - table - 2)); } | patch "$1" 24
    le 8 "$4" | patch "$1" 72
    crc "$entries" | patch "$1" 88
    le 4 0 | patch "$1" 16
    head -c "$(number "$1" 12 4)" "$1" >"$1.crc"
    crc "$1.crc" | patch "$1" 16
}

# The entries of the new table go beside the old ones, at sector 2 or behind that; the header says where.
grow_gpt() {
    disk=$1 which=$2 sectors=$3 lowest=$4
    first_header=$work/first other_header=$work/other entries=$work/entries
    take "$disk" 1 1 "$first_header"
    at=$(number "$first_header" 72 8) bytes=$(($(number "$first_header" 80 4) * $(number "$first_header" 84 4)))
    entry=$(((which - 1) * $(number "$first_header" 84 4)))
    table=$((bytes / logical))
    take "$disk" "$at" "$table" "$entries"
    last=$(((sectors - table - 1) / unit * unit - 1))
    [ "$last" -gt "$(number "$entries" $((entry + 40)) 8)" ] || return 1
    if [ "$lowest" -lt $((2 + 2 * table)) ] || [ $((table * logical)) != "$bytes" ]; then
        say "no room for another partition table before the first partition"
        return 1
    fi
    le 8 "$last" | patch "$entries" $((entry + 40))
    new=2
    [ "$at" != 2 ] || new=$((2 + table))
    cp "$first_header" "$other_header"
    header "$other_header" $((sectors - 1)) 1 $((sectors - table - 1))
    header "$first_header" 1 $((sectors - 1)) "$new"
    put "$disk" $((sectors - table - 1)) "$entries" && put "$disk" $((sectors - 1)) "$other_header" &&
        put "$disk" "$new" "$entries" && put "$disk" 1 "$first_header" || return 1
    take "$disk" 0 1 "$work/mbr"
    covered=$((sectors - 1))
    [ "$covered" -lt 4294967295 ] || covered=4294967295
    le 4 "$covered" | patch "$work/mbr" 458
    put "$disk" 0 "$work/mbr"
}

# All of an MBR is in one sector.
grow_mbr() {
    disk=$1 which=$2 sectors=$3
    [ "$which" -le 4 ] || return 1
    entry=$((446 + 16 * (which - 1)))
    take "$disk" 0 1 "$work/mbr"
    [ "$sectors" -lt 4294967295 ] || sectors=4294967295
    length=$((sectors / unit * unit - $(number "$work/mbr" $((entry + 8)) 4)))
    [ "$length" -gt "$(number "$work/mbr" $((entry + 12)) 4)" ] || return 1
    printf '\376\377\377' | patch "$work/mbr" $((entry + 5))
    le 4 "$length" | patch "$work/mbr" $((entry + 12))
    put "$disk" 0 "$work/mbr"
}

# grow_partition WHAT: if it is the last partition of its disk, and there is room behind it.
grow_partition() {
    wait_for "$1" "$wait_seconds" || return 0 # whoever mounts it says so
    name=$(readlink -f "$device")
    name=/sys/class/block/${name##*/}
    [ -e "$name/partition" ] || return 0
    which=$(cat "$name/partition") start=$(cat "$name/start")
    whole=$(readlink -f "$name/..")
    logical=$(cat "$whole/queue/logical_block_size")
    unit=$((1048576 / logical)) sectors=$(($(cat "$whole/size") / (logical / 512))) lowest=$start
    for other in "$whole/${whole##*/}"*/start; do
        other=$(cat "$other")
        [ "$other" -ge "$lowest" ] || lowest=$other
        [ "$other" -le "$start" ] || return 0
    done
    lowest=$((lowest / (logical / 512))) work=/run/micros/grow
    mkdir -p "$work"
    kind=grow_mbr
    [ "$(bytes_of "${whole##*/}" "$logical" 8)" != "45 46 49 20 50 41 52 54 " ] || kind=grow_gpt
    if "$kind" "/dev/${whole##*/}" "$which" "$sectors" "$lowest"; then
        blockdev --rereadpt "/dev/${whole##*/}" || say "the kernel goes on with the old partition table of ${whole##*/}"
        say "$1 reaches the end of ${whole##*/} now"
    fi
    rm -r "$work"
}
