#!/usr/bin/env bash
# Debian from a disk on the SCSI controller: SeaBIOS and GRUB read it, then
# Linux finds disks and CD drives behind one controller, writes and unmaps,
# sees discs change and units come and go.
# Argument: CPUS-MEMORY[-qcow2], the format of the disk it starts from.
. "$(dirname "$0")/lib.sh"
IFS=- read -r cpus memory format <<<"$3"
format=${format:-raw}

# asks COMMAND PATTERN WHAT [SECONDS] - a line for the shell, and its answer.
asks() {
    "$carrel" send scsi serial "$1"$'\n' &&
        check "$3" "$carrel" expect scsi "$2" --serial --timeout "${4:-90}"
}

# until_guest CONDITION WORD WHAT - the guest sees it come true within 30 s.
until_guest() {
    asks "i=0; until [ $1 ] || [ \$i -gt 60 ]; do usleep 500000; i=\$((i+1)); done; [ $1 ] && echo \"$2-\$((6*7))\"" \
        "$2-42" "$3"
}

"$carrel" disk convert "$disk" "$home/disk" --from-format raw \
    --format "$format" >/dev/null
truncate -s 48M "$home/raw.img"
"$carrel" disk create "$home/two.qcow2" --size 48M >/dev/null
head -c 3M /dev/urandom >"$home/one.iso"
head -c 5M /dev/urandom >"$home/two.iso"
sum1=$(md5sum <"$home/one.iso") sum2=$(md5sum <"$home/two.iso")

starts scsi --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
    --set disk0.model=virtio-scsi --set disk0.format="$format" \
    --set disk1.model=virtio-scsi --set disk1.serial=lab-0815 \
    --set disk2.model=virtio-scsi --set disk2.format=qcow2 \
    --set cd0.model=virtio-scsi --set cd1.model=virtio-scsi \
    "disk=$home/disk" "disk=$home/raw.img" "disk=$home/two.qcow2" \
    "cd=$home/one.iso"
sees scsi 'carrel-lab login:' 600 "a login on the screen" || finish
check "root logs in on the serial port" \
    "$carrel" send scsi serial $'root\n'
check "the serial shell's prompt" \
    "$carrel" expect scsi '~ #|/root #' --serial --timeout 30

# Linux may give the letters in any order; the unit's number is what counts.
"$carrel" send scsi serial \
    'unit() { ls /sys/class/scsi_device/*:0:0:$1/device/block; }; set +o emacs'$'\n'
asks 'echo "root=$(unit 0) $(cut -d" " -f1 /proc/mounts | grep /dev/sd)"' \
    'root=(sd.) /dev/\1' "the root is on unit 0"
asks 'echo "hosts=$(ls -d /sys/class/scsi_host/*/device/../virtio* 2>/dev/null | wc -l)$(ls /sys/bus/virtio/drivers/virtio_scsi | grep -c ^virtio)"' \
    'hosts=[0-9]*1' "there is one controller"
asks 'echo "units:$(ls /sys/class/scsi_device | grep :0:0: | cut -d: -f4 | sort | tr "\n" ,)"' \
    'units:0,1,2,4,5,' "five units are found on it"
asks 'echo "is=$(cat /sys/class/scsi_device/*:0:0:1/device/vpd_pg80 | tail -c 8)"' \
    'is=lab-0815' "a disk has its serial number"
asks 'echo "$(ls -d /sys/block/$(unit 1)/mq/* | wc -l) queues"' "$cpus queues" \
    "it has a queue for each CPU"
asks 'grep -q virtio.*-request /proc/interrupts && echo "by-messages"' \
    'by-messages' "its interrupts are messages"

# ---- data
for unit in 1 2; do
    asks "d=/dev/\$(unit $unit); dd if=/dev/urandom of=/tmp/a bs=64k count=256 2>/dev/null; dd if=/tmp/a of=\$d bs=64k conv=fsync 2>/dev/null; echo 3 >/proc/sys/vm/drop_caches; [ \"\$(md5sum </tmp/a)\" = \"\$(dd if=\$d bs=64k count=256 2>/dev/null | md5sum)\" ] && echo \"same$unit-\$((6*7))\"" \
        "same$unit-42" "unit $unit: 16 MiB read back as written"
done
asks 'for u in 1 2; do dd if=/dev/urandom of=/dev/$(unit $u) bs=128k count=200 oflag=direct 2>/dev/null & done; dd if=/dev/$(unit 0) of=/dev/null bs=64k count=600 2>/dev/null; wait; echo "all-$((6*7))"' \
    'all-42' "three units at once"
before=$(stat -c %b "$home/raw.img")
asks 'blkdiscard /dev/$(unit 1) && sync && echo "gone-$((6*7))"' 'gone-42' \
    "a disk is discarded"
check "its image is empty now" \
    [ "$(stat -c %b "$home/raw.img")" -lt $((before / 10)) ]
