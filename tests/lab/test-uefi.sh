#!/usr/bin/env bash
# A machine with the distribution's UEFI: its shell runs a script from a disk (IDE,
# on a Q35 virtio), a variable that was set survives power off, Debian's kernel
# starts by its EFI stub, cards come and go. Argument: CPUS-MEMORY[-q35].
. "$(dirname "$0")/lib.sh"
IFS=- read -r cpus memory board <<<"$3"
model=ide new=vda
[ -z "$board" ] || model=virtio-blk new=vdc
export PATH=$PATH:/usr/sbin:/sbin
command -v mformat >/dev/null || skip_all "the package mtools is missing"
"$carrel" info | grep -q '^uefi .*/' || skip_all "the package ovmf is missing"

dd if="$disk" of="$home/part.img" bs=1M skip=1 status=none
for file in vmlinuz initrd.img; do
    debugfs -R "dump /boot/$file $home/$file" "$home/part.img" 2>/dev/null
done
# The GUID is the test's own: in UEFI's only known names may be set.
cat >"$home/startup.nsh" <<'NSH'
@echo -off
if exist fs0:\second.txt then
  goto second
endif
echo second > fs0:\second.txt
setvar CarrelLab -guid 2d1f6c0e-8a54-4f6b-9c7e-5b3a1e90d4c2 -bs -rt -nv =L"kept by the chip"
echo "first start ends"
reset -s
:second
echo "second start"
dmpstore -guid 2d1f6c0e-8a54-4f6b-9c7e-5b3a1e90d4c2 CarrelLab
fs0:\vmlinuz.efi initrd=\initrd.img console=ttyS0
NSH
# The system takes the first partition that it finds for its root, Linux names
# disks in the order in which they answer, and mformat writes what looks like a
# table of partitions.
truncate -s 64M "$home/esp.img"
mformat -i "$home/esp.img" -F :: &&
    dd if=/dev/zero of="$home/esp.img" bs=1 seek=446 count=64 conv=notrunc \
        status=none &&
    mcopy -i "$home/esp.img" "$home/vmlinuz" ::vmlinuz.efi &&
    mcopy -i "$home/esp.img" "$home/initrd.img" ::initrd.img &&
    mcopy -i "$home/esp.img" "$home/startup.nsh" ::startup.nsh
cp "$disk" "$home/root.img"

# tells - what came over the serial port, where UEFI's console is as well, after
# a failure: its screen is a picture.
tells() {
    {
        "$carrel" logs box
        "$carrel" logs box --source serial0 --lines 40
    } 2>&1 | tr -d '\033\r' | sed 's/^/# /'
}

check "a machine is made" "$carrel" new box --from pc \
    --disk "$home/root.img" --disk "$home/esp.img" machine.firmware=uefi \
    machine.cpus="$cpus" machine.memory="$memory" disk0.model="$model" \
    disk1.model="$model" machine.chipset="pc-${board:-i440fx}"
vars=$XDG_DATA_HOME/carrel/machines/box/uefi-vars.fd
check "it starts" "$carrel" start box || finish
check "its variables are in its folder" test -s "$vars"
check "another program cannot write them" bash -c \
    "! '$carrel' run --detach --name thief disk='$vars' 2>/dev/null"
check "the shell runs the script" "$carrel" expect box 'first start ends' \
    --serial --timeout 800 || tells
check "it powers off by itself" gone box 60
check "the variable is in the file" grep -aqP 'k\0e\0p\0t' "$vars"

check "it starts again" "$carrel" start box
check "the script goes on" "$carrel" expect box 'second start' --serial \
    --timeout 800 || tells
check "the variable was kept" "$carrel" expect box '6B 00 65 00 70 00' --serial \
    --timeout 60 || tells
check "Debian starts by its EFI stub" \
    "$carrel" expect box 'carrel-lab login:' --serial --timeout 800 ||
    { tells; finish; }
asks() { # COMMAND PATTERN WHAT
    "$carrel" send box serial "$1"$'\n' &&
        check "$3" "$carrel" expect box "$2" --serial --timeout 60
}
asks root '~ #|/root #' "root logs in"
asks '[ -d /sys/firmware/efi ] && echo efi-$((6*7))' 'efi-42' \
    "it knows that it was started by UEFI"
asks 'dmesg | grep -c "ACPI: FACP" | sed s/^/tables-/' 'tables-[1-9]' \
    "it has the machine's ACPI tables"
asks 'wc -l </proc/cpuinfo; grep -c ^processor /proc/cpuinfo | sed s/^/cpus-/' \
    "cpus-$cpus" "all processors run"
asks 'mount | grep " / "; ls -d /sys/block/[sv]d?; echo "disks-$((6*7))"' \
    'disks-42' "its disks"

# ---- what UEFI has not seen: memory for it is the kernel's to give

# until_guest CONDITION WORD WHAT - the guest sees it come true within 30 s.
until_guest() {
    asks "i=0; until [ $1 ] || [ \$i -gt 60 ]; do usleep 500000; i=\$((i+1)); done; [ $1 ] && echo \"$2-\$((6*7))\"" \
        "$2-42" "$3"
}
truncate -s 16M "$home/extra.img"
for i in 1 2; do
    check "a disk is plugged in, $i" "$carrel" attach box disk2 \
        "path=$home/extra.img" model=virtio-blk "serial=plugged-$i"
    until_guest "-b /dev/$new" "here$i" "the guest finds it, $i" || {
        asks 'dmesg | tail -n 30; echo "why-$((6*7))"' 'why-42' "why"
        tells
        break
    }
    asks "dd if=/dev/urandom of=/tmp/a bs=64k count=32 2>/dev/null; dd if=/tmp/a of=/dev/$new bs=64k 2>/dev/null; sync; echo 3 >/proc/sys/vm/drop_caches; cmp -n 2097152 /tmp/a /dev/$new && echo \"same\$(cat /sys/block/$new/serial)\"" \
        "sameplugged-$i" "2 MiB read back as written, $i"
    check "the guest lets it go, $i" "$carrel" detach box disk2 --timeout 60
    until_guest "! -e /dev/$new" "gone$i" "it is gone in the guest, $i"
done
check "a network card is plugged in" "$carrel" attach box net1 kind=user
until_guest '-e /sys/class/net/eth0' card "the guest finds it"
asks 'udhcpc -i eth0 -q -n; ip addr show eth0 | grep "inet "' \
    'inet 10\.0\.2\.' "it gets an address"
check "the guest lets the card go" "$carrel" detach box net1 --timeout 60
until_guest '! -e /sys/class/net/eth0' uncard "it is gone in the guest"
asks 'dmesg | grep -iE "can.t assign|no space|failed to assign"; echo "room-$((6*7))"' \
    'room-42' "what it says of room"
check "the power button ends it" "$carrel" stop box --timeout 60

printf x >>"$vars"
check "another firmware's variables are refused" bash -c \
    "'$carrel' start box 2>&1 | grep -F 'move the file away'"
finish
