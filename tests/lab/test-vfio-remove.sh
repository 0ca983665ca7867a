#!/usr/bin/env bash
# The host takes a drive away that a guest uses, by `remove` in sysfs, again and
# again: each time it is released within five seconds, the guest lives and gets
# the drive anew. Then the machine is killed with it, several times. Argument:
# CPUS-MEMORY-TIMES; with LAB_FULL five times as often.
. "$(dirname "$0")/vfio-lib.sh"
IFS=- read -r cpus memory times <<<"$3"
[ -z "${LAB_FULL:-}" ] || times=$((times * 5))
bdf=0000:04:00.0

[ "$(driver_of $bdf)" = nvme ] || skip_all "no NVMe drive at $bdf (lab --topology clean)"
check "the drive is given to guests" gives $bdf || finish
cp "$disk" "$home/disk.img"
check "it starts" "$carrel" run --detach --name loop --memory "$memory" \
    --cpus "$cpus" --set "pci0.host=$bdf" --set display.model=none \
    --set serial0.kind=pane "disk=$home/disk.img" || finish
check "a login on the serial port" "$carrel" expect loop 'carrel-lab login:' \
    --serial --timeout 400 || finish
"$carrel" send loop serial $'root\n'
check "root logs in" "$carrel" expect loop '~ #|/root #' --serial --timeout 60
asks loop 'cd /modules; for m in $(cat order); do case $m in nvme*|t10*|crc*) insmod $m 2>/dev/null;; esac; done; echo loaded-$((6*7))' \
    'loaded-42' "the driver is there"
"$carrel" send loop serial 'uses() { i=0; until [ -b /dev/nvme0n1 ] || [ $i -gt 100 ]; do usleep 100000; i=$((i+1)); done; dd if=/dev/nvme0n1 of=/dev/null bs=64k count=8 iflag=direct 2>/dev/null && echo "used-$1="; }'$'\n'
pid=$(pgrep -f -- "__machine loop" | head -n 1)

# plugged - the drive is on vfio-pci again, and in the machine.
plugged() {
    echo 1 >/sys/bus/pci/rescan
    within 20 test -e $devices/$bdf && within 10 gives $bdf &&
        "$carrel" attach loop pci0 host=$bdf
}

good=0 in_use=0 slowest=0 sum=0
for ((i = 1; i <= times; i++)); do
    "$carrel" send loop serial "uses $i"$'\n'
    if "$carrel" expect loop "used-$i=" --serial --timeout 60 >/dev/null 2>&1; then
        in_use=$((in_use + 1))
    else
        echo "# $i: the guest does not use it"
    fi
    start=$(date +%s%N)
    timeout 30 bash -c "echo 1 >$devices/$bdf/remove"
    took=$((($(date +%s%N) - start) / 1000000))
    sum=$((sum + took))
    [ $took -le $slowest ] || slowest=$took
    if [ $took -le 5000 ] && [ ! -e $devices/$bdf ] && [ -d "/proc/$pid" ]; then
        good=$((good + 1))
    else
        echo "# $i: after $took ms"
    fi
    plugged >"$home/plugged" 2>&1 || {
        sed "s/^/# $i: /" "$home/plugged"
        break
    }
done
echo "# released after $((sum / times)) ms on average, $slowest ms at most"
check "released within 5 seconds $good of $times times" test "$good" = "$times"
check "from a guest that used it $in_use times" test "$in_use" = "$times"
asks loop 'echo al''ive-$((6*7))' 'alive-42' "the guest lives"
check "one process all the time" test "$pid" = "$(pgrep -f -- "__machine loop" | head -n 1)"
off loop
check "it is free" within 10 is_free $bdf

kills=3
[ -z "${LAB_FULL:-}" ] || kills=10
free=0
makes_initrd "$home/initrd.gz" nvme
for ((i = 1; i <= kills; i++)); do
    "$carrel" run --detach --name killed --memory "$memory" --cpus "$cpus" \
        --initrd "$home/initrd.gz" --set "pci0.host=$bdf" "kernel=$kernel" \
        >"$home/started" 2>&1 || sed 's/^/# /' "$home/started"
    # in the firmware-less start, in the kernel, with the driver at work
    [ $((i % 3)) != 0 ] || "$carrel" expect killed 'up: ready=42' --serial \
        --timeout 240 >/dev/null 2>&1
    [ $((i % 3)) != 1 ] || sleep $((i % 5))
    kill -KILL "$(pgrep -f -- "__machine killed" | head -n 1)"
    if within 5 is_free $bdf; then free=$((free + 1)); fi
done
check "killed $kills times: the drive is free $free times" test $free = $kills
takes $bdf
on_own() { [ "$(driver_of $bdf)" = nvme ]; }
check "the host's driver has it in the end" within 20 on_own
check "and it works" within 20 dd "if=/dev/$(basename "$(echo $devices/$bdf/nvme/nvme*)")n1" \
    of=/dev/null bs=1M count=4 iflag=direct
finish
