#!/bin/sh
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
