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

logs_in() {
    sees plug 'carrel-lab login:' 240 "a login on the screen${1:-}" || finish
    check "root logs in on the serial port" \
        "$carrel" send plug serial $'root\n'
    check "the serial shell's prompt" \
        "$carrel" expect plug '~ #|/root #' --serial --timeout 30
}

# in_guest - the shell's words for: wait until vda1 or vdb is what it should be.
appears='i=0; while [ ! -b /dev/vda ] && [ $i -lt 60 ]; do usleep 500000; i=$((i+1)); done'
vanishes='i=0; while [ -b /dev/vda ] && [ $i -lt 60 ]; do usleep 500000; i=$((i+1)); done'

cp "$disk" "$home/disk.img"
truncate -s 32M "$home/extra.img"
starts plug --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
    "disk=$home/disk.img"
logs_in
check "a disk is plugged in" "$carrel" attach plug disk1 \
    "path=$home/extra.img" serial=plugged-1
asks "$appears; echo \"is=\$(cat /sys/block/vda/serial)\"" 'is=plugged-1' \
    "the guest finds it" || { show plug; finish; }
asks 'echo "$(ls -d /sys/block/vda/mq/* | wc -l) queues"' "$cpus queues" \
    "it has a queue for each CPU"
asks 'dd if=/dev/urandom of=/tmp/a bs=64k count=256 2>/dev/null; dd if=/tmp/a of=/dev/vda bs=64k 2>/dev/null; (dd if=/dev/sda of=/dev/null bs=64k count=512 2>/dev/null &); sync; echo 3 >/proc/sys/vm/drop_caches; [ "$(md5sum </tmp/a)" = "$(dd if=/dev/vda bs=64k count=256 2>/dev/null | md5sum)" ] && echo "same-$((6*7))"' \
    'same-42' "16 MiB read back as written, beside other work"
asks 'echo "sum=$(md5sum </tmp/a | cut -c1-32)=sum"' 'sum=[0-9a-f]{32}=sum' \
    "the guest's sum"
check "the guest lets it go" "$carrel" detach plug disk1 --timeout 60
asks "$vanishes; [ -e /dev/vda ] || echo \"gone-\$((6*7))\"" 'gone-42' \
    "it is gone in the guest"
finish
