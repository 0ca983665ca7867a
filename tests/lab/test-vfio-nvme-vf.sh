#!/usr/bin/env bash
# A virtual function of an NVMe drive in a guest: made and brought online by
# `carrel passthrough vf`, bound by `carrel start`; fio writes to it, reads back
# and compares, the host reads the same bytes, and all goes back. Argument:
# CPUS-MEMORY.
. "$(dirname "$0")/vfio-lib.sh"
cpus=${3%-*} memory=${3#*-}
pf=0000:02:00.0
mib=4

[ "$(driver_of $pf)" = nvme ] || skip_all "no NVMe drive at $pf (lab --topology clean)"
[ -n "${LAB_FIO:-}" ] || skip_all "the package fio is not installed"
controller=$(basename "$(echo $devices/$pf/nvme/nvme*)")
drive=/dev/${controller}n1
[ -b "$drive" ] || drive=/dev/$(basename "$(echo $devices/$pf/nvme/nvme*/nvme*n1)")
secondary() { nvme list-secondary "/dev/$controller" -e 4 2>/dev/null; }
before=$(secondary)
check "there are secondary controllers (nvme-cli lists them)" test -n "$before"

makes_initrd "$home/initrd.gz" nvme virtio_pci virtio_blk ext4
dd if=/dev/urandom of="$home/sent" bs=1M count=$mib status=none
dd if="$home/sent" of="$drive" bs=1M seek=64 conv=fsync status=none
sum=$(sha256sum <"$home/sent" | cut -c 1-16)

check "a function is made" "$carrel" passthrough vf create $pf 1 --yes || finish
vf=$(basename "$(readlink $devices/$pf/virtfn0)")
check "it is online" grep -q "vf 0 .*online" <("$carrel" passthrough vf list)
check "the machine is made" "$carrel" new vfdisk --from linux-kernel \
    "machine.kernel=$kernel" "machine.initrd=$home/initrd.gz" \
    "machine.cmdline=console=ttyS0" "machine.memory=$memory" \
    "machine.cpus=$cpus" "pci0.host=$vf" disk0.model=virtio-blk \
    "disk0.path=$LAB_FIO" disk0.format=raw disk0.read-only=true || finish
was=$(driver_of "$vf")
on_host() { [ "$(driver_of "$vf")" = "$was" ]; }

check "it starts" "$carrel" start vfdisk --yes || finish
check "a shell" "$carrel" expect vfdisk 'up: ready=42' --serial --timeout 300 ||
    finish
asks vfdisk 'i=0; until [ -b /dev/nvme0n1 ] || [ $i -gt 20 ]; do sleep 1; i=$((i+1)); done; echo size=$(cat /sys/block/nvme0n1/size)=' \
    'size=524288=' "the guest has the drive's namespace" || finish
asks vfdisk "dd if=/dev/nvme0n1 bs=1M skip=64 count=$mib iflag=direct 2>/dev/null | sha256sum | cut -c 1-16 | sed 's/^/host=/'" \
    "host=$sum" "$mib MiB that the host wrote, whole" 240
has_fio vfdisk /dev/vda
verifies vfdisk /dev/nvme0n1 16m
asks vfdisk "dd if=/dev/urandom of=/f bs=1M count=$mib 2>/dev/null; dd if=/f of=/dev/nvme0n1 bs=1M seek=80 oflag=direct 2>/dev/null; sync; echo wrote=\$(sha256sum </f | cut -c 1-16)=" \
    'wrote=[0-9a-f]+=' "the guest writes" 240
sum=$("$carrel" logs vfdisk --source serial 2>/dev/null |
    sed -n 's/.*wrote=\([0-9a-f]*\)=.*/\1/p' | tail -n 1)
got=$(dd if="$drive" bs=1M skip=80 count=$mib iflag=direct status=none | sha256sum | cut -c 1-16)
check "the host reads what the guest wrote, while it runs" test "$got" = "$sum"
"$carrel" send vfdisk serial $'poweroff -f\n'
check "it is gone" gone vfdisk 60
check "the host has the function back" within 30 on_host
check "all is taken back" "$carrel" passthrough undo --all --yes
check "no function is left" test "$(cat $devices/$pf/sriov_numvfs)" = 0
check "the secondary controllers are as before" test "$(secondary)" = "$before"
finish