asks '[ "$(dd if=/dev/$(unit 1) bs=64k iflag=direct 2>/dev/null | tr -d "\000" | wc -c)" = 0 ] && echo "zeros-$((6*7))"' \
    'zeros-42' "it reads as zeros"
asks 'blkdiscard -o 1048576 -l 8388608 /dev/$(unit 2) && [ "$(dd if=/dev/$(unit 2) bs=1M skip=1 count=8 iflag=direct 2>/dev/null | tr -d "\000" | wc -c)" = 0 ] && [ "$(dd if=/dev/$(unit 2) bs=1M skip=9 count=1 iflag=direct 2>/dev/null | tr -d "\000" | wc -c)" -gt 1000000 ] && echo "part-$((6*7))"' \
    'part-42' "a part of the other is discarded, and no more"

# ---- discs
asks 'echo "disc=$(md5sum </dev/$(unit 4))"' "disc=${sum1%% *}" \
    "the disc reads as its image"
check "a disc is put into the empty drive" \
    "$carrel" media scsi insert cd1 "$home/two.iso"
until_guest '"$(dd if=/dev/$(unit 5) bs=2048 count=1 2>/dev/null | wc -c)" = 2048' \
    second "the guest sees it"
asks 'echo "disc=$(md5sum </dev/$(unit 5))"' "disc=${sum2%% *}" \
    "it reads as its image"
asks 'exec 3</dev/$(unit 5); echo "held-$((6*7))"' held-42 "the guest holds it"
check "then it cannot be taken out" \
    bash -c "! '$carrel' media scsi eject cd1"
asks 'exec 3<&-; echo "free-$((6*7))"' free-42 "the guest lets it go"
check "then it can" "$carrel" media scsi eject cd1
asks 'dd if=/dev/$(unit 5) of=/dev/null bs=2048 count=1 2>/dev/null || echo "empty-$((6*7))"' \
    'empty-42' "the guest finds no disc"
check "the first drive gets the other disc" \
    "$carrel" media scsi insert cd0 "$home/two.iso"
asks 'echo "disc=$(md5sum </dev/$(unit 4))"' "disc=${sum2%% *}" \
    "it reads as the other image"

# ---- units
truncate -s 16M "$home/late.img"
check "a disk is plugged in" "$carrel" attach scsi disk3 model=virtio-scsi \
    "path=$home/late.img" serial=late
until_guest '-n "$(unit 3 2>/dev/null)"' here "the guest finds it"
asks 'dd if=/dev/urandom of=/tmp/b bs=64k count=128 2>/dev/null; dd if=/tmp/b of=/dev/$(unit 3) bs=64k conv=fsync,notrunc 2>/dev/null && echo "taken-$((6*7))"' \
    'taken-42' "it takes 8 MiB"
check "they are in the image" bash -c \
    "[ \$(head -c 8M '$home/late.img' | tr -d '\0' | wc -c) -gt 8000000 ]"
check "it is taken out" "$carrel" detach scsi disk3
until_guest '! -e /sys/class/scsi_device/*:0:0:3' gone "it is gone in the guest"
check "in again, as another" "$carrel" attach scsi disk3 model=virtio-scsi \
    "path=$home/late.img" serial=again
until_guest '-n "$(unit 3 2>/dev/null)"' again "the guest finds it again"
asks '[ "$(dd if=/dev/$(unit 3) bs=64k count=128 2>/dev/null | md5sum)" = "$(md5sum </tmp/b)" ] && echo "kept-$((6*7))"' \
    'kept-42' "with its content"

# ---- pause, reset, end
asks 'dd if=/dev/urandom of=/dev/$(unit 1) bs=64k count=400 oflag=direct 2>/dev/null & sleep 1; echo "busy-$((6*7))"' \
    'busy-42' "the guest writes"
check "it is paused meanwhile" "$carrel" pause scsi
check "and goes on" "$carrel" resume scsi
asks 'wait; echo "through-$((6*7))"' 'through-42' "the writes end"
asks 'echo kept-$((6*7)) >/root/kept; sync; dmesg -r | grep "^<[0-3]>"; echo "end-$((6*7))"' \
    'end-42' "a file is written"
check "the power button ends it" "$carrel" stop scsi --timeout 60
check "it is gone" gone scsi 10
if [ "$format" = raw ]; then
    check "the disk holds the file" grep -qa 'kept-42' "$home/disk"
else
    check "the image is sound" "$carrel" disk check "$home/disk" \
        --format "$format"
    "$carrel" disk convert "$home/disk" "$home/disk.raw" \
        --from-format "$format" --format raw >/dev/null
    check "the disk holds the file" grep -qa 'kept-42' "$home/disk.raw"
fi
check "the other qcow2 image is sound" "$carrel" disk check \
    "$home/two.qcow2" --format qcow2
check "nothing broke a ring" bash -c \
    "! \"$carrel\" logs scsi 2>/dev/null | grep -q 'stopped until'"
finish
