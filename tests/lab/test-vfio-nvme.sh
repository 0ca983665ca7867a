#!/usr/bin/env bash
# A whole NVMe drive of the host in a guest: data goes both ways whole, the guest
# restarts, the machine stops, dies, and the host takes the drive back. Argument:
# CPUS-MEMORY[-RESTARTS].
. "$(dirname "$0")/vfio-lib.sh"
IFS=- read -r cpus memory restarts <<<"$3"
bdf=0000:04:00.0
mib=8

drive=/dev/$(basename "$(echo $devices/$bdf/nvme/nvme*)")n1
[ -b "$drive" ] || skip_all "no NVMe drive at $bdf (lab --topology clean)"
dd if=/dev/urandom of="$home/sent" bs=1M count=$mib status=none
dd if="$home/sent" of="$drive" bs=1M conv=fsync status=none
sum=$(sha256sum <"$home/sent" | cut -c 1-16)
makes_initrd "$home/initrd.gz" nvme virtio_pci virtio_blk ext4
# fio's image as a second disk, where the package is installed
tools=()
[ -z "${LAB_FIO:-}" ] || tools=(--set disk0.model=virtio-blk
    --set disk0.read-only=true "disk=$LAB_FIO")

says_no() { "$carrel" run --detach --name no "$@" "kernel=$kernel" 2>&1; }
check "a device on its driver is refused, with the remedy" \
    grep -q "bound to the host's driver nvme.*passthrough bind $bdf" \
    <(says_no --set pci0.host=$bdf)
check "an address that is none is refused" grep -q 'an address such as' \
    <(says_no --set 'pci0.host=04:00.0;rm')
check "a device that is not there is named" \
    grep -q 'no PCI device 0000:44:00.0' <(says_no --set pci0.host=44:00.0)

check "the drive is given to guests" gives $bdf
check "nobody has it" is_free $bdf

# boots NAME - to the guest's shell.
boots() {
    check "$1: it starts" "$carrel" run --detach --name "$1" \
        --memory "$memory" --cpus "$cpus" --initrd "$home/initrd.gz" \
        --set pci0.host=$bdf "kernel=$kernel" ${tools[@]+"${tools[@]}"} ||
        finish
    check "$1: a shell" "$carrel" expect "$1" 'up: ready=42' --serial \
        --timeout 240 || finish
}
reads_sum() {
    asks "$1" "dd if=/dev/nvme0n1 bs=64k count=$((mib * 16)) iflag=direct 2>/dev/null | sha256sum | cut -c 1-16 | sed 's/^/$2=/'" \
        "$2=$sum" "$1: $mib MiB of the host, whole ($2)" 240
}

boots first
check "somebody has it" bash -c "! (exec 3<>/dev/vfio/$(group_of $bdf)) 2>/dev/null"
reads_sum first once
asks first 'grep -c "MSI.*nvme0q" /proc/interrupts | sed "s/$/ vectors/"' \
    "$((cpus + 1)) vectors" "first: a message interrupt for each queue"

# The kernel alone moves the interrupts.
pid=$(pgrep -f -- "__machine first" | head -n 1)
before=$(wakes "$pid")
asks first 'dd if=/dev/nvme0n1 of=/dev/null bs=4k count=2000 iflag=direct 2>/dev/null; awk "/nvme0q[1-9]/ { for (i = 2; i <= NF; i++) if (\$i ~ /^[0-9]+$/) n += \$i } END { print (n > 2000 ? \"many\" : n), \"interrupts\" }" /proc/interrupts' \
    'many interrupts' "first: 2000 requests, an interrupt each" 240
woken=$(($(wakes "$pid") - before))
echo "# $woken wake-ups of the machine's process meanwhile"
check "first: they did not wake the machine's process" test $woken -lt 500

if [ -n "${LAB_FIO:-}" ]; then
    has_fio first /dev/vda
    verifies first /dev/nvme0n1 16m
else
    check "first: fio # SKIP the package fio is not installed" true
fi

asks first "dd if=/dev/urandom of=/f bs=64k count=$((mib * 16)) 2>/dev/null; dd if=/f of=/dev/nvme0n1 bs=64k oflag=direct 2>/dev/null; sync; echo wrote=\$(sha256sum </f | cut -c 1-16)=" \
    'wrote=[0-9a-f]+=' "first: the guest writes" 240
sum=$("$carrel" logs first --source serial 2>/dev/null | sed -n 's/.*wrote=\([0-9a-f]*\)=.*/\1/p' | tail -n 1)
for ((i = 1; i <= ${restarts:-1}; i++)); do
    "$carrel" send first serial $'reboot -f\n'
    check "first: restart $i" "$carrel" expect first 'up: ready=42' --serial \
        --timeout 240 || finish
done
[ -z "$sum" ] || reads_sum first again
"$carrel" send first serial $'poweroff -f\n'
check "first: it is gone" gone first 60
check "the drive is free again" within 5 is_free $bdf

boots second
check "second: killed" kill -KILL "$(pgrep -f -- "__machine second" | head -n 1)"
check "second: the drive is free within 3 seconds" within 3 is_free $bdf

boots third
start=$(date +%s%N)
check "third: the host removes the drive" timeout 20 \
    bash -c "echo 1 >$devices/$bdf/remove"
took=$((($(date +%s%N) - start) / 1000000))
echo "# released after $took ms"
check "third: it was released within 5 seconds" test $took -lt 5000
check "third: the log says so" bash -c \
    "\"$carrel\" logs third | grep -q 'the host asks for the device back'"
check "third: the guest lives" "$carrel" send third serial $'echo al''ive\n'
check "third: and answers" "$carrel" expect third 'alive' --serial --timeout 60
pid=$(pgrep -f -- "__machine third" | head -n 1)
has_no_group() { ! readlink /proc/"$pid"/fd/* | grep -q '^/dev/vfio/[0-9]'; }
check "third: the machine has let go of the group" within 5 has_no_group
echo 1 >/sys/bus/pci/rescan
check "the host finds it again" within 20 test -e $devices/$bdf
[ "$(driver_of $bdf)" != vfio-pci ] || takes $bdf
has_own_driver() { test "$(driver_of $bdf)" = nvme; }
check "on its own driver, while the machine runs" within 20 has_own_driver
check "third: it still runs" "$carrel" send third serial $'echo st''ill\n'
check "third: and still answers" "$carrel" expect third 'still' --serial \
    --timeout 60
off third
if [ -n "$sum" ]; then
    within 20 test -b "$drive"
    got=$(dd if="$drive" bs=1M count=$mib iflag=direct status=none | sha256sum | cut -c 1-16)
    check "and reads what the guest wrote" test "$got" = "$sum"
fi
finish
