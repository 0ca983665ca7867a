#!/usr/bin/env bash
# An NVMe drive of the host behind a root port of a Q35 board: whole, with all its
# configuration space, also after a reset by the guest; it goes and comes while
# the guest runs. Argument: CPUS-MEMORY.
. "$(dirname "$0")/vfio-lib.sh"
cpus=${3%-*} memory=${3#*-}
bdf=0000:04:00.0
mib=8

drive=/dev/$(basename "$(echo $devices/$bdf/nvme/nvme*)")n1
[ -b "$drive" ] || skip_all "no NVMe drive at $bdf (lab --topology clean)"
dd if=/dev/urandom of="$home/sent" bs=1M count=$mib status=none
dd if="$home/sent" of="$drive" bs=1M conv=fsync status=none
sum=$(sha256sum <"$home/sent" | cut -c 1-16)
check "the drive is given to guests" gives $bdf

cp "$disk" "$home/disk.img"
starts box --memory "$memory" --cpus "$cpus" --set serial0.kind=pane \
    --set machine.chipset=pc-q35 --set pci0.host=$bdf "disk=$home/disk.img"
check "a login on the serial port" \
    "$carrel" expect box 'carrel-lab login:' --serial --timeout 400 || finish
"$carrel" send box serial $'root\n'
check "the shell's prompt" \
    "$carrel" expect box '~ #|/root #' --serial --timeout 30
asks box 'modprobe nvme; sleep 3; cd /sys/bus/pci/devices/0000:00:10.0/0000:*/ && pwd -P; echo "in-$((6*7))"' \
    'devices/pci0000:00/0000:00:10\.0/0000:[^i]*in-42' \
    "it is behind the port of its slot"
asks box 'echo "$(wc -c <config) bytes"' '4096 bytes' \
    "all its configuration space is there"
asks box 'hexdump -s 256 -n 64 config | md5sum >/tmp/before; hexdump -s 256 -n 4 config; echo "ext-$((6*7))"' \
    'ext-42' "what is behind byte 255"
reads_sum() {
    asks box "dd if=/dev/nvme0n1 bs=64k count=$((mib * 16)) 2>/dev/null | sha256sum | cut -c 1-16 | sed 's/^/$1=/'" \
        "$1=$sum" "$mib MiB of the host, whole ($1)" 240
}
reads_sum once
asks box 'd=$(basename "$PWD"); echo $d >/sys/bus/pci/drivers/nvme/unbind; echo 1 >reset; hexdump -s 256 -n 64 config | md5sum | cmp - /tmp/before && echo "kept-$((6*7))"; echo $d >/sys/bus/pci/drivers/nvme/bind; sleep 3; cd /' \
    'kept-42' "the guest resets it, and it is as it was"
reads_sum after-reset

check "the guest lets it go" "$carrel" detach box pci0 --timeout 60
asks box '[ -e /dev/nvme0n1 ] || echo "gone-$((6*7))"' 'gone-42' "it is gone"
check "nobody has it" within 20 is_free $bdf
check "it is plugged in" "$carrel" attach box pci0 host=$bdf
asks box 'i=0; until [ -b /dev/nvme0n1 ] || [ $i -gt 60 ]; do usleep 500000; i=$((i+1)); done; [ -b /dev/nvme0n1 ] && echo "back-$((6*7))"' \
    'back-42' "the guest finds it"
reads_sum plugged
"$carrel" logs box | sed 's/^/# /'
check "the power button ends it" "$carrel" stop box --timeout 60
check "it is gone" gone box 10
check "the drive is the host's again" takes $bdf
finish
