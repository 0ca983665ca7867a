#!/usr/bin/env bash
# Debian with three network cards: a user network, a tap with two queue pairs
# that the kernel serves where it can, and a tap that Carrel serves itself. On
# each, files go both ways and arrive whole. Argument: CPUS-MEMORY.
here=$(dirname "$0")
. "$here/lib.sh"
export PATH=$PATH:/usr/sbin:/sbin
cpus=${3%-*} memory=${3#*-}
bytes=$((8 << 20))

command -v ip >/dev/null || skip_all "no ip here (Debian package iproute2)"
modprobe tun 2>/dev/null
modprobe vhost_net 2>/dev/null
[ -e /dev/net/tun ] || skip_all "no /dev/net/tun in this lab"
ip link set lo up
ip tuntap add dev cl1 mode tap multi_queue
ip tuntap add dev cl2 mode tap
ip addr add 192.168.81.1/24 dev cl1
ip addr add 192.168.82.1/24 dev cl2
ip link set cl1 up
ip link set cl2 up

cp "$disk" "$home/disk.img"
dd if="$disk" of="$home/part.img" bs=1M skip=1 status=none
for file in vmlinuz initrd.img; do
    debugfs -R "dump /boot/$file $home/$file" "$home/part.img" 2>/dev/null
done
starts net --memory "$memory" --cpus "$cpus" \
    --initrd "$home/initrd.img" --append ro \
    --set net0.kind=user --set net0.host-access=true \
    --set net1.kind=tap --set net1.interface=cl1 --set net1.queues=2 \
    --set net2.kind=tap --set net2.interface=cl2 --set net2.vhost=off \
    "kernel=$home/vmlinuz" "disk=$home/disk.img"
check "a login on the serial port" \
    "$carrel" expect net 'carrel-lab login:' --serial --timeout 400 || finish

# asks COMMAND PATTERN WHAT - a line for the shell, and its answer.
asks() {
    "$carrel" send net serial "$1"$'\n' &&
        check "$3" "$carrel" expect net "$2" --serial --timeout "${4:-90}"
}

asks root '~ #|/root #' "root logs in"

# What crosses, and its sum.
dd if=/dev/urandom of="$home/sent" bs=64k count=$((bytes >> 16)) 2>/dev/null
host_sum=$(sha256sum <"$home/sent" | cut -c 1-16)

# transfers HOST-ADDRESS PORT WHAT
transfers() {
    local got
    python3 "$here/one-file.py" send "$2" "$home/sent" &
    sleep 1
    asks "nc $1 $2 | sha256sum | cut -c 1-16 | sed 's/^/down$2=/'" \
        "down$2=$host_sum" "$3: host to guest, 8 MiB whole" 300
    python3 "$here/one-file.py" receive "$(($2 + 1))" "$home/got" &
    sleep 1
    asks "dd if=/dev/urandom of=/tmp/f bs=64k count=$((bytes >> 16)) 2>/dev/null; nc $1 $(($2 + 1)) </tmp/f; echo up$2=\$(sha256sum </tmp/f | cut -c 1-16)=" \
        "up$2=[0-9a-f]+=" "$3: guest to host is sent" 300
    sleep 2
    got=$(sha256sum <"$home/got" | cut -c 1-16)
    asks "[ \$(sha256sum </tmp/f | cut -c 1-16) = $got ] && echo same-$2-\$((6*7))" \
        "same-$2-42" "$3: and arrives whole"
}

asks 'ls /sys/class/net | tr "\n" ,' 'eth0,eth1,eth2' "three cards"
asks 'udhcpc -i eth0 -q -n; ip addr show eth0 | grep "inet "' \
    'inet 10\.0\.2\.' "user network: an address by DHCP"
transfers 10.0.2.2 7000 "user network"

asks 'ip addr add 192.168.81.2/24 dev eth1; ip link set eth1 up; ip addr add 192.168.82.2/24 dev eth2; ip link set eth2 up; ls -d /sys/class/net/eth1/queues/rx-* | wc -l | sed "s/$/ pairs/"' \
    '2 pairs' "tap: two queue pairs"
if [ -e /dev/vhost-net ]; then
    # shellcheck disable=SC2009
    check "vhost-net serves it" bash -c \
        "find /proc/*/fd -lname /dev/vhost-net 2>/dev/null | grep -q ."
    check "and nothing fell back" bash -c \
        "! \"$carrel\" logs net | grep -q 'vhost-net is not used'"
else
    echo "# no /dev/vhost-net in this lab: served by Carrel"
fi
transfers 192.168.81.1 7100 "tap, vhost"
transfers 192.168.82.1 7200 "tap, no vhost"
asks 'grep -c "virtio[0-9]*-input" /proc/interrupts | sed "s/$/ receive vectors/"' \
    '4 receive vectors' "a vector for each queue"

check "the cable of the tap is pulled" "$carrel" net link net net1 down
asks 'sleep 1; echo carrier=$(cat /sys/class/net/eth1/carrier)=' 'carrier=0=' \
    "the guest sees it"
check "and plugged in again" "$carrel" net link net net1 up
asks 'sleep 1; echo carrier=$(cat /sys/class/net/eth1/carrier)=' 'carrier=1=' \
    "the guest sees that"
asks 'ping -c 3 -W 5 192.168.81.1 | grep -o "[0-9] packets received"' \
    '[1-3] packets received' "and frames pass again"
check "capture stops vhost" "$carrel" net capture net on "$home/frames.pcap" \
    --net net1
asks 'ping -c 3 -W 5 192.168.81.1 | grep -o "[0-9] packets received"' \
    '[1-3] packets received' "frames pass by way of this process"
check "capture ends" "$carrel" net capture net off --net net1
check "and its file has them" bash -c \
    "[ \$(stat -c %s $home/frames.pcap) -gt 300 ]"
asks 'ping -c 3 -W 5 192.168.81.1 | grep -o "[0-9] packets received"' \
    '[1-3] packets received' "and the kernel takes over again"
asks 'dmesg -r | grep "^<[0-3]>"; echo "end"' 'end' "no complaints"
check "the power button ends it" "$carrel" stop net --timeout 60
check "it is gone" gone net 10
check "nothing broke a ring" bash -c \
    "! \"$carrel\" logs net 2>/dev/null | grep -q 'stopped until'"
finish
