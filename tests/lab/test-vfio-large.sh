#!/usr/bin/env bash
# A card with a BAR of 8 GiB: the guest of either machine finds a place for it
# above 4 GiB and reaches both of its ends. Argument: CPUS-MEMORY.
. "$(dirname "$0")/vfio-lib.sh"
cpus=${3%-*} memory=${3#*-}
big=0000:05:00.0
bytes=$((8 << 30))

[ "$(cat $devices/$big/device 2>/dev/null)" = 0x1110 ] ||
    skip_all "no such card at $big (lab --topology large)"
check "the card is given to guests" gives $big || finish
slot=/sys/bus/pci/devices/0000:00:10.0

# reaches NAME - the BAR's place, and words at its begin and near its end.
reaches() {
    asks "$1" "set -- \$(sed -n 3p $slot/resource); echo large=\$((\$2 - \$1 + 1)) above=\$((\$1 >= 4294967296)) odd=\$((\$1 % $bytes))." \
        "large=$bytes above=1 odd=0\\." "$1: 8 GiB above 4 GiB, at a multiple" ||
        asks "$1" "cat $slot/resource; cat /proc/iomem | grep -i pci; echo seen-\$((6*7))" 'seen-42' "$1: seen"
    asks "$1" "echo 1 >$slot/enable; set -- \$(sed -n 3p $slot/resource); far=\$(printf 0x%x \$((\$1 + $bytes - 4096))); devmem \$1 32 0x1234$2; devmem \$far 32 0x5678$2; echo near=\$(devmem \$1 32) far=\$(devmem \$far 32)." \
        "near=0x1234$2 far=0x5678$2\\." "$1: both ends answer"
}
# on_host VALUE OFFSET - what the guest wrote is in the card.
on_host() {
    python3 - "$devices/$big/resource2" "$1" "$2" <<'PYTHON'
import mmap, os, sys
fd = os.open(sys.argv[1], os.O_RDWR)
at = int(sys.argv[3])
page = mmap.mmap(fd, 4096, offset=at)
sys.exit(int.from_bytes(page[:4], 'little') != int(sys.argv[2], 16))
PYTHON
}

makes_initrd "$home/initrd.gz"
check "it starts" "$carrel" run --detach --name minimal --memory "$memory" \
    --cpus "$cpus" --initrd "$home/initrd.gz" --set pci0.host=$big \
    "kernel=$kernel" || finish
check "a shell" "$carrel" expect minimal 'up: ready=42' --serial --timeout 240 ||
    finish
reaches minimal 0001
asks minimal "dd if=$slot/config bs=4 skip=64 count=1 2>/dev/null | wc -c | sed 's/^/extended=/;s/$/,/'" \
    'extended=0,' "minimal: configuration space ends where the card's does"
off minimal
check "it is free" within 10 is_free $big

cp "$disk" "$home/disk.img"
check "a PC with a BIOS starts" "$carrel" run --detach --name pc \
    --memory "$memory" --cpus "$cpus" --set pci0.host=$big \
    --set display.model=none --set serial0.kind=pane "disk=$home/disk.img" ||
    finish
check "pc: a login on the serial port" "$carrel" expect pc 'carrel-lab login:' \
    --serial --timeout 400 || finish
"$carrel" send pc serial $'root\n'
check "pc: root logs in" "$carrel" expect pc '~ #|/root #' --serial --timeout 60
reaches pc 0002
off pc
check "pc: it is free" within 10 is_free $big
# The host's own look needs the card without a driver.
echo $big >$devices/$big/driver/unbind
echo 1 >$devices/$big/enable
check "the card has what the guest wrote at its begin" on_host 0x12340002 0
check "and near its end" on_host 0x56780002 $((bytes - 4096))
finish
