#!/bin/sh
# MicrOS: start anew at the next boot, which is now. The data of before is kept in .old on the data partition.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
if [ -e /run/micros/data-problem ]; then
    AT=/run/micros/reset RESET=1 /usr/lib/micros/data || exit 1
    umount /run/micros/reset
else
    : >/run/micros/data/.factory-reset
fi
sync
exec reboot
