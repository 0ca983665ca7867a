#!/usr/bin/env bash
# Debian's kernel started directly, on the minimal machine, with its root on a
# virtio disk. Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
cpus=${3%-*} memory=${3#*-}
export PATH=$PATH:/usr/sbin:/sbin

cp "$disk" "$home/disk.img"
dd if="$disk" of="$home/part.img" bs=1M skip=1 status=none
for file in vmlinuz initrd.img; do
    debugfs -R "dump /boot/$file $home/$file" "$home/part.img" 2>/dev/null
done
starts direct --memory "$memory" --cpus "$cpus" --set rng.model=virtio-rng \
    --initrd "$home/initrd.img" --append ro \
    "kernel=$home/vmlinuz" "disk=$home/disk.img"
check "a login on the serial port" \
    "$carrel" expect direct 'carrel-lab login:' --serial --timeout 400 ||
    finish

# asks COMMAND PATTERN WHAT - a line for the shell, and its answer.
asks() {
    "$carrel" send direct serial "$1"$'\n' &&
        check "$3" "$carrel" expect direct "$2" --serial --timeout 60
}
asks root '~ #|/root #' "root logs in"
asks 'grep " / " /proc/mounts' '/dev/vda1 / ext4 rw' "the root is /dev/vda1"
asks 'grep -q MSI /proc/interrupts && echo "by messages"' 'by messages' \
    "its interrupts are messages"
asks 'dd if=/dev/hwrng bs=512 count=4 2>/dev/null | wc -c' '2048' \
    "the host's random numbers arrive"
asks 'echo kept-$((6*7)) >/root/kept; sync; echo "written"' 'written' \
    "a file is written"
check "the power button ends it" "$carrel" stop direct --timeout 60
check "it is gone" gone direct 10
check "the disk holds the file" grep -qa 'kept-42' "$home/disk.img"
finish
