#!/usr/bin/env bash
# A disk comes and goes while Debian runs from another one: plugged in, written
# under load, let go, plugged in again, there after a restart, pulled out.
# Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
cpus=${3%-*} memory=${3#*-}

# asks COMMAND PATTERN WHAT - a line for the shell, and its answer.
asks() {
    "$carrel" send plug serial "$1"$'\n' &&
        check "$3" "$carrel" expect plug "$2" --serial --timeout 90
}

# until_guest CONDITION WORD WHAT - the guest sees it come true within 30 s.
until_guest() {
    asks "i=0; until [ $1 ] || [ \$i -gt 60 ]; do usleep 500000; i=\$((i+1)); done; [ $1 ] && echo \"$2-\$((6*7))\"" \
        "$2-42" "$3"
}

logs_in() {
    check "a login on the serial port, $1" \
        "$carrel" expect plug 'carrel-lab login:' --serial --timeout 400 ||
        finish
    check "root logs in" "$carrel" send plug serial $'root\n'
    check "the shell's prompt" \
        "$carrel" expect plug '~ #|/root #' --serial --timeout 30
}

log_says() { "$carrel" logs plug -n 1000 | grep -q "$1"; }
plug() { "$carrel" attach plug disk1 "path=$home/extra.img" "$@"; }

cp "$disk" "$home/disk.img"
truncate -s 32M "$home/extra.img"
starts plug --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
    "disk=$home/disk.img"
logs_in first
check "a disk is plugged in" plug serial=plugged-1
until_guest '-b /dev/vda' here "the guest finds it" || { show plug; finish; }
asks 'echo "is=$(cat /sys/block/vda/serial)"' 'is=plugged-1' \
    "it has its serial number"
asks 'echo "$(ls -d /sys/block/vda/mq/* | wc -l) queues"' "$cpus queues" \
    "it has a queue for each CPU"
asks 'dd if=/dev/urandom of=/tmp/a bs=64k count=256 2>/dev/null; dd if=/dev/sda of=/dev/null bs=64k count=512 2>/dev/null & dd if=/tmp/a of=/dev/vda bs=64k 2>/dev/null; sync; wait; echo 3 >/proc/sys/vm/drop_caches; [ "$(md5sum </tmp/a)" = "$(dd if=/dev/vda bs=64k count=256 2>/dev/null | md5sum)" ] && echo "same-$((6*7))"' \
    'same-42' "16 MiB read back as written, beside other work"
asks 'md5sum </tmp/a >/root/sum; sync; cat /root/sum; echo "sum-$((6*7))"' \
    'sum-42' "the guest keeps their sum"
check "the guest lets it go" "$carrel" detach plug disk1 --timeout 60
until_guest '! -e /dev/vda' gone "it is gone in the guest"
check "the log says so" log_says 'disk1: detached: the guest let it go'
sum=$(dd if="$home/extra.img" bs=64k count=256 status=none | md5sum)

for i in 1 2 3 4; do
    check "in again, $i" plug
    until_guest '-b /dev/vda' "here$i" "the guest finds it, $i"
    asks "[ \"\$(dd if=/dev/vda bs=64k count=256 2>/dev/null | md5sum)\" = \"\$(cat /root/sum)\" ] && echo \"same$i-\$((6*7))\"" \
        "same$i-42" "its content is what was written, $i"
    check "out again, $i" "$carrel" detach plug disk1 --timeout 60
    until_guest '! -e /dev/vda' "gone$i" "it is gone in the guest, $i"
done
check "the image holds what the guest wrote" \
    [ "$sum" = "$(dd if="$home/extra.img" bs=64k count=256 status=none | md5sum)" ]

check "in for a restart" plug
until_guest '-b /dev/vda' before "the guest finds it before the restart"
"$carrel" send plug serial $'sync; reboot -f\n'
logs_in "after the restart"
until_guest '-b /dev/vda' after "the disk is there after the restart"
asks '[ "$(dd if=/dev/vda bs=64k count=256 2>/dev/null | md5sum)" = "$(cat /root/sum)" ] && echo "kept-$((6*7))"' \
    'kept-42' "with its content"
check "it is pulled out" "$carrel" detach plug disk1 --force
until_guest '! -e /dev/vda' pulled "the guest notices"
check "it is plugged in once more" plug
until_guest '-b /dev/vda' again "the guest finds it once more"
check "and let go" "$carrel" detach plug disk1 --timeout 60
check "random numbers are plugged in" "$carrel" attach plug rng
until_guest '"$(dd if=/dev/hwrng bs=512 count=4 2>/dev/null | wc -c)" = 2048' \
    random "they arrive in the guest"
asks 'dmesg -r | grep "^<[0-2]>"; echo "calm-$((6*7))"' 'calm-42' \
    "the guest still answers"
check "the power button ends it" "$carrel" stop plug --timeout 60
check "nothing broke a ring" bash -c \
    "! \"$carrel\" logs plug 2>/dev/null | grep -q 'stopped until'"
finish
