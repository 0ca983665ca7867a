#!/usr/bin/env bash
# A graphics card with a sound function and an expansion ROM in a PC with a BIOS:
# both functions as one card, the ROM run by the firmware, Debian's kernel finds
# them with their BARs, and both go back. Argument: CPUS-MEMORY.
. "$(dirname "$0")/vfio-lib.sh"
cpus=${3%-*} memory=${3#*-}
gpu=0000:05:00.0
audio=0000:05:00.1

[ -e $devices/$audio ] || skip_all "no card at $gpu (lab --topology dirty)"
modprobe snd_hda_intel 2>/dev/null
within 20 test "$(driver_of $audio)" = snd_hda_intel
check "the picture is given to guests" gives $gpu
if [ "$(driver_of $audio)" = snd_hda_intel ]; then
    check "alone it is refused: the group's sound is on a driver" \
        grep -q 'IOMMU group.*driver of the host' \
        <("$carrel" run --detach --name no --set pci0.host=$gpu \
            "disk=$disk" 2>&1)
fi
check "the sound goes along" gives $audio

cp "$disk" "$home/disk.img"
check "it starts" "$carrel" run --detach --name gpu --memory "$memory" \
    --cpus "$cpus" --set pci0.host=05:00.0 --set display.model=none \
    --set serial0.kind=pane "disk=$home/disk.img" || finish
check "a login on the serial port" "$carrel" expect gpu 'carrel-lab login:' \
    --serial --timeout 300 || finish
"$carrel" send gpu serial $'root\n'
check "root logs in" "$carrel" expect gpu '~ #|/root #' --serial --timeout 60
check "the firmware ran the card's ROM" bash -c \
    "\"$carrel\" logs gpu --source firmware --lines 500 | grep -qi 'running option rom'"
slot=/sys/bus/pci/devices/0000:00:10
asks gpu "cat $slot.0/class $slot.1/class | tr '\n' ,; echo" \
    '0x030000,0x0403' "picture and sound are one card"
asks gpu "cat $slot.0/vendor $slot.0/device | tr '\n' ,; echo" \
    '0x1002,0x5159,' "it is the host's card"
asks gpu "awk '{ print \$1 != \"0x0000000000000000\" }' $slot.0/resource | tr -d '\n' | sed 's/^/bars=/'; echo" \
    'bars=111' "its BARs have addresses"
asks gpu "echo 1 >$slot.0/rom; od -An -tx1 -N2 $slot.0/rom" '55 aa' \
    "its ROM is readable"
asks gpu "modprobe snd_hda_intel; sleep 5; grep -c . /proc/asound/card0/codec#0 | sed 's/^[1-9][0-9]*/codec found/'" \
    'codec found' "the sound's codec answers" 120
asks gpu "grep -c snd_hda /proc/interrupts | sed 's/$/ line/'" '1 line' \
    "and has an interrupt"
check "the power button ends it" "$carrel" stop gpu --timeout 90
check "it is gone" gone gpu 20
takes $audio
takes $gpu
check "the sound is on its driver again" within 20 \
    test "$(driver_of $audio)" = snd_hda_intel -o "$(driver_of $audio)" = ''
finish
