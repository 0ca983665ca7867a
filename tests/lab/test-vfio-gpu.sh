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
pid=$(pgrep -f -- "__machine gpu" | head -n 1)
check "KVM knows of the group" bash -c "ls -l /proc/$pid/fd | grep -q kvm-vfio"
check "and made no fuss" bash -c "! \"$carrel\" logs gpu | grep -i 'KVM takes no'"
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
# loads OPTION - the sound's driver into the guest.
loads() {
    asks gpu "cd /modules; for m in \$(cat order); do case \$m in snd-hda-intel.ko) insmod \$m $1;; *) insmod \$m 2>/dev/null;; esac; done; sleep 5; echo loaded=\$(grep -c '^Codec: ' /proc/asound/card0/codec#0)" \
        'loaded=1' "the sound's codec answers, $1" 150 && return
    "$carrel" logs gpu --source serial | tail -n 30 | sed 's/^/# serial: /'
}
# asks_codec KIND - the codec's description many times over: an interrupt an
# answer. Sets interrupts to their number.
asks_codec() {
    asks gpu "n() { awk '/snd_hda/ { print \$2 }' /proc/interrupts; }; a=\$(n); for i in \$(seq 10); do cat /proc/asound/card0/codec#0; done >/dev/null; echo \$(awk '/snd_hda/ { print (/MSI/ ? \"message\" : \"line\") }' /proc/interrupts)s=\$((\$(n) - a))=" \
        "$1s=[0-9]+=" "and interrupts by $1" 150
    interrupts=$("$carrel" logs gpu --source serial |
        sed -n "s/.*$1s=\([0-9][0-9]*\)=.*/\1/p" | tail -n 1)
}
loads enable_msi=1
# delivers KIND EVENT - what traces() has recorded; sets work to the exits and
# wake-ups meanwhile, most of which are the serial port's before the first answer.
delivers() {
    local n silent exits calls woken
    read -r n silent exits calls woken < <(meanwhile "$2")
    echo "# by $1: $interrupts interrupts, KVM delivered $n; nothing of the" \
        "process ran between $silent of them and the next, and between the" \
        "others $exits exits, $calls calls, $woken wake-ups"
    check "once for each answer (${interrupts:=0})" test "$interrupts" -gt 100
    check "KVM delivered them" test "$n" -ge "$interrupts"
    work=$((exits + woken))
}
traces "$pid"
asks_codec message
delivers message ' kvm_msi_set_irq: '
by_message=$work
asks gpu "rmmod snd_hda_intel; echo removed=\$((6 * 7))" 'removed=42' \
    "the driver goes"
loads enable_msi=0
traces "$pid"
asks_codec line
# source 1 is a line that ends by itself (KVM_IRQFD_FLAG_RESAMPLE)
delivers line ' kvm_set_irq: gsi [0-9]+ level 1 source 1'
# A line that went through this process would add two or more for each.
check "which add nothing to the process's work" \
    test "$work" -lt $((by_message + interrupts / 2))
check "none of them went by the loop" bash -c \
    "\"$carrel\" logs gpu >\"$home/log\" && ! grep -q 'slow way' \"$home/log\""
check "the power button ends it" "$carrel" stop gpu --timeout 90
check "it is gone" gone gpu 20
takes $audio
takes $gpu
check "the sound is on its driver again" within 20 \
    test "$(driver_of $audio)" = snd_hda_intel -o "$(driver_of $audio)" = ''
finish
