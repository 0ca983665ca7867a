#!/usr/bin/env bash
# Linux starts the machine again 20 times without a hang: by ACPI's reset
# register, the keyboard controller, a triple fault and port 0xcf9 in turn.
. "$(dirname "$0")/lib.sh"
times=${3:-20}
PATH=$PATH:/usr/sbin

cp "$disk" "$home/disk.img"
echo "set timeout=0; set lab_words='lab.reboots=$times quiet'" \
    >"$home/custom.cfg"
check "the disk is told so" debugfs -w \
    -R "write $home/custom.cfg boot/grub/custom.cfg" \
    "$home/disk.img?offset=1048576"
starts linux --memory 128M --set serial0.kind=pane "disk=$home/disk.img"
for ((i = 1; i <= times; i++)); do
    check "restart $i" \
        "$carrel" expect linux "restart $i by" --serial --timeout 150 || {
        show linux
        finish
    }
done
sees linux "restarted $times times" 150 "it came back $times times"
check "the power button ends it" "$carrel" stop linux --timeout 60
finish
