#!/usr/bin/env bash
# Linux suspends to disk (S4), which ends the machine, and a machine that is
# started later goes on where it was. Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
cpus=${3%-*} memory=${3#*-}
export PATH=$PATH:/usr/sbin:/sbin

# GRUB loads a system that is all in memory: the disk's file system shall not be
# in two states.
cp "$disk" "$home/disk.img"
truncate -s 512M "$home/swap.img"
makes_initrd "$home/initrd.gz" virtio_pci virtio_blk
cat >"$home/custom.cfg" <<'GRUB'
set timeout=0
menuentry 'Sleeper' {
    linux /boot/vmlinuz console=ttyS0,115200
    initrd /boot/sleeper.gz
}
GRUB
for file in custom.cfg:boot/grub/custom.cfg initrd.gz:boot/sleeper.gz; do
    check "the disk has ${file%%:*}" debugfs -w \
        -R "write $home/${file%%:*} ${file#*:}" "$home/disk.img?offset=1048576"
done

# up - the machine runs the system, whose shell is on the serial port.
up() {
    starts s4 --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
        --set disk0.model=virtio-blk "disk=$home/disk.img" \
        --set disk1.model=virtio-blk --set "disk1.path=$home/swap.img"
    check "its shell is there ($1)" \
        "$carrel" expect s4 'up: ready=42' --serial --timeout 400 || finish
}

# asks COMMAND PATTERN WHAT [SECONDS]
asks() {
    "$carrel" send s4 serial "$1"$'\n' &&
        check "$3" "$carrel" expect s4 "$2" --serial --timeout "${4:-60}"
}

up 1
asks 'mkswap /dev/vdb && swapon /dev/vdb && cat /sys/power/disk' '\[platform\]' \
    "it has room for its memory, and knows S4"
asks 'secret=$((6*7))-$RANDOM; echo "number=$secret."' 'number=42-[0-9]+\.' \
    "it knows a number"
number=$(sed -n 's/.*number=\(42-[0-9]*\)\..*/\1/p' "$home/out" | head -n 1)
"$carrel" send s4 serial \
    $'echo disk >/sys/power/state; echo "still=$secret."\n'
check "suspending to disk ends the machine" gone s4 240

up 2
"$carrel" send s4 serial $'cat /sys/block/vdb/dev >/sys/power/resume\n'
check "started again, it goes on where it was" \
    "$carrel" expect s4 "still=${number:-nothing}\\." --serial --timeout 240
asks 'echo "cpus=$(nproc)."' "cpus=$cpus\\." "with all its CPUs"
asks 'swapoff /dev/vdb && dd if=/dev/vda bs=1M count=8 2>/dev/null | wc -c' \
    8388608 "and its disks"
off s4
finish
