#!/usr/bin/env bash
# A virtual function of an SR-IOV network card in a guest: the address that the
# host gave it, its link, message interrupts, and files both ways to the physical
# function and to another virtual function. Argument: CPUS-MEMORY.
. "$(dirname "$0")/vfio-lib.sh"
here=$(dirname "$0")
cpus=${3%-*} memory=${3#*-}
pf=0000:01:00.0
mac=52:54:00:aa:bb:01
mib=2

command -v ip >/dev/null || skip_all "no ip here (Debian package iproute2)"
[ "$(driver_of $pf)" = igb ] || skip_all "no igb at $pf (lab with QEMU 8 or newer)"
card=$(basename "$devices/$pf"/net/*)
makes_initrd "$home/initrd.gz" igbvf
echo 2 >$devices/$pf/sriov_numvfs
vf=$(basename "$(readlink $devices/$pf/virtfn0)")
other=$(basename "$(readlink $devices/$pf/virtfn1)")
ip link set "$card" vf 0 mac $mac
ip addr add 192.168.90.1/24 dev "$card"
ip link set "$card" up
check "the function is given to guests" gives "$vf" || finish

check "it starts" "$carrel" run --detach --name nic --memory "$memory" \
    --cpus "$cpus" --initrd "$home/initrd.gz" --set "pci0.host=$vf" \
    "kernel=$kernel" || finish
check "a shell" "$carrel" expect nic 'up: ready=42' --serial --timeout 240 ||
    finish
asks nic 'ip link set eth0 up; ip addr add 192.168.90.2/24 dev eth0; cat /sys/class/net/eth0/address' \
    "$mac" "the guest has the address from the host"
sleep 5
asks nic 'echo carrier=$(cat /sys/class/net/eth0/carrier)=' 'carrier=1=' "link"
asks nic 'ping -c 5 -W 10 192.168.90.1 | grep -o "[0-9] packets received"' \
    '[1-5] packets received' "it reaches the physical function" 120
asks nic 'grep -c "MSI.*eth0" /proc/interrupts | sed "s/$/ vectors/"' \
    '3 vectors' "three message interrupts"

dd if=/dev/urandom of="$home/sent" bs=64k count=$((mib * 16)) status=none
sum=$(sha256sum <"$home/sent" | cut -c 1-16)
python3 "$here/one-file.py" send 7300 "$home/sent" &
listens 7300
asks nic "nc 192.168.90.1 7300 | sha256sum | cut -c 1-16 | sed 's/^/down=/'" \
    "down=$sum" "host to guest, $mib MiB whole" 300
python3 "$here/one-file.py" receive 7301 "$home/got" &
listens 7301
asks nic "dd if=/dev/urandom of=/f bs=64k count=$((mib * 16)) 2>/dev/null; nc 192.168.90.1 7301 </f; echo sent-\$((6*7))" \
    'sent-42' "guest to host is sent" 300
within 60 test -s "$home/got"
sleep 2
got=$(sha256sum <"$home/got" | cut -c 1-16)
asks nic "[ \$(sha256sum </f | cut -c 1-16) = $got ] && echo same-\$((6*7))" \
    'same-42' "and arrives whole"

# The other function stays with the host; frames cross inside the card.
peer=$(basename "$devices/$other"/net/* 2>/dev/null)
if [ -n "$peer" ] && ip netns add peer 2>/dev/null; then
    ip link set "$peer" netns peer
    ip -n peer addr add 192.168.90.3/24 dev "$peer"
    ip -n peer link set "$peer" up
    sleep 5
    asks nic 'ping -c 5 -W 10 192.168.90.3 | grep -o "[0-9] packets received"' \
        '[1-5] packets received' "it reaches another function" 120
fi

start=$(date +%s%N)
check "the host takes all functions away" timeout 20 \
    bash -c "echo 0 >$devices/$pf/sriov_numvfs"
took=$((($(date +%s%N) - start) / 1000000))
echo "# released after $took ms"
# The card itself needs two to four seconds of these.
check "within 10 seconds" test $took -lt 10000
check "and they are gone" test ! -e "$devices/$vf"
check "the guest lives" "$carrel" send nic serial $'echo al''ive\n'
check "and answers" "$carrel" expect nic 'alive' --serial --timeout 60
off nic
finish
