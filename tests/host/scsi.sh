#!/usr/bin/env bash
# Drives on the SCSI controller, or with the argument ahci on the SATA one: the
# firmware starts from a disk and from a CD there, discs change, units come and
# go.
. "$(dirname "$0")/lib.sh"
need_kvm
need_processor
model=${3:-virtio-scsi}
case $model in
virtio-scsi) bus=SCSI id=1af4:1004 at=00:09.0 ;;
ahci) bus=SATA id=8086:2922 at=00:1f.0 ;;
esac

drives() { "$carrel" media "$1" list; }
has() { drives "$1" | grep -qxF "$2: $3"; }
has_no() { ! drives "$1" | grep -q "^$2:"; }
log_says() { "$carrel" logs "$1" -n 1000 | grep -q "$2"; }

truncate -s 4M "$home/blank.img" "$home/extra.img" "$home/disc.iso"

# Of two disks the one with the lower number comes first.
cp "$demo_image" "$home/demo.img"
starts disk --memory 32M --set disk0.model="$model" \
    --set disk1.model="$model" "disk=$home/demo.img" "disk=$home/blank.img"
sees disk 'Carrel demo ready' 180 "the firmware starts from the $bus disk" ||
    finish
sees disk "$id +$bus controller" 5 "there is one controller"
check "it is in its slot" bash -c \
    "'$carrel' screenshot disk --text | grep -q '$at *$id'"
check "a disk is plugged in" "$carrel" attach disk disk3 "model=$model" \
    "path=$home/extra.img"
check "it is in the list of drives" has disk disk3 "$home/extra.img"
refuses 4 'disk3 is there already' "a second one of its name" \
    "$carrel" attach disk disk3 "model=$model" "path=$home/extra.img"
refuses 4 'extra.img' "its image is not opened twice" \
    "$carrel" attach disk disk2 "model=$model" "path=$home/extra.img"
check "the disk that failed is not there" has_no disk disk2
check "it is pulled out, and nobody is asked" "$carrel" detach disk disk3
check "it is gone" has_no disk disk3
check "the log says so" log_says disk 'disk3: detached, and the guest is told'
refuses 4 'unmount it there' "one that was there from the start is not" \
    "$carrel" detach disk disk1
check "unless that is meant" "$carrel" detach disk disk1 --force
check "and comes again" "$carrel" attach disk disk1 "model=$model" \
    "path=$home/blank.img"
check "a CD drive is plugged in, empty" \
    "$carrel" attach disk cd1 "model=$model"
check "it is there" has disk cd1 '(empty)'
check "a disc is put in" \
    "$carrel" media disk insert cd1 "$home/disc.iso"
check "it is in the drive" has disk cd1 "$home/disc.iso"
check "it is taken out" "$carrel" media disk eject cd1
check "the drive is empty" has disk cd1 '(empty)'
check "the drive goes" "$carrel" detach disk cd1
refuses 2 'fixed disk' "a disk is no disc" \
    "$carrel" media disk eject disk0
check "a reset with changed units" "$carrel" reset disk
sees disk 'Carrel demo ready' 180 "the firmware starts from the disk again"
"$carrel" stop disk --force >/dev/null

starts none --memory 32M "disk=$home/blank.img"
refuses 2 "no $bus controller.*model=$model" "without a controller" \
    "$carrel" attach none disk1 "model=$model" "path=$home/extra.img"
refuses 2 "no $bus controller" "a CD drive without a controller" \
    "$carrel" attach none cd1 "model=$model"
"$carrel" stop none --force >/dev/null

iso=/usr/lib/grub-rescue/grub-rescue-cdrom.iso
if [ -r $iso ]; then
    starts cd --memory 64M --set cd0.model="$model" "cd=$iso"
    sees cd 'GNU GRUB +version' 300 "GRUB starts from the $bus CD drive"
    "$carrel" stop cd --force >/dev/null
fi
finish
