#!/usr/bin/env bash
# Debian's kernel and GRUB from an IDE disk to a login on the screen and on the
# serial port, and off by the power button. Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
cpus=${3%-*} memory=${3#*-}

cp "$disk" "$home/disk.img"
starts linux --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
    "disk=$home/disk.img"
sees linux 'carrel-lab login:' 400 "a login on the screen" || finish
check "a login on the serial port" \
    "$carrel" expect linux 'carrel-lab login:' --serial --timeout 20
sees linux "cpus=$cpus memory=" 5 "Linux runs on all $cpus CPUs"

check "root logs in on the keyboard" "$carrel" send linux text $'root\n'
sees linux '/root #' 30 "the shell's prompt"
check "a command is typed" \
    "$carrel" send linux text $'echo kept-$((6*7)) >/root/kept; sync\n'
check "root logs in on the serial port" \
    "$carrel" send linux serial $'root\n'
check "the serial shell's prompt" \
    "$carrel" expect linux '~ #|/root #' --serial --timeout 30
check "a command is sent" \
    "$carrel" send linux serial $'cat /root/kept; dmesg -r | grep "^<[0-3]>"\n'
check "it reads what the other wrote" \
    "$carrel" expect linux 'kept-42' --serial --timeout 30

check "the power button ends it" "$carrel" stop linux --timeout 60
check "it is gone" gone linux 10
check "the disk holds the file" grep -qa 'kept-42' "$home/disk.img"
finish
