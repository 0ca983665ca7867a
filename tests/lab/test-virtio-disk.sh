#!/usr/bin/env bash
# Debian from a virtio disk: SeaBIOS and GRUB read it, then Linux's own driver
# writes to it; a random number generator beside it. Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
cpus=${3%-*} memory=${3#*-}

cp "$disk" "$home/disk.img"
starts virtio --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
    --set disk0.model=virtio-blk --set disk0.serial=lab-0815 \
    --set rng.model=virtio-rng "disk=$home/disk.img"
sees virtio 'carrel-lab login:' 400 "a login on the screen" || finish
check "root logs in on the serial port" \
    "$carrel" send virtio serial $'root\n'
check "the serial shell's prompt" \
    "$carrel" expect virtio '~ #|/root #' --serial --timeout 30

# asks COMMAND PATTERN WHAT - a line for the shell, and its answer.
asks() {
    "$carrel" send virtio serial "$1"$'\n' &&
        check "$3" "$carrel" expect virtio "$2" --serial --timeout 60
}
asks 'grep " / " /proc/mounts' '/dev/vda1 / ext4 rw' "the root is /dev/vda1"
asks 'echo "id=$(cat /sys/block/vda/serial)"' 'id=lab-0815' \
    "the disk has its serial number"
asks 'echo "$(ls -d /sys/block/vda/mq/* | wc -l) queues"' "$cpus queues" \
    "it has a queue for each CPU"
asks 'grep -c virtio /proc/interrupts; grep -q MSI /proc/interrupts && echo "by messages"' \
    'by messages' "its interrupts are messages"
asks 'dd if=/dev/hwrng bs=512 count=4 2>/dev/null | wc -c' '2048' \
    "the host's random numbers arrive"
asks 'dd if=/dev/urandom of=/root/big bs=64k count=128 2>/dev/null; sync; sum1=$(md5sum </root/big); echo 3 >/proc/sys/vm/drop_caches; [ "$sum1" = "$(md5sum </root/big)" ] && echo "same-$((6*7))"' \
    'same-42' "8 MiB read back as written"
asks 'echo kept-$((6*7)) >/root/kept; sync; dmesg -r | grep "^<[0-3]>"; echo "end"' \
    'end' "a file is written"
check "the power button ends it" "$carrel" stop virtio --timeout 60
check "it is gone" gone virtio 10
check "the disk holds the file" grep -qa 'kept-42' "$home/disk.img"
check "nothing broke a ring" bash -c \
    "! \"$carrel\" logs virtio 2>/dev/null | grep -q 'stopped until'"
finish
