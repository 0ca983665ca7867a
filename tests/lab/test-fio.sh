#!/usr/bin/env bash
# fio in a Debian guest that started from a qcow2 disk: two more disks, raw and
# qcow2, written in several ways at once, and all read back and compared.
# Argument: CPUS-MEMORY-MODEL, the disks' model.
. "$(dirname "$0")/lib.sh"
IFS=- read -r cpus memory model <<<"$3"
[ -n "${LAB_FIO:-}" ] || skip_all "the package fio is not installed"
size=2m
[ -z "${LAB_FULL:-}" ] || size=8m

# asks COMMAND PATTERN WHAT [SECONDS] - a line for the shell, and its answer.
asks() {
    "$carrel" send fio serial "$1"$'\n' &&
        check "$3" "$carrel" expect fio "$2" --serial --timeout "${4:-120}"
}

"$carrel" disk convert "$disk" "$home/disk.qcow2" --from-format raw \
    --format qcow2 >/dev/null
truncate -s 64M "$home/raw.img"
"$carrel" disk create "$home/two.qcow2" --size 64M >/dev/null
cp "$LAB_FIO" "$home/fio.iso"
starts fio --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
    --set disk0.model="$model" --set disk0.format=qcow2 \
    --set disk1.model="$model" --set disk1.serial=the-raw-one \
    --set disk2.model="$model" --set disk2.format=qcow2 \
    --set disk2.serial=the-qcow2-one --set cd0.model=virtio-scsi \
    "disk=$home/disk.qcow2" "disk=$home/raw.img" "disk=$home/two.qcow2" \
    "cd=$home/fio.iso"
check "a login on the serial port" "$carrel" expect fio 'carrel-lab login:' \
    --serial --timeout 600 || { show fio; finish; }
check "root logs in" "$carrel" send fio serial $'root\n'
check "the serial shell's prompt" \
    "$carrel" expect fio '~ #|/root #' --serial --timeout 60
# The disk whose serial number that is: virtio-blk has a file of it, SCSI disks
# a page of their identity.
"$carrel" send fio serial \
    'named() { for b in /sys/block/[sv]d?; do cat $b/serial $b/device/vpd_pg80 2>/dev/null | grep -qa "$1" && echo /dev/${b##*/}; done; }'$'\n'
asks 'mkdir -p /tools; for t in 1 2 3; do mount -o ro /dev/sr0 /tools && break; sleep 2; done; ls /tools/run' \
    '/tools/run' "the tools are on the CD"
asks 'export RAW=$(named the-raw-one) QCOW2=$(named the-qcow2-one); echo "disks=$RAW,$QCOW2."' \
    'disks=/dev/[sv]d.,/dev/[sv]d.\.' "both disks are found" || finish
asks "export JOBS=$cpus SIZE=$size; /tools/run --version" 'fio-[0-9]' \
    "fio starts" 300
asks '/tools/run --output=/tmp/fio.out /tools/fio.ini; echo "status=$?,"' \
    'status=0,' "it ends well" 1500 || show fio
asks 'echo "groups=$(grep -c "jobs=.*err= 0" /tmp/fio.out),"' 'groups=5,' \
    "five ways of writing, none with an error"
# Each block that was written is read once to be compared.
asks 'sed -n "s/.*rwts: total=\([0-9]*\),\([0-9]*\),.*/\1 \2/p" /tmp/fio.out | while read -r r w; do [ "$w" -gt 0 ] && [ "$r" -ge "$w" ] && echo good; done | wc -l | sed "s/^/compared=/;s/$/,/"' \
    'compared=5,' "all was read back and compared"
asks 'sync; dmesg -r | grep "^<[0-3]>"; echo "end-$((6*7))"' 'end-42' \
    "the kernel has nothing to complain of"
check "the power button ends it" "$carrel" stop fio --timeout 120
check "it is gone" gone fio 10
for image in raw.img two.qcow2; do
    check "what fio wrote is in $image" \
        [ "$(stat -c %b "$home/$image")" -gt 4000 ]
done
for image in disk two; do
    check "$image.qcow2 is sound" "$carrel" disk check "$home/$image.qcow2" \
        --format qcow2
done
check "nothing broke a ring" bash -c \
    "! \"$carrel\" logs fio 2>/dev/null | grep -q 'stopped until'"
finish
