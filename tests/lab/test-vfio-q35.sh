#!/usr/bin/env bash
# An NVMe drive of the host behind a root port of a Q35 board: whole, with all its
# configuration space, also after a reset by the guest; it goes and comes while
# the guest runs, and the host takes it away within the five seconds that Linux
# waits after a button. Argument: CPUS-MEMORY.
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
asks box 'cd /modules; for m in $(cat order); do case $m in nvme*|t10*|crc*) insmod $m 2>/dev/null;; esac; done; i=0; until [ -b /dev/nvme0n1 ] || [ $i -gt 100 ]; do usleep 100000; i=$((i+1)); done; [ -b /dev/nvme0n1 ] && echo "drive-$((6*7))"' \
    'drive-42' "the driver has it" || finish
asks box 'cd /sys/bus/pci/devices/0000:00:10.0/0000:??:00.0 && pwd -P; echo "in-$((6*7))"' \
    'devices/pci0000:00/0000:00:10\.0/0000:..:00\.0\s+in-42' \
    "it is behind the port of its slot" || finish
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
# is_plugged WORD - the drive comes, and the guest reads it.
is_plugged() {
    check "it is plugged in" "$carrel" attach box pci0 host=$bdf
    asks box "i=0; until [ -b /dev/nvme0n1 ] || [ \$i -gt 60 ]; do usleep 500000; i=\$((i+1)); done; [ -b /dev/nvme0n1 ] && echo \"$1-\$((6*7))\"" \
        "$1-42" "the guest finds it ($1)"
    reads_sum "$1"
}
is_plugged plugged

start=$(date +%s%N)
check "the host removes it" timeout 30 \
    bash -c "echo 1 >$devices/$bdf/remove"
took=$((($(date +%s%N) - start) / 1000000))
echo "# released after $took ms"
check "within 5 seconds" test $took -lt 5000
asks box 'i=0; while [ -b /dev/nvme0n1 ] && [ $i -le 60 ]; do usleep 500000; i=$((i+1)); done; dmesg | grep pciehp | tail -n 3; [ -b /dev/nvme0n1 ] || echo "pulled-$((6*7))"' \
    'pulled-42' "to the guest it was pulled"
echo 1 >/sys/bus/pci/rescan
check "the host finds it again" within 20 test -e $devices/$bdf
check "and gives it to guests" within 10 gives $bdf
is_plugged again
"$carrel" logs box --source serial | tail -n 40 | grep -a pciehp | sed 's/^/# /'
"$carrel" logs box | sed 's/^/# /'
check "the power button ends it" "$carrel" stop box --timeout 60
check "it is gone" gone box 10
check "the drive is the host's again" takes $bdf
finish
