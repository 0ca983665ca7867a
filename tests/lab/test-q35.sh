#!/usr/bin/env bash
# Debian from a SATA disk of a Q35 board: what it finds of PCI Express and ACPI, a
# disk and a network card in its slots again and again, a restart, off by the
# power button. Argument: CPUS-MEMORY.
. "$(dirname "$0")/lib.sh"
cpus=${3%-*} memory=${3#*-}

# asks COMMAND PATTERN WHAT [SECONDS] - a line for the shell, and its answer.
asks() {
    "$carrel" send q35 serial "$1"$'\n' &&
        check "$3" "$carrel" expect q35 "$2" --serial --timeout "${4:-60}"
}

# until_guest CONDITION WORD WHAT - the guest sees it come true within 30 s.
until_guest() {
    asks "i=0; until [ $1 ] || [ \$i -gt 60 ]; do usleep 500000; i=\$((i+1)); done; [ $1 ] && echo \"$2-\$((6*7))\"" \
        "$2-42" "$3"
}

logs_in() {
    check "a login on the serial port, $1" \
        "$carrel" expect q35 'carrel-lab login:' --serial --timeout 400 ||
        finish
    check "root logs in" "$carrel" send q35 serial $'root\n'
    check "the shell's prompt" \
        "$carrel" expect q35 '~ #|/root #' --serial --timeout 30
}

log_says() { "$carrel" logs q35 -n 1000 | grep -q "$1"; }

cp "$disk" "$home/disk.img"
truncate -s 16M "$home/extra.img"
begins() {
    starts q35 --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
        --set machine.chipset=pc-q35 "disk=$home/disk.img"
    logs_in "$1"
}
begins first
asks 'grep -c . /sys/bus/pci/devices/0000:00:1f.2/sata_* 2>/dev/null; readlink /sys/bus/pci/devices/0000:00:1f.2/driver; grep " / " /proc/mounts' \
    '/dev/sda1 / ext4' "the root is a SATA disk"
asks 'cat /sys/bus/pci/devices/0000:00:00.0/device /sys/bus/pci/devices/0000:00:1f.0/device; echo "id-$((6*7))"' \
    '0x29c0[^i]*0x2918[^i]*id-42' "the chips are a Q35's"
asks 'dmesg | grep -E "MMCONFIG|ECAM" | tail -n 4; echo "ecam-$((6*7))"' \
    'ecam-42' "configuration space in memory"
asks 'dmesg | grep -q "MMCONFIG.*0xb0000000" && echo "mcfg-$((6*7))"' \
    'mcfg-42' "Linux uses the MCFG"
asks 'echo "$(ls -d /sys/bus/pci/slots/* | wc -l) slots, $(ls -d /sys/bus/pci_express/drivers/pciehp/* | grep -c :pcie) by pciehp"' \
    '16 slots, 16 by pciehp' "each root port has a slot"
asks 'dmesg | grep -E "_OSC|acpi PNP0A08" | tail -n 6; dmesg | grep -q "OS now controls.*PCIeHotplug" && echo "osc-$((6*7))"' \
    'osc-42' "Linux was given hot-plug"
asks 'cat /proc/interrupts | grep -E "acpi|ahci|i8042|PCI-MSI"; echo "irq-$((6*7))"' \
    'irq-42' "interrupts"

for i in 1 2 3 4 5; do
    check "a disk is plugged in, $i" "$carrel" attach q35 disk1 \
        "path=$home/extra.img" model=virtio-blk serial=plugged-$i
    until_guest '-b /dev/vda' "here$i" "the guest finds it, $i" || {
        asks 'dmesg | tail -n 40; echo "why-$((6*7))"' 'why-42' "why"
        "$carrel" logs q35 -s serial0 -n 200 | sed 's/^/# /'
        finish
    }
    asks "dd if=/dev/urandom of=/tmp/a bs=64k count=32 2>/dev/null; dd if=/tmp/a of=/dev/vda bs=64k 2>/dev/null; sync; echo 3 >/proc/sys/vm/drop_caches; cmp -n 2097152 /tmp/a /dev/vda && echo \"same\$(cat /sys/block/vda/serial)\"" \
        "sameplugged-$i" "2 MiB read back as written, $i"
    check "the guest lets it go, $i" "$carrel" detach q35 disk1 --timeout 60
    until_guest '! -e /dev/vda' "gone$i" "it is gone in the guest, $i"
done
check "the log says so" log_says 'disk1: detached: the guest let it go'

check "a network card is plugged in" "$carrel" attach q35 net1 kind=user
until_guest '-e /sys/class/net/eth0' card "the guest finds it"
asks 'udhcpc -i eth0 -q -n; ip addr show eth0 | grep "inet "' \
    'inet 10\.0\.2\.' "it gets an address"
check "a disk beside it" "$carrel" attach q35 disk1 "path=$home/extra.img" \
    model=virtio-blk
until_guest '-b /dev/vda' beside "the guest finds that"
asks 'readlink /sys/block/vda; readlink /sys/class/net/eth0; echo "where-$((6*7))"' \
    'where-42' "where they are"
asks 'dmesg -r | grep "^<[0-3]>" | grep -v "8042\|usb"; echo "calm-$((6*7))"' 'calm-42' "the kernel's errors"
# GRUB reads this; see make-disk.sh.
asks 'echo "set lab_words=acpi=strict" >/boot/grub/custom.cfg; sync; echo "strict-$((6*7))"' \
    'strict-42' "the next start is to be strict about ACPI"
"$carrel" send q35 serial $'sync; reboot -f\n'
logs_in "after a restart"
asks 'grep -q acpi=strict /proc/cmdline && echo "word-$((6*7))"' 'word-42' \
    "it is"
asks 'dmesg | grep -E "ACPI (BIOS )?(Error|Warning|Exception)|AE_[A-Z]"; echo "said-$?"' \
    'said-1' "the tables are without fault"
until_guest '-b /dev/vda' after "the disk is there after the restart"
until_guest '-e /sys/class/net/eth0' net "and the network"
check "the guest lets the network go" "$carrel" detach q35 net1 --timeout 60
check "the power button ends it" "$carrel" stop q35 --timeout 60
check "it is gone" gone q35 10

# Linux (6.1) waits for ever for the answer of a card that was pulled: it empties
# no other slot after that, and no power button ends it.
begins "to be pulled from"
check "a disk is plugged in" "$carrel" attach q35 disk1 \
    "path=$home/extra.img" model=virtio-blk
until_guest '-b /dev/vda' last "the guest finds it"
check "it is pulled out" "$carrel" detach q35 disk1 --force
until_guest '! -e /dev/vda' pulled "the guest notices"
asks 'dmesg -r | grep "^<[0-3]>"; echo "quiet-$((6*7))"' 'quiet-42' "the kernel's errors after that"
"$carrel" logs q35 -s serial0 -n 400 | sed 's/^/# /'
check "a forced stop ends it" "$carrel" stop q35 --force
finish
